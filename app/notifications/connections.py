"""One connection to an endpoint: one request at a time, one answer read as far as it matters.

HTTP/1.1 over asyncio, read by httptools (the parser of Node.js). Of an answer only the status
and Retry-After count; its body is counted and dropped, never unpacked. An answer that is odd in
any way ends its connection: what came after it could be taken for the next one.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from app.notifications.addresses import Target

# An answer says yes or no; more than this nobody has to tell us.
ANSWER_BYTES = 4096
# Of all that is not the body: interim answers, headers, what surrounds chunks.
HEAD_BYTES = 65_536
# Statuses below this announce an answer and are none (RFC 9110, section 15.2).
FINAL = 200


class ConnectError(Exception):
    """There is no connection, or nobody there whom the certificate proves."""


class ConnectTimeout(ConnectError):
    """The connection was not made in time."""


class ConnectionLost(Exception):
    """The connection ended before the answer did. `unanswered` if not a byte of it had come."""

    def __init__(self, *, unanswered: bool) -> None:
        super().__init__("the connection ended before the answer did")
        self.unanswered = unanswered


class NotHttp(Exception):
    """What came is no answer in HTTP/1.1, or has no end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What counts of an answer; `retry_after` as it came, empty where there is none."""

    status_code: int
    retry_after: str


class Connection(asyncio.Protocol):
    """A connection to the address that was judged. Made by `connect`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser: HttpResponseParser
        self._waiting: asyncio.Future[Answer] | None = None
        self._reusable = True

    @property
    def is_usable(self) -> bool:
        """Whether it may carry another request."""
        return self._reusable and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and wait for its answer. Raises ConnectionLost, NotHttp."""
        self._parser = HttpResponseParser(self)
        self._received = self._body = 0
        self._head_ended = False
        # Without a length and without chunks the body ends where the connection does.
        self._delimited = False
        self._retry_after = b""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            if self._transport.is_closing():
                raise ConnectionLost(unanswered=True)
            self._transport.write(request)
            return await self._waiting
        finally:
            if not self._waiting.done() or self._waiting.cancelled():
                self.close()
            self._waiting = None

    def close(self) -> None:
        """End it at once, whatever is under way."""
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """More of the answer; with no request under way, a reason to end it."""
        if not self._is_waiting():
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(NotHttp("no answer in HTTP/1.1"))
            return
        self._bound()

    def connection_lost(self, _: Exception | None) -> None:
        """It is gone."""
        self._reusable = False
        if not self._is_waiting():
            return
        if self._head_ended and not self._delimited:
            self._answered()
        else:
            self._fail(ConnectionLost(unanswered=self._received == 0))

    # What httptools calls.

    def on_message_begin(self) -> None:
        """An answer begins. After one that has ended nothing may."""
        if not self._is_waiting():
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field of the head."""
        match name.lower():
            case b"retry-after":
                self._retry_after = value
            case b"content-length" | b"transfer-encoding":
                self._delimited = True

    def on_headers_complete(self) -> None:
        """The head has ended; of an interim answer nothing is kept."""
        self._head_ended = self._parser.get_status_code() >= FINAL

    def on_body(self, data: bytes) -> None:
        """A part of the body, as it came."""
        self._body += len(data)

    def on_message_complete(self) -> None:
        """The answer has ended, or an interim one has."""
        if self._head_ended:
            self._reusable = self._reusable and self._parser.should_keep_alive()
            self._answered()

    def _bound(self) -> None:
        """Wait for no more than there are bytes to be had."""
        if not self._is_waiting():
            return
        too_much = self._received > HEAD_BYTES
        if self._head_ended and (too_much or self._body > ANSWER_BYTES):
            self._answered()
            self._end()
        elif too_much:
            self._fail(NotHttp("a head without end"))

    def _is_waiting(self) -> bool:
        return self._waiting is not None and not self._waiting.done()

    def _answered(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            retry_after = self._retry_after.decode("latin-1")
            self._waiting.set_result(Answer(self._parser.get_status_code(), retry_after))

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        self._end()

    def _end(self) -> None:
        self._reusable = False
        self.close()


async def connect(target: Target, *, tls: ssl.SSLContext, patience: float) -> Connection:
    """A connection to the judged address within so many seconds; over TLS proven for the name.

    Raises ConnectError, ConnectTimeout.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(patience):
            _, connection = await loop.create_connection(
                Connection,
                target.address,
                target.port,
                ssl=tls if target.secure else None,
                server_hostname=target.host if target.secure else None,
            )
    except TimeoutError:
        raise ConnectTimeout("no connection in time") from None
    except OSError as error:  # of TLS as well
        raise ConnectError("no connection") from error
    return connection
