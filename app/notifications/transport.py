"""Sending one sealed message to one endpoint, within a total deadline and a cap on bytes.

Over a connection of that endpoint alone (`kept`). One shared pool collapses under concurrency,
and a pooled connection must never serve another host name: both were measured. What no later
layer can undo stands here: nothing of the environment is read and no redirect is followed.
"""

import asyncio
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache, partial

from app.access_log.receipt import HEADER
from app.notifications.addresses import (
    HTTP_PORT,
    HTTPS_PORT,
    AddressRefused,
    EndpointRules,
    Resolve,
    resolve_host,
)
from app.notifications.connections import ANSWER_BYTES, Answer, ConnectionLost, connect
from app.notifications.kept import Endpoint, Held, KeptConnections

__all__ = ["ANSWER_BYTES", "Sent", "send", "tls_context"]

# From resolving the name to the last byte of the answer.
DEADLINE_SECONDS = 10.0
MEDIA_TYPE = "application/jose"
GONE = 410
# The receiver has read enough to know that the same bytes will never do.
UNREADABLE = frozenset({400, 413, 415})
# Threads of their own: an endpoint's slow name server holds up no reading and no sequencer.
LOOK_UPS = ThreadPoolExecutor(32, thread_name_prefix="name look-up")
# Whose requests' beginnings are remembered, of some hundred bytes each.
ENDPOINTS = 1024
# More seconds than that are as good as never; longer numbers are not even read.
LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How a message was taken: a status, or a problem when there was none.

    `retry_after` is in seconds, or a moment. `ours` says that it never came to sending,
    `confirmed` that whoever polled it has it.
    """

    status_code: int | None
    problem: str | None
    milliseconds: int
    retry_after: int | datetime | None = None
    ours: bool = False
    confirmed: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the receiver said that it has it: 2xx, or a word of its own."""
        answered = self.status_code is not None and 200 <= self.status_code < 300  # noqa: PLR2004 - HTTP classes
        return self.confirmed or answered


async def send(
    url: str,
    sealed: str,
    *,
    rules: EndpointRules,
    receipt: str | None = None,
    resolve: Resolve = resolve_host,
    tls: ssl.SSLContext | None = None,
    deadline: float = DEADLINE_SECONDS,
    kept: KeptConnections | None = None,
) -> Sent:
    """Post a sealed message. Every failure is an answer, none is raised.

    `receipt` is that of its entry in the log; what is about no person has none. `tls` is made by
    `tls_context`; with the system's authorities if it is None. Without `kept` the connection ends
    with the answer.
    """
    started = time.monotonic()
    connections = kept or KeptConnections()
    try:
        async with asyncio.timeout(deadline):
            request = _request(_head(rules, url), sealed, receipt)
            endpoint = Endpoint(url, rules, tls or tls_context())
            answer = await _post(endpoint, request, connections, resolve, deadline=deadline)
    except TimeoutError:
        return _failed("no answer in time", started)
    except AddressRefused as refused:
        return _failed(str(refused), started)
    except Exception as error:  # noqa: BLE001 - what a subscriber's server answers must not stop the sender
        return _failed(f"not reached: {type(error).__name__}", started)
    finally:
        if kept is None:
            connections.close()
    status = answer.status_code
    return Sent(
        status_code=status,
        problem=None if 200 <= status < 300 else f"answered {status}",  # noqa: PLR2004 - HTTP classes
        milliseconds=_milliseconds(started),
        retry_after=_retry_after(answer.retry_after),
    )


async def _post(
    endpoint: Endpoint,
    request: bytes,
    kept: KeptConnections,
    resolve: Resolve,
    *,
    deadline: float,
) -> Answer:
    """The answer, over a connection that is kept or else a new one to an address judged now."""
    held = kept.take(endpoint)
    if held is not None:
        try:
            return await _exchange(held, request, kept)
        except ConnectionLost as lost:
            # The receiver had let go of it meanwhile, or else lets go of the next one, too. The
            # same bytes have the same `jti`: should they arrive twice, they are taken once.
            if not lost.unanswered:
                raise
    locate = partial(endpoint.rules.locate, endpoint.url, resolve=resolve)
    target = await asyncio.get_running_loop().run_in_executor(LOOK_UPS, locate)
    # A receiver that takes no connection is told from one that takes it and says nothing.
    connection = await connect(target, tls=endpoint.tls, patience=deadline / 3)
    return await _exchange(kept.hold(connection, endpoint), request, kept)


async def _exchange(held: Held, request: bytes, kept: KeptConnections) -> Answer:
    answer = await held.connection.exchange(request)
    kept.keep(held)
    return answer


@lru_cache(maxsize=ENDPOINTS)
def _head(rules: EndpointRules, url: str) -> str:
    """How a request to this endpoint begins; AddressRefused where these rules refuse it.

    Equal rules say the same of an address again, and what they let through holds no blank and no
    control.
    """
    parts = rules.check_url(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    port = parts.port or (HTTPS_PORT if parts.scheme == "https" else HTTP_PORT)
    lines = (
        f"POST {target} HTTP/1.1",
        f"Host: {host}:{port}",
        f"Content-Type: {MEDIA_TYPE}",
        "Accept-Encoding: identity",
    )
    return "\r\n".join(lines)


def _request(head: str, sealed: str, receipt: str | None) -> bytes:
    """The whole request (RFC 9112)."""
    with_receipt = "" if receipt is None else f"{HEADER}: {receipt}\r\n"
    return f"{head}\r\nContent-Length: {len(sealed)}\r\n{with_receipt}\r\n{sealed}".encode("ascii")


def _retry_after(text: str) -> int | datetime | None:
    """Seconds or an HTTP date (RFC 9110, section 10.2.3); None for what is neither."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text[:LONGEST_NUMBER])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment


@cache
def tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """How receivers are authenticated. One context for all: building it costs 21 ms.

    `authorities` are certificates in PEM; the system's if it is None. A name counts only where
    RFC 9525 has it: OpenSSL would also take the subject of a certificate that has none there.
    """
    context = ssl.create_default_context(cadata=authorities)
    context.hostname_checks_common_name = False
    return context


def _failed(problem: str, started: float) -> Sent:
    return Sent(status_code=None, problem=problem, milliseconds=_milliseconds(started))


def _milliseconds(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
