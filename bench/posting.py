"""Sealing a message and posting it, beside a plain POST of the same bytes by aiohttp.

`ours` is for each message: the recipient's key read, the token signed, padded and sealed, and
sent through `app.notifications.transport`, with addresses judged, to one of 16 endpoints. `send`
is the last of it alone. `peer` is one aiohttp session that posts bytes sealed before; `shared` is
one httpx client with one pool of 64 connections that does the same. All have 64 under way on one
event loop (uvloop), in turns, without TLS; the receiver has a process of its own.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import aiohttp
import httpx
import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa

from app.crypto.encoding import encode_base64url
from app.crypto.sealing_keys import EncryptionKey
from app.crypto.signing_keys import SigningKey
from app.notifications.addresses import EndpointRules
from app.notifications.envelope import MEDIA_TYPE, Message, enclose
from app.notifications.kept import KeptConnections
from app.notifications.transport import send
from bench.receiver import Receiver, receiving

CONCURRENCY = 64
ENDPOINTS = 16
ROUNDS = 7
# Messages of each side in a round: of the slow one, what takes about as long.
COUNTS = {"peer": 2000, "ours": 1000, "send": 2000, "shared": 60}
AT = datetime(2027, 3, 3, 9, tzinfo=UTC)

Post = Callable[[], Awaitable[object]]


def make_seal() -> Callable[[], str]:
    """Seals a notice of the usual size, from the claims and the recipient's key as it is stored."""
    signer = SigningKey.generate()
    numbers = rsa.generate_private_key(65537, 2048).public_key().public_numbers()
    stored = {
        "kty": "RSA",
        "n": encode_base64url(numbers.n.to_bytes(256, "big")),
        "e": encode_base64url(numbers.e.to_bytes(3, "big")),
    }
    message = Message(
        audience="probation-1",
        jti="0" * 32,
        txn="1" * 32,
        event_type="release_planned",
        event={"milestones": ["T-90"], "released": {"release": {"note": "x" * 500}}},
        reference="2" * 32,
        sequence={"subscriber": 7, "person": 2},
    )
    return lambda: enclose(
        message,
        issuer="https://exchange.example",
        signer=signer,
        recipient=EncryptionKey.from_jwk(stored),
        at=AT,
    )


async def per_second(post: Post, count: int) -> tuple[float, float]:
    """Messages in a second, and microseconds of this process for each."""
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await post()

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    used, taken = time.process_time() - used, time.perf_counter() - started
    return count / taken, used / count * 1e6


async def in_turns(receiver: Receiver) -> list[dict[str, tuple[float, float]]]:
    """Rate and cost of each side, round after round."""
    seal = make_seal()
    sealed = seal()
    body = sealed.encode()
    headers = {"Content-Type": MEDIA_TYPE, "Accept-Encoding": "identity"}
    rules = EndpointRules(allow_loopback=True)
    endpoints = cycle([receiver.url(f"in/{number}") for number in range(ENDPOINTS)])
    plain = receiver.url("in")
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    kept = KeptConnections()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session,
        httpx.AsyncClient(trust_env=False, limits=limits) as client,
    ):

        async def peer() -> None:
            async with session.post(plain, data=body, headers=headers) as answer:
                await answer.read()

        async def ours(given: str | None = None) -> None:
            sent = await send(next(endpoints), given or seal(), rules=rules, kept=kept)
            assert sent.accepted, sent.problem  # noqa: S101 - what failed is no measure

        async def shared() -> None:
            await client.post(plain, content=body, headers=headers)

        sides: Mapping[str, Post] = {
            "peer": peer,
            "ours": ours,
            "send": lambda: ours(sealed),
            "shared": shared,
        }
        for side in sides.values():
            await per_second(side, CONCURRENCY)  # open connections
        found = [
            {name: await per_second(side, COUNTS[name]) for name, side in sides.items()}
            for _ in range(ROUNDS)
        ]
    kept.close()
    return found


def measure() -> dict[str, Any]:
    """Medians of the rounds; ratios are those within a round."""
    with pinned() as other, receiving(core=other) as receiver:
        rounds = uvloop.run(in_turns(receiver))
    return {
        "concurrency": CONCURRENCY,
        "per_second": _medians(rounds, 0),
        "us_of_processor": _medians(rounds, 1),
        "ratio_to_aiohttp": statistics.median(r["ours"][0] / r["peer"][0] for r in rounds),
        "ratio_to_aiohttp_by_processor": statistics.median(
            r["peer"][1] / r["ours"][1] for r in rounds
        ),
        "ratio_to_shared_httpx": statistics.median(r["ours"][0] / r["shared"][0] for r in rounds),
    }


def _medians(rounds: list[dict[str, tuple[float, float]]], which: int) -> dict[str, float]:
    return {name: statistics.median(one[name][which] for one in rounds) for name in COUNTS}


@contextmanager
def pinned() -> Iterator[int | None]:
    """Work on one core, and give another one for the receiver; None where there is but one."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:  # noqa: PLR2004 - one for each side
        yield None
        return
    os.sched_setaffinity(0, cores[:1])
    try:
        yield cores[1]
    finally:
        os.sched_setaffinity(0, cores)
