"""Who else calls beside the agencies of the notices: a second officer, a system without proofs.

And what stands between them and the service: a proxy before several interfaces, and a gate that
lets time pass only while no request is on its way.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx

from tests.notifications.agency import Agency


class SecondOfficer(Agency):
    """The same system, on behalf of somebody else."""

    @property
    def officer(self) -> str:
        return f"{self.agency_id}-officer-2"


class BearerSystem(Agency):
    """A system of an agency that cannot prove the possession of a key."""

    def credentials(self, method: str, address: str) -> dict[str, str]:  # noqa: ARG002 - as the others
        return {"Authorization": f"Bearer {self.token()}"}

    def proven(self, method: str, address: str, token: str | None = None) -> dict[str, str]:  # noqa: ARG002 - as the others
        return {}


class Proxy(httpx.BaseTransport):
    """Passes requests on to one interface after the other; to the next where one is not there."""

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = ports
        self._turns = count()
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=8))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        ports = list(self._ports.values())
        turn = next(self._turns)
        for place in range(len(ports)):
            request.url = request.url.copy_with(port=ports[(turn + place) % len(ports)])
            try:
                return self._inner.handle_request(request)
            except httpx.ConnectError:
                # Nothing was sent: another one may have it.
                if place == len(ports) - 1:
                    raise
        raise AssertionError("expected an interface")

    def close(self) -> None:
        self._inner.close()


@dataclass
class Gate:
    """Requests pass; to close it is to wait until none is on its way and to let none begin."""

    _condition: threading.Condition = field(default_factory=threading.Condition)
    _inside: int = 0
    _closed: bool = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def closed(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._closed = True
            self._condition.wait_for(lambda: self._inside == 0)
        try:
            yield
        finally:
            with self._condition:
                self._closed = False
                self._condition.notify_all()
