"""Keys, entries and whole exports for the tests of the log. All of it is made up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection

from app.access_log import export, ledger
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.entry import Actor, Entry, Grounds, Subject
from app.access_log.erasure import ERASED_ENTRIES
from app.access_log.merkle import leaf_hash, root
from app.access_log.note import Verifier
from app.access_log.opened_entry import ERASED, OpenedEntry
from app.access_log.sealing import LogKeys, SealedEntry, seal_entry
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.crypto.key_ring import RandomBytes
from app.crypto.log_signing import LogSigningKey
from tests.keys import RING

MakeEntry = Callable[..., Entry]
Record = Callable[..., ledger.AppendedEntry]
MakeExport = Callable[..., list[bytes]]
ERASED_ENTRY, ERASURE = 2, 4


@pytest.fixture(scope="session")
def origin() -> str:
    return "log.example/access"


@pytest.fixture(scope="session")
def at() -> datetime:
    return datetime(2026, 3, 2, 8, 30, 0, 125, tzinfo=UTC)


@pytest.fixture(scope="session")
def random_bytes() -> RandomBytes:
    """Bytes that are the same in every run and never twice the same in one."""
    return Random(20260302).randbytes  # noqa: S311 - repeatable on purpose


@pytest.fixture(scope="session")
def log_keys() -> LogKeys:
    return LogKeys(
        log_retention=bytes(range(32)),
        blind_index=bytes(range(32, 64)),
        key_encryption=RING.key_encryption,
    )


@pytest.fixture(scope="session")
def log_key() -> LogSigningKey:
    return LogSigningKey.from_seed(bytes(range(64, 96)))


@pytest.fixture(scope="session")
def verifier(origin: str, log_key: LogSigningKey) -> Verifier:
    return Verifier.of(origin, log_key)


@pytest.fixture(scope="session")
def make_entry() -> MakeEntry:
    """An entry of a read; `person=None` for one that is about nobody."""

    def make(number: int = 0, *, person: str | None = "person-1", **changes: object) -> Entry:
        entry = Entry(
            operation=Operation.DISCLOSURE,
            channel=Channel.READ,
            outcome=Outcome.RELEASED,
            actor=Actor(agency="agency-1", client="client-1", officer=f"officer-{number}"),
            grounds=Grounds(purpose="release_preparation", legal_basis="basis-1"),
            subject=None if person is None else Subject(person=person, reference="ref-1"),
            fields={"released": [{"path": "a.b", "form": "full", "policies": ["p1"]}]},
            payload={"length": number, "sha256": "0" * 64},
        )
        return replace(entry, **changes)  # type: ignore[arg-type]  # a test names real members

    return make


@pytest.fixture(scope="session")
def seal(
    make_entry: MakeEntry, log_keys: LogKeys, random_bytes: RandomBytes, origin: str, at: datetime
) -> Callable[..., SealedEntry]:
    """A sealed entry; its person's key is 32 zero bytes."""

    def make(number: int = 0, *, origin: str = origin, **changes: object) -> SealedEntry:
        entry = make_entry(number, **changes)
        return seal_entry(
            entry,
            at=at + timedelta(seconds=number),
            keys=log_keys,
            person_key=None if entry.subject is None else bytes(32),
            random=random_bytes,
            origin=origin,
            policy_digest="sha256:0",
        )

    return make


@pytest.fixture(scope="session")
def make_export(
    seal: Callable[..., SealedEntry], log_key: LogSigningKey, origin: str
) -> MakeExport:
    """The lines of an export of `size` entries, without a database.

    Entry 1 is about nobody, entry 2 about a person who was erased (unless that was not
    `carried_out`), and entry 4 is the erasure's.
    """

    def make(
        size: int,
        *,
        leaf_origin: str = origin,
        first_leaf: bytes | None = None,
        carried_out: bool = True,
    ) -> list[bytes]:
        sealed: list[SealedEntry] = []
        for number in range(size):
            changes: dict[str, object] = {"person": None if number == 1 else "person-1"}
            if number == ERASURE:
                fields = {ERASED_ENTRIES: [sealed[ERASED_ENTRY].id]}
                changes = {"person": None, "operation": Operation.ERASURE, "fields": fields}
            sealed.append(seal(number, origin=leaf_origin, **changes))
        if first_leaf is not None:
            sealed[0] = replace(sealed[0], leaf=first_leaf, leaf_hash=leaf_hash(first_leaf))
        hashes = [entry.leaf_hash for entry in sealed]
        signed = signed_checkpoint(hashes, origin, log_key)
        tiles = [
            export.tile_line(start // 256, hashes[start : start + 256])
            for start in range(0, size, 256)
        ]
        rows = [
            export.entry_line(opened(entry, index, erased=carried_out and index == ERASED_ENTRY))
            for index, entry in enumerate(sealed)
        ]
        return [export.header_line(signed), *tiles, *rows]

    return make


def signed_checkpoint(hashes: list[bytes], origin: str, key: LogSigningKey) -> SignedCheckpoint:
    checkpoint = Checkpoint(origin, len(hashes), root(hashes))
    return SignedCheckpoint(checkpoint, sign_checkpoint(checkpoint, key))


def opened(sealed: SealedEntry, index: int, *, erased: bool) -> OpenedEntry:
    kept = ("circumstances", "actor", "grounds") if erased else tuple(sealed.openings)
    return OpenedEntry(
        index=index,
        id=sealed.id,
        leaf=sealed.leaf,
        openings={name: sealed.openings[name] for name in kept},
        missing={"personal": ERASED} if erased else {},
    )


@pytest.fixture
def record(
    make_entry: MakeEntry, log_keys: LogKeys, random_bytes: RandomBytes, origin: str, at: datetime
) -> Record:
    """Append an entry; its officer's number tells it from others."""

    def append(
        connection: Connection, number: int = 0, *, when: datetime = at, **changes: object
    ) -> ledger.AppendedEntry:
        return ledger.append(
            connection,
            make_entry(number, **changes),
            keys=log_keys,
            random=random_bytes,
            at=when,
            origin=origin,
            policy_digest="sha256:0",
        )

    return append
