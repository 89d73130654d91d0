"""Sending one sealed message to one endpoint, within a total deadline and a cap on bytes.

A client of its own for each message: one shared pool of httpx collapses under concurrency,
and a pooled connection must never serve another host name (both were measured).
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache

import httpx

from app.access_log.receipt import HEADER
from app.notifications.addresses import (
    AddressRefused,
    EndpointRules,
    Resolve,
    Target,
    resolve_host,
)

# From connecting to the last byte of the answer: httpx's own time-outs are for each read.
DEADLINE_SECONDS = 10.0
# An answer says yes or no; more than this nobody has to tell us.
ANSWER_BYTES = 4096
MEDIA_TYPE = "application/jose"
GONE = 410
# The receiver has read enough to know that the same bytes will never do.
UNREADABLE = frozenset({400, 413, 415})
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
) -> Sent:
    """Post a sealed message. Every failure is an answer, none is raised.

    `receipt` is that of its entry in the log; what is about no person has none. `tls` is made by
    `tls_context`; with the system's authorities if it is None.
    """
    headers = {} if receipt is None else {HEADER: receipt}
    started = time.monotonic()
    try:
        async with asyncio.timeout(deadline):
            target = await asyncio.to_thread(rules.locate, url, resolve=resolve)
            status, retry_after = await _post(
                target, sealed, headers, tls=tls or tls_context(), deadline=deadline
            )
    except TimeoutError:
        return _failed("no answer in time", started)
    except AddressRefused as refused:
        return _failed(str(refused), started)
    except Exception as error:  # noqa: BLE001 - what a subscriber's server answers must not stop the sender
        return _failed(f"not reached: {type(error).__name__}", started)
    return Sent(
        status_code=status,
        problem=None if 200 <= status < 300 else f"answered {status}",  # noqa: PLR2004 - HTTP classes
        milliseconds=_milliseconds(started),
        retry_after=retry_after,
    )


async def _post(
    target: Target,
    sealed: str,
    further: Mapping[str, str],
    *,
    tls: ssl.SSLContext,
    deadline: float,
) -> tuple[int, int | datetime | None]:
    """Status and Retry-After. The connection goes to the address that was judged."""
    url = httpx.URL(target.url).copy_with(host=target.address)
    headers = {
        "Host": _host_header(target),
        "Content-Type": MEDIA_TYPE,
        "Accept-Encoding": "identity",
        **further,
    }
    async with (
        httpx.AsyncClient(
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            # The deadline ends the whole, but httpcore closes no socket whose handshake is
            # cancelled: a handshake that hangs has to end by itself, and before that.
            timeout=httpx.Timeout(deadline, connect=deadline / 3),
        ) as client,
        client.stream(
            "POST",
            url,
            content=sealed.encode(),
            headers=headers,
            extensions={"sni_hostname": target.host},
        ) as response,
    ):
        received = 0
        async for chunk in response.aiter_raw():
            received += len(chunk)
            if received > ANSWER_BYTES:
                break
        return response.status_code, _retry_after(response)


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{host}:{target.port}"


def _retry_after(response: httpx.Response) -> int | datetime | None:
    """Seconds or an HTTP date (RFC 9110, section 10.2.3); None for what is neither."""
    text = response.headers.get("retry-after", "")
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
