"""A large access log, made with the product's own sealing, tables and `integrate`.

Entries are sealed in other processes and inserted many at a time: `append` would write the same
rows one by one. One in a hundred is the read of a whole file; the others name one of a list, as
reads of lists do for each person: the most frequent kind, and the smallest.
"""

import secrets
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, cast

import psycopg
from psycopg.sql import SQL
from sqlalchemy import Connection, Engine, Table

from app.access_log import ledger, person_keys
from app.access_log.canonical_json import JsonObject
from app.access_log.entry import Actor, Entry, Grounds, Subject
from app.access_log.sealing import LogKeys, seal_entry
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration import data_keys
from app.crypto.key_ring import KeyRing
from app.crypto.log_signing import LogSigningKey
from app.crypto.signing_keys import SigningKey
from app.files.catalogue import FIELDS
from app.instants import microseconds

AT = datetime(2027, 3, 3, 9, tzinfo=UTC)
ORIGIN = "log.example/access-log"
DIGEST = f"sha256:{'0' * 64}"
PERSONS, OFFICERS, AGENCIES = 10_000, 1_000, 100
# One entry of this many has what hardly any other one has: two pages of them at most.
RARE = 50_000
WHOLE_FILE = 100
PATHS = tuple(FIELDS)
LISTED: JsonObject = {"released": [], "withheld": [], "reason": "case-listed"}
# Rows of one transaction; and of one portion that another process seals.
TRANSACTION, PORTION = 50_000, 2_000
PROCESSES = 2
RING = KeyRing(
    data_encryption=bytes(range(32)),
    log_retention=bytes(range(1, 33)),
    blind_index=bytes(range(2, 34)),
    token_signing=SigningKey.generate(),
    notification_signing=SigningKey.generate(),
    log_signing=LogSigningKey.from_seed(bytes(32)),
)
KEYS = LogKeys.of(RING)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Portion:
    """Entries that one process seals: their numbers, and the keys of the persons."""

    numbers: range
    person_keys: dict[str, bytes]


def make_entry(number: int) -> Entry:
    """An entry like those of a service at work; one in RARE is of a rare kind in every column."""
    rare = number % RARE == RARE - 1
    agency = number * 7 % AGENCIES
    whole = number % WHOLE_FILE == 0
    fields, payload, inputs = _of_whole_file() if whole else (LISTED, None, None)
    return Entry(
        operation=Operation.ERASURE if rare else Operation.DISCLOSURE,
        channel=Channel.READ if whole else Channel.PUSH,
        outcome=Outcome.CANCELLED if rare else Outcome.RELEASED,
        actor=Actor(
            agency=f"agency-{agency}",
            client=f"agency-{agency}-1",
            officer=f"officer-{number * 11 % OFFICERS}",
            function="caseworker",
            assurance="asserted",
        ),
        grounds=Grounds(
            purpose="court_report" if rare else "supervision",
            legal_basis="basis-rare" if rare else "basis-of-the-agreement",
        ),
        subject=Subject(_person(number), f"{number % PERSONS:032x}"),
        fields=fields,
        payload=payload,
        inputs=inputs,
    )


def _of_whole_file() -> tuple[JsonObject, JsonObject, JsonObject]:
    """Fields, payload and inputs of a read of which a third was released."""
    released = [
        {"field": path, "form": "full", "policies": [f"{path}.rule"]} for path in PATHS[:30]
    ]
    withheld = [{"field": path, "reason": "no-permit"} for path in PATHS[30:]]
    return (
        {"released": released, "withheld": withheld},
        {"media_type": "application/json", "length": 7_000, "sha256": "0" * 64},
        {"request": {"role": "probation_service", "days_to_release": 40}, "day": "2027-03-03"},
    )


def when(number: int) -> datetime:
    """The moment of an entry: some hundred in a second, all within the year of the keys."""
    return AT + timedelta(milliseconds=4 * number)


def seal_portion(portion: Portion) -> list[tuple[Row, Row]]:
    """The rows of these entries, as `append` would write them."""
    return [_sealed(number, portion.person_keys) for number in portion.numbers]


def _sealed(number: int, keys: dict[str, bytes]) -> tuple[Row, Row]:
    entry, at = make_entry(number), when(number)
    subject = _person(number)
    sealed = seal_entry(
        entry,
        at=at,
        keys=KEYS,
        person_key=keys[subject],
        random=secrets.token_bytes,
        origin=ORIGIN,
        policy_digest=DIGEST,
    )
    index = KEYS.subject_index(subject)
    pending = ledger.pending_row(entry, sealed, at=at, subject_index=index)
    return ledger.entry_row(sealed), {**pending, "recorded_at": microseconds(at)}


def grow(engine: Engine, size: int) -> None:
    """Let the log of a database grow to so many entries."""
    with engine.begin() as connection:
        keys = make_persons(connection)
        begun = ledger.read_head(connection).size
    with ProcessPoolExecutor(PROCESSES) as processes:
        portions = [
            Portion(range(start, min(start + PORTION, size)), keys)
            for start in range(begun, size, PORTION)
        ]
        sealed = _in_order(processes, portions)
        while part := list(islice(sealed, TRANSACTION // PORTION)):
            rows = [row for portion in part for row in portion]
            with engine.begin() as connection:
                insert(connection, ledger.ENTRY, [entry for entry, _ in rows])
                insert(connection, ledger.PENDING, [pending for _, pending in rows])
                ledger.integrate(connection)


def insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Insert many rows as fast as each database can."""
    names, values = ", ".join(rows[0]), [tuple(row.values()) for row in rows]
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(rows[0]))
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", values)  # noqa: S608 - names of our own
        return
    cursor = cast("psycopg.Connection", connection.connection.driver_connection).cursor()
    with cursor.copy(
        SQL("COPY {} ({}) FROM STDIN").format(SQL(table.name), SQL(names))
    ) as copy:  # names of our own
        for row in values:
            copy.write_row(row)


def _in_order(
    processes: ProcessPoolExecutor, portions: list[Portion]
) -> Iterator[list[tuple[Row, Row]]]:
    """Portion after portion; no more are made ahead than are inserted at once."""
    ahead = TRANSACTION // PORTION
    waiting = [processes.submit(seal_portion, portion) for portion in portions[:ahead]]
    for number in range(len(portions)):
        if number + ahead < len(portions):
            waiting.append(processes.submit(seal_portion, portions[number + ahead]))
        yield waiting.pop(0).result()


def make_persons(connection: Connection) -> dict[str, bytes]:
    """The key of each person for the year."""
    data_keys.register(connection, RING)
    return {
        person: person_keys.find_or_create(
            connection,
            KEYS.subject_index(person),
            AT.year,
            keys=KEYS,
            random=secrets.token_bytes,
        )
        for person in map(_person, range(PERSONS))
    }


def _person(number: int) -> str:
    return f"person-{number * 13 % PERSONS}"
