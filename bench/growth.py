"""How many bytes each part adds to the database, made with the product's own functions.

    python -m bench.growth

On both databases, with all indices, as it stands after it was written: on PostgreSQL with the
rows that updates left behind. In turn: agencies (each with a client and an officer), files of
made-up persons, cases (an accepted assignment with the agency's reference), subscriptions that are
proven, deliveries that were sent at the first attempt and acknowledged, one event for each
hundred, and entries of the access log. The time is that of this process, without the server's.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from secrets import token_bytes, token_hex
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from app.agencies import registry
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.cases import assignments, references
from app.cases.assignments import Offer
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import SigningKey
from app.engines import empty_journal, make_engine
from app.files import store
from app.files.catalogue import FIELDS
from app.files.store import StoredFile
from app.outbox import deliveries, events, subscriptions
from app.outbox.deliveries import DELIVERY, SENT, Try
from app.outbox.events import NewEvent
from app.outbox.subscriptions import NewSubscription
from app.population.generate import generate
from app.tables import METADATA
from bench import large_log, results
from bench.databases import databases
from bench.delivery import shown

# Enough that whole pages of every table and index are filled.
AGENCIES, FILES, SUBSCRIPTIONS, DELIVERIES, ENTRIES = 500, 500, 500, 2_000, 10_000
DELIVERIES_OF_AN_EVENT = 100
SEED = 20_270_303
AT = datetime(2027, 3, 3, 9, tzinfo=UTC)
ROLE, MUNICIPALITY, PURPOSE = "probation_service", "XK-GJILAN", "release_preparation"
# 2,048 bits, as in a JSON Web Key; what the key is does not matter to a size.
ENCRYPTION_JWK = {"kty": "RSA", "use": "enc", "kid": "k" * 43, "n": "n" * 342, "e": "AQAB"}
# What of each part is added: the count is that of `ENTRIES` and so on.
SIZES = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
}


@dataclass
class Growing:
    """A database that grows, and who and what is in it already."""

    engine: Engine
    persons: list[str]

    def size(self) -> int:
        """Bytes of all tables with their indices."""
        empty_journal(self.engine)
        with self.engine.connect() as connection:
            return int(connection.scalar(text(SIZES[connection.dialect.name])) or 0)

    def add(self, work: Callable[[Connection], None], count: int) -> dict[str, float]:
        """What this adds, for each of so many."""
        before, used = self.size(), time.process_time()
        with self.engine.begin() as connection:
            work(connection)
        used = time.process_time() - used
        return {
            "bytes": (self.size() - before) / count,
            "us_of_processor": used / count * 1e6,
        }

    def agencies(self, connection: Connection) -> None:
        """Each with a municipality, a client and an officer."""
        jwks = public_jwks([SigningKey.generate()])
        for number in range(AGENCIES):
            name = f"agency-{number:06}"
            agency = AgencyRecord(
                agency_id=name,
                name=f"Probation office of the municipality {number}",
                role=ROLE,
                country="XK",
                municipalities=frozenset({MUNICIPALITY}),
            )
            client = ClientRecord(
                client_id=f"{name}-client",
                agency_id=name,
                jwks=jwks,
                grounds=on_basis(f"illustrative:{ROLE}", PURPOSE),
            )
            registry.add_agency(connection, agency, at=AT)
            registry.add_client(connection, client, at=AT)
            registry.add_officer(
                connection, agency_id=name, officer_id="officer-1", function="officer", at=AT
            )

    def files(self, connection: Connection) -> None:
        """All sections that the made-up persons have, under keys of their own."""
        for record in generate(FILES, seed=SEED, today=date(2027, 3, 3)):
            file = StoredFile(
                person_id=token_hex(16),
                custodian=_agency(0),
                sections=dict(_stamped(record["sections"])),
            )
            store.create(connection, file, ring=large_log.RING, at=AT, random=token_bytes)
            self.persons.append(file.person_id)

    def cases(self, connection: Connection) -> None:
        """One agency has the case of each person."""
        for person_id in self.persons:
            offer = Offer(
                assignment_id=token_hex(16),
                person_id=person_id,
                agency_id=_agency(1),
                by_agency=_agency(0),
                by_officer="officer-1",
            )
            ring = large_log.RING
            assignments.offer(connection, offer, ring=ring, standing_acceptance=True, at=AT)
            references.ensure(
                connection,
                ring=ring,
                agency_id=_agency(1),
                person_id=person_id,
                at=AT,
                random=token_bytes,
            )

    def subscriptions(self, connection: Connection) -> None:
        """One of each agency."""
        for number in range(SUBSCRIPTIONS):
            new = NewSubscription(
                subscription_id=f"{number:032x}",
                agency_id=_agency(number),
                client_id=f"{_agency(number)}-client",
                officer_id="officer-1",
                purpose=PURPOSE,
                legal_basis=f"illustrative:{ROLE}",
                endpoint="https://receiver.example/notices",
                encryption_jwk=ENCRYPTION_JWK,
            )
            subscriptions.add(connection, new, at=AT)
            subscriptions.activate(connection, new.subscription_id, at=AT)

    def deliveries(self, connection: Connection) -> None:
        """Each was claimed, sent and acknowledged."""
        for number in range(DELIVERIES // DELIVERIES_OF_AN_EVENT):
            event = NewEvent(
                event_id=token_hex(16),
                person_id=self.persons[number],
                event_type="release_planned",
                release_date=date(2027, 6, 1),
                notice={"milestones": ["T-90"]},
                priority="routine",
            )
            moment = events.store(connection, event, at=AT)
            to = [
                (token_hex(16), f"{place:032x}", _agency(place))
                for place in range(DELIVERIES_OF_AN_EVENT)
            ]
            events.enqueue(connection, event, to, created_at=moment, at=AT)
            for jti, _, _ in to:
                _send(connection, jti, number)


def _send(connection: Connection, jti: str, sequence: int) -> None:
    claimed = {"lease": "lease", "lease_until": AT}
    connection.execute(DELIVERY.update().where(DELIVERY.c.jti == jti).values(**claimed))
    deliveries.number(connection, jti, sequence=sequence)
    tried = Try(jti=jti, number=1, started_at=AT, milliseconds=20, status_code=202)
    deliveries.log_attempt(connection, tried)
    assert deliveries.finish(connection, jti, lease="lease", status=SENT)  # noqa: S101 - a step left out is no measure
    deliveries.acknowledge(connection, jti, kind="received", at=AT)


def _agency(number: int) -> str:
    return f"agency-{number % AGENCIES:06}"


def _stamped(sections: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """As intake stores them: whose a value is, since when, and of what nature."""
    stamp = {"source_agency": _agency(0), "recorded_at": AT.isoformat()}
    for section, fields in sections.items():
        yield (
            section,
            {
                name: {**value, "nature": FIELDS[f"{section}.{name}"].nature.value, **stamp}
                for name, value in fields.items()
            },
        )


def measure(url: str) -> dict[str, Any]:
    """Bytes and time of each part, in the order in which they need one another."""
    engine = make_engine(url)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        large_log.make_persons(connection)  # and the keys that wrap keys
    growing = Growing(engine, [])
    parts = {
        "agency": growing.add(growing.agencies, AGENCIES),
        "file": growing.add(growing.files, FILES),
        "case": growing.add(growing.cases, FILES),
        "subscription": growing.add(growing.subscriptions, SUBSCRIPTIONS),
        "delivery": growing.add(growing.deliveries, DELIVERIES),
        "entry": _entries(growing),
    }
    with engine.connect() as connection:
        finished = connection.scalar(select(DELIVERY.c.jti).where(DELIVERY.c.status != SENT))
    assert finished is None  # noqa: S101 - what did not end is no measure
    engine.dispose()
    return parts


def _entries(growing: Growing) -> dict[str, float]:
    """Of the log. The keys of its persons were there; other processes seal, so no time is taken."""
    before = growing.size()
    large_log.grow(growing.engine, ENTRIES)
    return {"bytes": (growing.size() - before) / ENTRIES}


def main() -> int:
    """Measure, print and write down."""
    with databases() as urls:
        document: dict[str, Any] = {kind: measure(url) for kind, url in urls.items()}
    results.write("growth", document, packages=("sqlalchemy", "psycopg"))
    shown({**results.machine(), **document})
    return 0


if __name__ == "__main__":
    sys.exit(main())
