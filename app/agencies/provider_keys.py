"""The public keys of identity providers, from the addresses that are registered for them.

Kept for minutes, asked for anew at most every half minute: a token that names an unknown key
cannot make this service ask without end. An address that stands in a token is never followed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from app.agencies.proven_officers import ProvenOfficer, not_valid, read_subject_token
from app.agencies.registry import ProviderRecord
from app.crypto.encoding import read_json_object
from app.crypto.errors import CryptoError, UnknownKey
from app.crypto.signing_keys import KeySet

KEEP: Final = timedelta(minutes=5)
"""How long a key that its provider has withdrawn may still be taken."""

ASK_AGAIN: Final = timedelta(seconds=30)
FETCH_SECONDS: Final = 5.0
KEY_SET_BYTES: Final = 64 * 1024  # 32 keys of some 200 bytes, with room

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(slots=True)
class _Kept:
    """The keys of one address. `asked_at` is the last attempt, `fetched_at` the last success."""

    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    keys: KeySet | None = None
    fetched_at: datetime = LONG_AGO
    asked_at: datetime = LONG_AGO


class ProviderKeys:
    """Keeps key sets by their address. For the tasks of one event loop."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._kept: defaultdict[str, _Kept] = defaultdict(_Kept)

    async def read(
        self, subject_token: str, provider: ProviderRecord, *, at: datetime
    ) -> ProvenOfficer:
        """The officer that a provider's token proves; an OAuthError where it proves nobody."""
        keys = await self._keys(provider.jwks_uri, at=at, not_older_than=KEEP)
        try:
            return read_subject_token(subject_token, provider, keys, at=at)
        except UnknownKey:
            keys = await self._keys(provider.jwks_uri, at=at, not_older_than=ASK_AGAIN)
        try:
            return read_subject_token(subject_token, provider, keys, at=at)
        except UnknownKey as error:
            raise not_valid() from error

    async def _keys(self, address: str, *, at: datetime, not_older_than: timedelta) -> KeySet:
        """The keys at an address; those that are known while it does not answer, and are fresh."""
        kept = self._kept[address]
        async with kept.asking:  # many tokens at once ask once
            if at - kept.fetched_at >= not_older_than and at - kept.asked_at >= ASK_AGAIN:
                kept.asked_at = at
                if keys := await self._ask(address):
                    kept.keys, kept.fetched_at = keys, at
        if kept.keys is None or at - kept.fetched_at >= KEEP:
            raise not_valid()
        return kept.keys

    async def _ask(self, address: str) -> KeySet | None:
        try:
            return KeySet.from_jwks(read_json_object(await self._fetch(address)))
        except (CryptoError, httpx.HTTPError, TimeoutError):
            return None


async def fetch(address: str) -> bytes:
    """A small document of a registered address, within bounds; an HTTPError or TimeoutError.

    Nothing from the environment, no redirect: what is registered is what is asked.
    """
    async with (
        asyncio.timeout(FETCH_SECONDS),
        httpx.AsyncClient(trust_env=False, follow_redirects=False) as http,
        http.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        answer.raise_for_status()
        content = bytearray()
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > KEY_SET_BYTES:
                raise httpx.DecodingError("more than a key set has")
        return bytes(content)
