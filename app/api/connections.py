"""Connections with limits: how long the head of a request may be, and how long it may take.

The server below hands a request over once its head is complete; before that nothing of ours
would see it, however long it is and however slowly it comes.
"""

from asyncio import Transport
from asyncio.events import TimerHandle
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.answers import HEADERS, problem_answer
from app.problems import RequestTimedOut, ThroughcareError

# An access token and a proof of 8 kB each (the limits of `app.crypto`), and as much besides.
MOST_BYTES = 32_768
# A client of ours sends ten; a proxy adds some.
MOST_FIELDS = 64
# A head fits a few packets: who needs longer is holding the connection, not sending.
SECONDS = 20.0


class HeadTooLarge(ThroughcareError):
    """More header fields, or more bytes of them, than a request needs (RFC 6585)."""

    status = 431
    title = "The header fields are too large"
    slug = "head-too-large"


class Unreadable(ThroughcareError):
    """It is no request of HTTP/1.1."""

    status = 400
    title = "The request cannot be read"
    slug = "unreadable"


class BoundedConnection(HttpToolsProtocol):
    """One connection. What it refuses is a problem document with the headers of every answer."""

    # How long the head of a request may take from its connection, or its first byte, on.
    seconds = SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as uvicorn makes it
        super().__init__(*args, **kwargs)
        # Paths hold references: no setting of the server puts them into a log.
        self.access_log = False
        self._refusal: ThroughcareError | None = None
        self._patience: TimerHandle | None = None
        self._heading = True
        self._fields = self._read = self._waiting = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as its own
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a line that does not end is counted too, though the parser keeps it."""
        super().data_received(data)
        if self._heading and not self.transport.is_closing():
            self._waiting += len(data)
            if self._waiting > MOST_BYTES:
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._heading = True
        self._fields = self._read = self._waiting = 0
        if self._patience is None:
            self._wait()

    def on_url(self, url: bytes) -> None:
        """Count the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a field."""
        self._fields += 1
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: from here on the body has its own limits."""
        self._heading = False
        self._wait_no_more()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser gave up."""
        del msg
        self._refuse(self._refusal or Unreadable("expected a request of HTTP/1.1"))

    def _count(self, length: int) -> None:
        self._read += length
        if self._read > MOST_BYTES or self._fields > MOST_FIELDS:
            self._refusal = _too_large()
            raise self._refusal  # the parser gives up, and `send_400_response` is called

    def _wait(self) -> None:
        self._patience = self.loop.call_later(self.seconds, self._give_up)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        self._refuse(RequestTimedOut("the head of the request did not come in time"))

    def _refuse(self, problem: ThroughcareError) -> None:
        answer = problem_answer(problem)
        fields = [*answer.raw_headers, *HEADERS, (b"connection", b"close")]
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        status = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n".encode()
        self.transport.write(b"%b%b\r\n%b" % (status, head, bytes(answer.body)))
        self.transport.close()


def _too_large() -> HeadTooLarge:
    return HeadTooLarge(f"expected at most {MOST_FIELDS} fields and {MOST_BYTES} bytes")
