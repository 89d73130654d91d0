"""Exports as they are kept and written: begun anew after a death, and nothing after an erasure."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import orjson
import pytest
from sqlalchemy import Connection, func, select

from app.access_log import checkpoints, kept_exports, ledger
from app.access_log.erasure import erase_subject
from app.access_log.export import export
from app.access_log.export_rows import PORTION
from app.access_log.kept_exports import (
    EXPORT,
    LEASE,
    MOST_KEPT,
    PART,
    NewExport,
    NoLongerWritten,
    Part,
    State,
)
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Operation
from app.administration.purger import Purger
from app.audit.exporter import WRITERS, Exporter
from app.crypto.errors import DecryptionFailed
from app.crypto.key_ring import RandomBytes
from app.crypto.log_signing import LogSigningKey
from app.database import Database
from app.problems import Conflict
from tests.access_log.inclusion import proven

Record = Callable[..., ledger.AppendedEntry]
# More than a portion holds; few enough for a test of anything else.
LONG, SIZE = 70, 6


@pytest.fixture
def log(
    database: Database,
    record: Record,
    log_key: LogSigningKey,
    origin: str,
    at: datetime,
    size: int,
) -> Database:
    """A log about one person, signed."""

    def write(connection: Connection) -> None:
        for number in range(size):
            record(connection, number)
        ledger.integrate(connection)

    database.run_blocking(write)
    database.run_blocking(lambda c: checkpoints.publish(c, key=log_key, origin=origin, at=at))
    return database


@pytest.fixture
def size() -> int:
    return SIZE


@pytest.fixture
def clock(at: datetime) -> Callable[[], datetime]:
    return lambda: at


@pytest.fixture
def exporter(
    log: Database, log_keys: LogKeys, random_bytes: RandomBytes, clock: Callable[[], datetime]
) -> Exporter:
    return Exporter(database=log, keys=log_keys, random=random_bytes, clock=clock)


def keep(
    exporter: Exporter, export_format: str = "log", filters: str = "{}", *, size: int = SIZE
) -> str:
    export_id = exporter.random(16).hex()
    new = NewExport(
        export_id=export_id,
        client_id="auditor-1",
        format=export_format,
        filters=filters,
        tree_size=size,
        total=size,
    )
    exporter.database.run_blocking(
        lambda c: kept_exports.keep(
            c, new, keys=exporter.keys, random=exporter.random, at=exporter.clock()
        )
    )
    return export_id


def content(exporter: Exporter, export_id: str) -> bytes:
    def read(connection: Connection) -> bytes:
        content_id = content_id_of(connection, export_id) or ""
        numbers = kept_exports.part_numbers(connection, content_id)
        return b"".join(
            kept_exports.open_part(connection, content_id, number, keys=exporter.keys)
            for number in numbers
        )

    return exporter.database.read_blocking(read)


def content_id_of(connection: Connection, export_id: str) -> str | None:
    query = select(EXPORT.c.content_id).where(EXPORT.c.export_id == export_id)
    found: str | None = connection.scalars(query).one()
    return found


def claimed(exporter: Exporter, export_id: str) -> str:
    """The name of the content of an export that is being written now."""
    row = exporter.database.run_blocking(
        lambda c: kept_exports.claim(c, export_id, random=exporter.random, at=exporter.clock())
    )
    assert row is not None
    return str(row.content_id)


def write(
    exporter: Exporter, export_id: str, broken_off: Callable[[], bool] = lambda: False
) -> None:
    """Write an export, if nobody else does."""
    row = exporter.database.run_blocking(
        lambda c: kept_exports.claim(c, export_id, random=exporter.random, at=exporter.clock())
    )
    if row is not None:
        exporter.write(row, broken_off)


def stored(database: Database, export_id: str) -> tuple[str, int, int, int]:
    """State, rows looked at, entries, parts."""

    def read(connection: Connection) -> tuple[str, int, int, int]:
        row = connection.execute(select(EXPORT).where(EXPORT.c.export_id == export_id)).one()
        parts = select(func.count()).where(PART.c.content_id == row.content_id)
        return row.state, row.done, row.entries, connection.scalar(parts) or 0

    return database.read_blocking(read)


def part(opened_with: list[tuple[str, int]]) -> Part:
    return Part(
        number=0,
        content=b"of somebody",
        looked_at=1,
        entries=1,
        opened_with=opened_with,
    )


@pytest.mark.parametrize("size", [LONG])
def test_the_whole_log_is_written_as_it_is_read_at_once(
    log: Database, exporter: Exporter, log_keys: LogKeys, size: int
) -> None:
    export_id = keep(exporter, size=size)
    write(exporter, export_id)
    signed = log.read_blocking(checkpoints.latest)
    assert signed is not None
    at_once = log.read_blocking(lambda c: b"".join(export(c, signed, keys=log_keys)))
    assert content(exporter, export_id) == at_once
    assert stored(log, export_id) == (State.FINISHED, size, size, 3)


@pytest.mark.parametrize("size", [LONG])
def test_what_was_broken_off_is_begun_anew_by_whoever_finds_it_later(
    log: Database, exporter: Exporter, clock: Callable[[], datetime], size: int
) -> None:
    export_id = keep(exporter, "csv", size=size)
    rounds = count()

    def killed() -> bool:
        if next(rounds) > 0:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        write(exporter, export_id, killed)
    assert stored(log, export_id) == (State.RUNNING, PORTION, PORTION, 1)
    write(exporter, export_id)  # somebody may still be at it
    assert stored(log, export_id) == (State.RUNNING, PORTION, PORTION, 1)
    later = Exporter(
        database=log, keys=exporter.keys, random=exporter.random, clock=lambda: clock() + LEASE
    )
    assert log.read_blocking(lambda c: kept_exports.next_to_write(c, at=later.clock())) == export_id
    write(later, export_id)
    assert stored(log, export_id) == (State.FINISHED, size, size, 2)
    assert content(exporter, export_id).count(b"\r\n") == 1 + size


def test_what_somebody_was_asked_to_stop_is_begun_anew_by_others_at_once(
    log: Database, exporter: Exporter
) -> None:
    export_id = keep(exporter, "csv", size=PORTION + 1)
    rounds = count()
    write(exporter, export_id, lambda: next(rounds) > 0)
    assert stored(log, export_id)[0] == State.WAITING
    write(exporter, export_id)
    assert stored(log, export_id) == (State.FINISHED, PORTION + 1, PORTION + 1, 2)


def test_who_lost_an_export_to_another_writes_nothing_more(
    log: Database, exporter: Exporter
) -> None:
    export_id, at = keep(exporter), exporter.clock()
    first = claimed(exporter, export_id)
    second = log.run_blocking(
        lambda c: kept_exports.claim(c, export_id, random=exporter.random, at=at + LEASE)
    )
    assert second is not None

    def add(connection: Connection, content_id: str) -> bool:
        return kept_exports.add_part(
            connection, content_id, part([]), keys=exporter.keys, random=exporter.random, at=at
        )

    with pytest.raises(NoLongerWritten):
        log.run_blocking(partial(add, content_id=first))
    assert log.run_blocking(partial(add, content_id=second.content_id))


def test_parts_that_no_export_names_are_deleted_a_few_at_a_time(
    log: Database, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_exports, "DELETED_AT_ONCE", 1)
    gone, kept = keep(exporter), keep(exporter)
    for export_id in (gone, kept):
        write(exporter, export_id)
    log.run_blocking(lambda c: kept_exports.forget(c, gone))
    assert count_parts(log) == 4
    asyncio.run(Purger(database=log, clock=exporter.clock).round())
    assert (count_parts(log), stored(log, kept)[3]) == (2, 2)
    expired = exporter.clock() + kept_exports.KEPT_FOR
    asyncio.run(Purger(database=log, clock=lambda: expired).round())
    assert count_parts(log) == 0
    assert log.read_blocking(lambda c: c.execute(select(EXPORT)).all()) == []


def count_parts(database: Database) -> int:
    query = select(func.count()).select_from(PART)
    return database.read_blocking(lambda c: c.scalar(query)) or 0


def test_an_erasure_takes_the_content_of_every_export_away(
    log: Database, exporter: Exporter, log_keys: LogKeys
) -> None:
    finished, waiting = keep(exporter), keep(exporter, filters='{"subject_index": "of-person-1"}')
    failed = keep(exporter, filters='{"subject_index": "of-person-1"}')
    claimed(exporter, failed)
    log.run_blocking(lambda c: kept_exports.fail(c, failed))
    write(exporter, finished)
    assert content(exporter, finished)
    content_id = log.read_blocking(lambda c: content_id_of(c, finished)) or ""

    def erase(connection: Connection) -> int:
        erase_subject(connection, log_keys.subject_index("person-1"))
        return kept_exports.drop_all(connection)

    assert log.run_blocking(erase) == 3
    for export_id in (finished, waiting, failed):
        assert stored(log, export_id)[0] == State.DROPPED
        assert content(exporter, export_id) == b""
    rows = log.read_blocking(lambda c: c.execute(select(EXPORT)).all())
    assert [(row.wrapped_key, row.filters, row.sha256) for row in rows] == [(None, "{}", None)] * 3
    write(exporter, waiting)  # it is not written any more
    assert stored(log, waiting)[0] == State.DROPPED
    with pytest.raises(DecryptionFailed):
        log.read_blocking(lambda c: kept_exports.open_part(c, content_id, 0, keys=log_keys))


def test_exports_wait_for_one_another_in_threads_of_their_own(exporter: Exporter) -> None:
    written, export_id = threading.Event(), keep(exporter)
    row = exporter.database.run_blocking(
        lambda c: kept_exports.claim(c, export_id, random=exporter.random, at=exporter.clock())
    )
    assert row is not None

    async def attempt() -> None:
        async with asyncio.timeout(0.1):
            await exporter.attempt(row)

    try:
        for _ in range(2):
            WRITERS.submit(written.wait, 60)
        with pytest.raises(TimeoutError):
            asyncio.run(attempt())
    finally:
        written.set()
    assert stored(exporter.database, export_id)[:2] == (State.RUNNING, 0)


def test_what_an_erasure_took_away_can_be_asked_for_again(
    log: Database, exporter: Exporter
) -> None:
    for _ in range(MOST_KEPT):
        keep(exporter)
    with pytest.raises(Conflict):
        keep(exporter)
    log.run_blocking(kept_exports.drop_all)
    write(exporter, keep(exporter))


def test_what_was_opened_before_an_erasure_is_not_stored_after_it(
    log: Database, exporter: Exporter, log_keys: LogKeys
) -> None:
    """Also by an export that began behind the erasure's back, which did not see it."""
    subject = log_keys.subject_index("person-1")
    opened_with = [(subject, exporter.clock().year)]
    log.run_blocking(lambda c: erase_subject(c, subject))
    export_id = keep(exporter)
    at, random, content_id = exporter.clock(), exporter.random, claimed(exporter, export_id)
    assert not log.run_blocking(
        lambda c: kept_exports.add_part(
            c, content_id, part(opened_with), keys=log_keys, random=random, at=at
        )
    )
    assert count_parts(log) == 0


def test_an_export_that_an_erasure_did_not_see_is_dropped_at_its_end(
    log: Database, exporter: Exporter, log_keys: LogKeys, record: Record
) -> None:
    """Else it would show rows that nothing in it explains."""

    def erase(connection: Connection) -> None:
        erase_subject(connection, log_keys.subject_index("person-1"))
        record(connection, 9, person=None, operation=Operation.ERASURE)

    log.run_blocking(erase)
    export_id = keep(exporter)
    write(exporter, export_id)
    assert stored(log, export_id)[0] == State.DROPPED
    assert content(exporter, export_id) == b""


def test_an_erasure_waits_for_a_part_that_is_being_stored_and_takes_it(
    log: Database, exporter: Exporter, log_keys: LogKeys
) -> None:
    subject, at = log_keys.subject_index("person-1"), exporter.clock()
    export_id = keep(exporter)
    content_id = claimed(exporter, export_id)
    opened = part([(subject, at.year)])
    storing, erasing = threading.Event(), threading.Event()

    def store(connection: Connection) -> bool:
        done = kept_exports.add_part(
            connection, content_id, opened, keys=log_keys, random=exporter.random, at=at
        )
        storing.set()
        erasing.wait(0.2)
        return done

    def erase(connection: Connection) -> None:
        erase_subject(connection, subject)
        kept_exports.drop_all(connection)
        erasing.set()

    stores = log.submit(store)
    assert storing.wait(10)
    erases = log.submit(erase)
    assert stores.result()
    erases.result()
    # The part is there, and nothing that opens it.
    assert stored(log, export_id)[0::3] == (State.DROPPED, 0)
    with pytest.raises(DecryptionFailed):
        log.read_blocking(lambda c: kept_exports.open_part(c, content_id, 0, keys=log_keys))
    asyncio.run(Purger(database=log, clock=exporter.clock).round())
    assert count_parts(log) == 0


def test_rows_of_a_person_who_was_erased_prove_themselves_as_before(
    log: Database, exporter: Exporter, log_keys: LogKeys
) -> None:
    log.run_blocking(lambda c: erase_subject(c, log_keys.subject_index("person-1")))
    export_id = keep(exporter, "jsonl", '{"officer_id": "officer-5"}')
    write(exporter, export_id)
    [_, line] = content(exporter, export_id).splitlines()
    row = orjson.loads(line)
    assert proven(row["leaf"].encode(), row["proof"]) == SIZE - 1
    assert row["missing"] == {"personal": "erased"}
    assert set(row["sections"]) == {"circumstances", "actor", "grounds"}


def test_where_hashes_are_lost_an_export_fails_and_says_so(
    log: Database, exporter: Exporter
) -> None:
    log.run_blocking(
        lambda c: c.execute(ledger.LOOKUP.delete().where(ledger.LOOKUP.c.log_index == 4))
    )
    export_id = keep(exporter, "fhir")
    write(exporter, export_id)
    assert stored(log, export_id)[0::3] == (State.FAILED, 0)


def test_an_export_is_its_clients_until_it_expires(log: Database, exporter: Exporter) -> None:
    export_id, at = keep(exporter), exporter.clock()
    last = at + kept_exports.KEPT_FOR - timedelta(seconds=1)
    for client_id, when, found in (
        ("auditor-1", last, True),
        ("auditor-1", last + timedelta(seconds=1), False),
        ("auditor-2", at, False),
    ):
        look = partial(kept_exports.find, export_id=export_id, client_id=client_id, at=when)
        row = log.read_blocking(look)
        assert (row is not None) is found
