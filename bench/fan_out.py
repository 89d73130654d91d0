"""The fan-out of one event to 10,000 subscriptions, beside a bare `INSERT ... SELECT`.

Both put as many rows into the same table, with its indices and foreign keys, in transactions that
are rolled back. `publish` finds who is competent for the person and gives each delivery a random
`jti`; `bare` copies the subscriptions with constants and random bytes in the place of the `jti`.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, literal, select

from app.agencies.registry import ACTIVE, AGENCY, CLIENT, COMPETENCE
from app.database import make_engine, table_of
from app.files.tables import InmateFile
from app.outbox.deliveries import DELIVERY, QUEUED
from app.outbox.events import Audience, NewEvent, publish, store
from app.outbox.subscriptions import ACTIVE as VERIFIED
from app.outbox.subscriptions import SUBSCRIPTION
from app.tables import METADATA

COUNT = 10_000
OF_ONE_AGENCY = 20
ROUNDS = 9
BAR = 2.0
AT = datetime(2027, 3, 3, 9, tzinfo=UTC)
PLACE = "XK-A"
ROLE = "probation_service"
PERSON = "person"


def fill(connection: Connection) -> None:
    """Agencies that are all competent for one person, with their subscriptions."""
    agencies = [f"agency-{number:04}" for number in range(COUNT // OF_ONE_AGENCY)]
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


def ours(connection: Connection) -> None:
    """What the product does."""
    audience = Audience(roles=frozenset({ROLE}))
    told = publish(connection, _event(), audience, new_id=lambda: token_hex(16), at=AT)
    assert told == COUNT, told  # noqa: S101 - what reached fewer is no measure


def bare(connection: Connection) -> None:
    """The same rows by one statement that looks at nothing."""
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
    connection.execute(insert(DELIVERY).from_select([*values], select(*values.values())))


def _uuid() -> Any:  # noqa: ANN401 - a function of SQL
    return func.gen_random_uuid().cast(DELIVERY.c.jti.type)


def milliseconds(engine: Engine, work: Callable[[Connection], None]) -> float:
    """Of the work alone; what it wrote is rolled back."""
    with engine.connect() as connection:
        transaction = connection.begin()
        started = time.perf_counter()
        work(connection)
        taken = time.perf_counter() - started
        transaction.rollback()
    return taken * 1e3


def measure(url: str) -> dict[str, float]:
    """Medians of several rounds, in turns; the ratio is that within a round."""
    engine = make_engine(url)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        fill(connection)
    rounds = [(milliseconds(engine, ours), milliseconds(engine, bare)) for _ in range(ROUNDS)]
    engine.dispose()
    return {
        "ms_publish": statistics.median(one for one, _ in rounds),
        "ms_bare": statistics.median(other for _, other in rounds),
        "ratio": statistics.median(one / other for one, other in rounds),
    }


def missed(measured: Mapping[str, Any]) -> list[str]:
    """The bars that were not reached."""
    return ["ratio"] if measured["ratio"] > BAR else []
