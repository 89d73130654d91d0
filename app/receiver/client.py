"""The client of an agency: asks the service on behalf of one officer, for one purpose.

Every call carries an access token; one that the service no longer takes is renewed once. All
methods raise `ServiceError`: unreachable, refused, or not the agreed answer.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Final, Self
from urllib.parse import quote

import httpx

from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ServiceRefused, UnexpectedAnswer
from app.receiver.exchange import ANSWER_BYTES, Answer, exchange, open_connections, save
from app.receiver.tokens import TokenSource
from throughcare_receiver.errors import NoteRefused, UnsafeKey
from throughcare_receiver.keys import KeySet
from throughcare_receiver.note import LogKey
from throughcare_receiver.promises import BrokenPromise, check_promises
from throughcare_receiver.receipt import check_receipt
from throughcare_receiver.receiver import Clock, utc_now
from throughcare_receiver.statements import Acknowledgement, acknowledgement, verification_response
from throughcare_receiver.store import NotificationStore

LOGGER: Final = logging.getLogger("throughcare.receiver")

NOT_CHECKED: Final = (
    "receipts are neither checked nor kept: the configuration has no log_key, which is the key "
    "of the log as the agreement has it"
)

RECEIPT: Final = "disclosure-receipt"
"""The header with the log's word that the disclosure in the body is on record."""

_ABOUT_A_PERSON: Final = re.compile(r"/v1/inmate-files/[^/]+(/explanation)?$")
"""Where the service discloses: each answer has a receipt."""

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_PROOF_BYTES: Final = 64 * 1024  # 63 hashes, and a checkpoint with the signatures of witnesses
_KEY_SET_BYTES: Final = 64 * 1024  # 32 keys of some 200 bytes, with room


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as the service knows it; `status` in the words of the service.

    One that is not pushed to an endpoint is polled.
    """

    subscription_id: str
    status: str
    is_pushed: bool = True


class AgencyClient:
    """Talks to the service. Safe to use from several threads; to be closed at the end."""

    def __init__(
        self,
        configuration: AgencyConfiguration,
        *,
        clock: Clock = utc_now,
        receipts: NotificationStore | None = None,
    ) -> None:
        """Load the signing key; nothing is sent yet.

        Args:
            configuration: of the agency.
            clock: the present time.
            receipts: where those of answers are kept, so that the log can be held to them.

        Raises:
            ConfigurationError: the key cannot be used.
        """
        self._issuer = configuration.issuer
        self._client_id = configuration.client_id
        self._clock = clock
        self._log = configuration.log
        self._log_key = f"{configuration.file or 'configuration'}: log_key"
        self._has_warned = False
        self._receipts = receipts
        self._key = configuration.load_signing_key()
        self._connections = open_connections()
        self._tokens = TokenSource(configuration, self._key, self._connections, clock=clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the service."""
        self._connections.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """Call the service with an access token.

        Args:
            method: of HTTP.
            path: below the issuer, with a slash in front and already escaped.
            query: of the address.
            json: body of the request, or
            content: its bytes; their `Content-Type` stands among the headers.
            headers: further ones, `If-Match` for one.
            max_bytes: largest answer that is read.
        """
        request = self._connections.build_request(
            method,
            f"{self._issuer}{path}",
            params=query,
            json=json,
            content=content,
            headers=headers,
        )
        token = self._tokens.current()
        try:
            return self._send(request, token, max_bytes=max_bytes)
        except ServiceRefused as refusal:
            if refusal.status != _UNAUTHORIZED:
                raise
        # The token may have been withdrawn or the service's key changed. Once: an agency that
        # is no longer registered gets the same answer again.
        self._tokens.forget(token)
        return self._send(request, self._tokens.current(), max_bytes=max_bytes)

    def save(self, path: str, file: BinaryIO) -> int:
        """Write what stands at a path to a file, however long it is; its bytes."""
        request = self._connections.build_request("GET", f"{self._issuer}{path}")
        request.headers.update(self.credentials("GET", path))
        return save(self._connections, request, file)

    def credentials(self, method: str, path: str) -> dict[str, str]:
        """The headers of one request by other means, with a token that is good for a while."""
        return self._tokens.credentials(
            self._tokens.current(), method=method, address=f"{self._issuer}{path}"
        )

    def _send(self, request: httpx.Request, token: str, *, max_bytes: int) -> Answer:
        request.headers.update(
            self._tokens.credentials(token, method=request.method, address=str(request.url))
        )
        answer = exchange(self._connections, request, max_bytes=max_bytes)
        if self._log:
            self._check_receipt(self._log, request, answer)
        elif RECEIPT in answer.headers and not self._has_warned:
            self._has_warned = True
            LOGGER.warning(NOT_CHECKED)
        return answer

    def _check_receipt(self, log: Sequence[LogKey], request: httpx.Request, answer: Answer) -> None:
        """Nothing about a person is used that comes without the log's receipt."""
        held = answer.headers.get(RECEIPT)
        if held is None:
            if request.method == "GET" and _ABOUT_A_PERSON.search(request.url.path):
                raise UnexpectedAnswer("the file came without a receipt of the log")
            return
        try:
            receipt = check_receipt(held, body=answer.content, log=log, at=self._clock())
        except NoteRefused as error:
            known = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in log)
            raise NoteRefused(
                f"{self._log_key} ({known}) is not what signed the receipt: {error}"
            ) from None
        if self._receipts is not None:
            self._receipts.keep_receipt(receipt)

    def read_file(self, reference: str) -> dict[str, Any]:
        """What this agency may see of an inmate file for its purpose.

        Where the log's key is known, an answer without its receipt is refused.
        """
        return self.request("GET", f"/v1/inmate-files/{_escaped(reference)}").json()

    def cases(self) -> Iterator[dict[str, Any]]:
        """The cases of this agency, page by page; each has a `reference`."""
        after: str | None = None
        while True:
            query = {"after": after} if after is not None else None
            page = self.request("GET", "/v1/cases", query=query).json()
            yield from _cases_of(page)
            following = page.get("next")
            if following is None:
                return
            if not isinstance(following, str) or following == after:
                raise UnexpectedAnswer("the list of cases does not come to an end")
            after = following

    def subscribe(self, endpoint: str | None, encryption_jwk: Mapping[str, str]) -> Subscription:
        """Ask for notifications at an endpoint, or to be polled, sealed to a key.

        The service verifies both.
        """
        where = {"delivery": "poll"} if endpoint is None else {"endpoint": endpoint}
        body = {**where, "encryption_jwk": dict(encryption_jwk)}
        return _subscription_of(self.request("POST", "/v1/subscriptions", json=body))

    def subscription(self, subscription_id: str) -> Subscription:
        """A subscription as it is now."""
        path = f"/v1/subscriptions/{_escaped(subscription_id)}"
        return _subscription_of(self.request("GET", path))

    def change_subscription(self, subscription_id: str, changes: Mapping[str, Any]) -> Subscription:
        """Give a subscription another endpoint or key; the service verifies it anew."""
        path = f"/v1/subscriptions/{_escaped(subscription_id)}"
        return _subscription_of(self.request("PATCH", path, json=changes))

    def acknowledge(self, jti: str, kind: Acknowledgement) -> None:
        """Tell the service, signed, that a notification is here and what we make of it."""
        statement = acknowledgement(
            self._key,
            client_id=self._client_id,
            issuer=self._issuer,
            jti=jti,
            kind=kind,
            at=self._clock(),
        )
        path = f"/v1/notifications/{_escaped(jti)}/acknowledgement"
        self.request("POST", path, json={"acknowledgement": statement})

    def verify_subscription(self, subscription_id: str, nonce: str) -> None:
        """Give the nonce of a verification back, signed."""
        statement = verification_response(
            self._key,
            client_id=self._client_id,
            issuer=self._issuer,
            subscription_id=subscription_id,
            nonce=nonce,
            at=self._clock(),
        )
        path = f"/v1/subscriptions/{_escaped(subscription_id)}/verification"
        self.request("POST", path, json={"response": statement})

    def broken_promises(self, store: NotificationStore) -> tuple[BrokenPromise, ...]:
        """What the log owes by now and cannot prove; nothing where no log is known."""
        if not self._log:
            return ()
        return check_promises(store, log=self._log, proof_of=self._proof_of, at=self._clock())

    def _proof_of(self, entry_id: str) -> str | None:
        """The proof that an entry is in the log. No token is needed for it."""
        address = f"{self._issuer}/log/proof/{_escaped(entry_id)}"
        try:
            answer = exchange(
                self._connections,
                self._connections.build_request("GET", address),
                max_bytes=_PROOF_BYTES,
            )
        except ServiceRefused as refusal:
            if refusal.status != _NOT_FOUND:
                raise
            return None
        return answer.content.decode("utf-8", "replace")

    def sender_keys(self) -> KeySet:
        """The public keys that the service signs with. No token is needed for them."""
        request = self._connections.build_request("GET", f"{self._issuer}/.well-known/jwks.json")
        answer = exchange(self._connections, request, max_bytes=_KEY_SET_BYTES)
        try:
            return KeySet.from_jwks(answer.json())
        except UnsafeKey as error:
            raise UnexpectedAnswer(f"the service's keys: {error}") from None


def _subscription_of(answer: Answer) -> Subscription:
    members = answer.json()
    subscription_id, status = members.get("subscription_id"), members.get("status")
    if not isinstance(subscription_id, str) or not isinstance(status, str):
        raise UnexpectedAnswer("the service gave no subscription")
    return Subscription(
        subscription_id=subscription_id,
        status=status,
        is_pushed=members.get("delivery") != "poll",
    )


def _cases_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    cases = page.get("cases")
    if not isinstance(cases, list) or not all(
        isinstance(case, dict) and isinstance(case.get("reference"), str) for case in cases
    ):
        raise UnexpectedAnswer("the service gave no list of cases")
    return cases


def _escaped(segment: str) -> str:
    """One segment of a path, whatever it holds."""
    return quote(segment, safe="")
