"""One request and its whole answer over HTTP, bounded in time and in bytes.

No proxy or credentials from the environment, no redirects, no compression: an answer is read
piece by piece, so that a slow or an endless one is cut off. The time allowed is checked at
every piece; between two pieces the time-outs of the connection hold.
"""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, BinaryIO, Final

import httpx

from app.receiver.errors import ServiceRefused, ServiceUnreachable, UnexpectedAnswer
from throughcare_receiver.encoding import read_json_object
from throughcare_receiver.errors import Malformed

PIECE_SECONDS: Final = 5.0
"""Longest wait for a connection, and for each piece of an answer."""

ANSWER_SECONDS: Final = 30.0
"""Longest time for a whole answer."""

ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Largest answer. An inmate file has some 50 kB; a page of the access log less than a megabyte."""

_MAX_FINDINGS: Final = 10  # of a problem document that go into an error message
_MAX_WORDS: Final = 500  # characters of a foreign text that go into an error message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A successful answer (2xx). Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """The JSON object that was sent.

        Raises:
            UnexpectedAnswer: it is not one.
        """
        try:
            return read_json_object(self.content)
        except Malformed:
            raise UnexpectedAnswer("the service's answer is not a JSON object") from None


def open_connections() -> httpx.Client:
    """Connections to the service. To be closed by whoever opened them."""
    return httpx.Client(
        verify=_authorities(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(PIECE_SECONDS),
        headers={"Accept-Encoding": "identity", "User-Agent": "throughcare-receiver"},
    )


@cache
def _authorities() -> ssl.SSLContext:
    """How the service is authenticated. One context for all: building it costs 40 ms."""
    return httpx.create_ssl_context(trust_env=False)


def exchange(
    connections: httpx.Client,
    request: httpx.Request,
    *,
    max_bytes: int = ANSWER_BYTES,
    within_s: float = ANSWER_SECONDS,
) -> Answer:
    """Send a request and read the answer.

    Raises:
        ServiceUnreachable: no whole answer within the bounds.
        ServiceRefused: any other status than 2xx.
    """
    deadline = time.monotonic() + within_s
    with _sent(connections, request) as response:
        content = _read(response, max_bytes=max_bytes, deadline=deadline)
    if not response.is_success:
        raise _refusal(response.status_code, content)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, content=content)


def save(connections: httpx.Client, request: httpx.Request, file: BinaryIO) -> int:
    """Send a request and write the answer to a file; how many bytes it has.

    It may be as long as it likes and take its time, but for each piece. Raises as `exchange`.
    """
    length = 0
    with _sent(connections, request) as response:
        if not response.is_success:
            deadline = time.monotonic() + ANSWER_SECONDS
            content = _read(response, max_bytes=ANSWER_BYTES, deadline=deadline)
            raise _refusal(response.status_code, content)
        for piece in response.iter_raw():
            length += file.write(piece)
    return length


@contextmanager
def _sent(connections: httpx.Client, request: httpx.Request) -> Iterator[httpx.Response]:
    """The answer, to be read within the block; what breaks off is ServiceUnreachable."""
    try:
        response = connections.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()
    # UnicodeError: a name that cannot be one of a host.
    except (httpx.HTTPError, UnicodeError) as error:
        # Its text may hold the path, and what stands in it.
        origin = f"{request.url.scheme}://{request.url.netloc.decode()}"
        kind = type(error).__name__
        raise ServiceUnreachable(f"no answer from the service at {origin} ({kind})") from None


def _read(response: httpx.Response, *, max_bytes: int, deadline: float) -> bytes:
    content = bytearray()
    for piece in response.iter_raw():
        content += piece
        if len(content) > max_bytes:
            raise ServiceUnreachable(f"the service's answer has more than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise ServiceUnreachable("the service's answer did not arrive in time")
    return bytes(content)


def _refusal(status: int, content: bytes) -> ServiceRefused:
    """From a problem document (RFC 9457) or an error of the token endpoint (RFC 6749, 5.2)."""
    try:
        document = read_json_object(content)
    except Malformed:
        document = {}
    title = _words(document.get("title", document.get("error")))
    return ServiceRefused(
        status,
        title=title or httpx.codes.get_reason_phrase(status),
        detail=_words(document.get("detail", document.get("error_description"))),
        findings=tuple(_findings(document.get("errors"))),
    )


def _findings(errors: object) -> Iterator[str]:
    """The first findings of a problem document, whatever stands there."""
    for error in errors[:_MAX_FINDINGS] if isinstance(errors, list) else ():
        if isinstance(error, dict):
            yield f"{_words(error.get('pointer'))}: {_words(error.get('message'))}"


def _words(value: object) -> str:
    """A text of the service, without what would disturb a terminal or a log."""
    text = value if isinstance(value, str) else ""
    return "".join(character if character.isprintable() else " " for character in text)[:_MAX_WORDS]
