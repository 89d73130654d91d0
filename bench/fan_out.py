"""The fan-out of one event to 10,000 subscriptions, beside a bare `INSERT ... SELECT`.

Both put as many rows into the same table, with its indices and foreign keys, in transactions that
are rolled back. `publish` finds who is competent for the person and gives each delivery a random
`jti`; `bare` copies the subscriptions with constants and random bytes in the place of the `jti`.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, literal, select

from app.agencies.registry import ACTIVE, AGENCY, CLIENT, COMPETENCE
from app.engines import make_engine
from app.files.tables import InmateFile
from app.outbox.deliveries import DELIVERY, QUEUED
from app.outbox.events import Audience, NewEvent, publish, store
from app.outbox.subscriptions import ACTIVE as VERIFIED
from app.outbox.subscriptions import SUBSCRIPTION
from app.rows import table_of
from app.tables import METADATA
from bench.processor import seconds_with_server

COUNT = 10_000
OF_ONE_AGENCY = 20
ROUNDS = 9
AT = datetime(2027, 3, 3, 9, tzinfo=UTC)
PLACE = "XK-A"
ROLE = "probation_service"
PERSON = "person"


def fill(connection: Connection, *, start: int = 0, count: int = COUNT) -> None:
    """Agencies that are all competent for one person, with their subscriptions.

    Those from `start` up to `count`: what is there before stays.
    """
    numbers = range(start // OF_ONE_AGENCY, count // OF_ONE_AGENCY)
    agencies = [f"agency-{number:06}" for number in numbers]
    clients = [(agency, f"{agency}-{n:02}") for agency in agencies for n in range(OF_ONE_AGENCY)]
    common = {"country": "XK", "standing_acceptance": False, "fallback": False}
    standing = {"status": ACTIVE, "created_at": AT}
    connection.execute(
        insert(AGENCY),
        [{"agency_id": one, "name": one, "role": ROLE, **common, **standing} for one in agencies],
    )
    connection.execute(
        insert(COMPETENCE), [{"agency_id": one, "municipality": PLACE} for one in agencies]
    )
    connection.execute(
        insert(CLIENT),
        [
            {"agency_id": agency, "client_id": one, "jwks": {}, "bearer_allowed": False, **standing}
            for agency, one in clients
        ],
    )
    connection.execute(
        insert(SUBSCRIPTION), [_subscription(agency, client) for agency, client in clients]
    )
    if start == 0:
        connection.execute(
            insert(table_of(InmateFile)).values(
                person_id=PERSON,
                custodian=agencies[0],
                version=1,
                return_municipality=PLACE,
                updated_at=AT,
            )
        )


def _subscription(agency: str, client: str) -> dict[str, Any]:
    return {
        "subscription_id": token_hex(16),
        "agency_id": agency,
        "client_id": client,
        "officer_id": "officer",
        "purpose": "release_preparation",
        "legal_basis": "basis",
        "endpoint": "https://receiver.example/in",
        "encryption_jwk": {},
        "status": VERIFIED,
        "proven": True,
        "challenge": 0,
        "handshakes": 0,
        "next_handshake_at": AT,
        "last_sequence": 0,
        "created_at": AT,
        "paused": False,
        "failures": 0,
        "heartbeat_at": AT,
    }


def _event() -> NewEvent:
    return NewEvent(
        event_id=token_hex(16),
        person_id=PERSON,
        event_type="release_planned",
        release_date=date(2027, 6, 1),
        notice={"milestones": ["T-90"]},
        priority="routine",
    )


def ours(connection: Connection) -> int:
    """What the product does; how many were told."""
    audience = Audience(roles=frozenset({ROLE}))
    return publish(connection, _event(), audience, new_id=lambda: token_hex(16), at=AT)


def bare(connection: Connection) -> int:
    """The same rows by one statement that looks at nothing; how many."""
    event = _event()
    store(connection, event, at=AT)
    sqlite = connection.dialect.name == "sqlite"
    jti = func.hex(func.randomblob(16)) if sqlite else func.replace(_uuid(), "-", "")
    values = {
        "jti": jti,
        "event_id": literal(event.event_id),
        "subscription_id": SUBSCRIPTION.c.subscription_id,
        "agency_id": SUBSCRIPTION.c.agency_id,
        "person_id": literal(PERSON),
        "status": literal(QUEUED),
        "rank": literal(2),
        "created_at": literal(AT, DELIVERY.c.created_at.type),
        "attempts": literal(0),
        "next_attempt_at": literal(AT, DELIVERY.c.next_attempt_at.type),
    }
    rows = insert(DELIVERY).from_select([*values], select(*values.values()))
    return connection.execute(rows, execution_options={"preserve_rowcount": True}).rowcount


def _uuid() -> Any:  # noqa: ANN401 - a function of SQL
    return func.gen_random_uuid().cast(DELIVERY.c.jti.type)


def milliseconds(
    engine: Engine, work: Callable[[Connection], int], count: int
) -> tuple[float, float]:
    """By the clock and of the processor, of the work alone; what it wrote is rolled back."""
    with engine.connect() as connection:
        transaction = connection.begin()
        used, started = seconds_with_server(connection), time.perf_counter()
        told = work(connection)
        taken = time.perf_counter() - started
        used = seconds_with_server(connection) - used
        transaction.rollback()
    assert told == count, told  # noqa: S101 - what reached fewer is no measure
    return taken * 1e3, used * 1e3


def in_turns(engine: Engine, count: int) -> dict[str, float]:
    """Medians of several rounds; the ratio is that within a round. Processor time is a mean."""
    rounds = [
        (milliseconds(engine, ours, count), milliseconds(engine, bare, count))
        for _ in range(ROUNDS)
    ]
    return {
        "ms_publish": statistics.median(one[0] for one, _ in rounds),
        "ms_bare": statistics.median(other[0] for _, other in rounds),
        "us_of_processor_publish": statistics.mean(one[1] for one, _ in rounds) / count * 1e3,
        "us_of_processor_bare": statistics.mean(other[1] for _, other in rounds) / count * 1e3,
        "ratio": statistics.median(one[0] / other[0] for one, other in rounds),
    }


def measure(url: str) -> dict[str, float]:
    """Both, of one event to all of them."""
    engine = make_engine(url)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        fill(connection)
    measured = in_turns(engine, COUNT)
    engine.dispose()
    return measured
