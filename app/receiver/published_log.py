"""What a log publishes at its address (C2SP tlog-tiles): hashes to all, leaves to auditors."""

from types import TracebackType
from typing import Final, Self

from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration, check_address
from app.receiver.errors import ConfigurationError, ServiceRefused
from app.receiver.exchange import exchange, open_connections

LARGEST_TILE: Final = 32 * 1024 * 1024  # 256 leaves of at most 64 kB and their lengths
_ENTRIES: Final = "tile/entries/"
_NOT_FOUND: Final = 404


class PublishedLog:
    """Reads from the log of a service. To be closed at the end."""

    def __init__(self, address: str, *, auditor: AgencyConfiguration | None = None) -> None:
        """Nothing is read yet.

        Args:
            address: of the service, as the issuer in an agency's configuration.
            auditor: who reads leaves; each such read is an entry of the log itself.

        Raises:
            ConfigurationError: the address cannot be used, or is not the auditor's service.
        """
        self._address = address.removesuffix("/")
        check_address("address", self._address)
        if auditor is not None and auditor.issuer != self._address:
            raise ConfigurationError("the configuration is for another service than the address")
        self._auditor = None if auditor is None else AgencyClient(auditor)
        self._connections = open_connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connections.close()
        if self._auditor is not None:
            self._auditor.close()

    def fetch(self, path: str) -> bytes | None:
        """What the log has under a path, `tile/0/000` for one; None where it has nothing.

        Raises ServiceError.
        """
        try:
            if self._auditor is not None and path.startswith(_ENTRIES):
                return self._auditor.request("GET", f"/log/{path}", max_bytes=LARGEST_TILE).content
            request = self._connections.build_request("GET", f"{self._address}/log/{path}")
            return exchange(self._connections, request).content
        except ServiceRefused as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            return None
