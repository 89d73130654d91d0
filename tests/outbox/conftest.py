"""Agencies with endpoints, and persons with dates, as rows: what the outbox works on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, insert, select, update

from app.agencies import registry
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.outbox import claims, deliveries, subscriptions
from app.outbox.competence import FILE
from app.outbox.deliveries import DELIVERY
from app.outbox.planning import Planner
from app.outbox.subscriptions import NewSubscription
from app.releases.profile import Profile

POLICIES = Path(__file__).parent.parent.parent / "policies"
START = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
PLACE = "XK-GJILAN"
LEASE = timedelta(seconds=30)
# Ids in the order of their making, unlike the service's.
NUMBERS = count()


@dataclass
class Office:
    """Rows, by hand. `at` is now."""

    connection: Connection
    at: datetime = START

    @property
    def planner(self) -> Planner:
        text = (POLICIES / "xk" / "profile.toml").read_text(encoding="utf-8")
        return Planner(profile=Profile.from_toml(text), new_id=lambda: f"{next(NUMBERS):032}")

    def agency(self, agency_id: str, role: str, *, places: tuple[str, ...] = (PLACE,)) -> str:
        """An agency with a client."""
        record = AgencyRecord(
            agency_id=agency_id,
            name=agency_id,
            role=role,
            country="XK",
            municipalities=frozenset(places),
        )
        client = ClientRecord(
            client_id=f"{agency_id}-1",
            agency_id=agency_id,
            jwks={"keys": []},
            grounds=on_basis("illustrative", "supervision"),
        )
        registry.add_agency(self.connection, record, at=self.at)
        registry.add_client(self.connection, client, at=self.at)
        return agency_id

    def subscription(self, agency_id: str, *, name: str = "", active: bool = True) -> str:
        """An endpoint of an agency."""
        new = NewSubscription(
            subscription_id=name or f"{agency_id}-endpoint",
            agency_id=agency_id,
            client_id=f"{agency_id}-1",
            officer_id="officer",
            purpose="supervision",
            legal_basis="illustrative",
            endpoint="https://receiver.example/",
            encryption_jwk={},
        )
        subscriptions.add(self.connection, new, at=self.at)
        if active:
            subscriptions.activate(self.connection, new.subscription_id, at=self.at)
        return new.subscription_id

    def subscriber(self, agency_id: str, role: str, *, places: tuple[str, ...] = (PLACE,)) -> str:
        """An agency with a verified endpoint; its subscription."""
        return self.subscription(self.agency(agency_id, role, places=places))

    def person(self, person_id: str, *, release: date | None = None, place: str = PLACE) -> str:
        """A file, as far as it stands readable."""
        values = {
            "person_id": person_id,
            "custodian": "prison",
            "version": 1,
            "planned_release_date": release,
            "return_municipality": place,
            "updated_at": self.at,
        }
        self.connection.execute(insert(FILE).values(**values))
        return person_id

    def change(self, person_id: str, **values: object) -> None:
        """Change what stands readable of a file."""
        self.connection.execute(update(FILE).where(FILE.c.person_id == person_id).values(**values))

    def rows(self, *conditions: Any) -> list[Row[Any]]:  # noqa: ANN401 - clauses
        """Deliveries in the order of their making."""
        query = select(DELIVERY).where(*conditions).order_by(DELIVERY.c.created_at, DELIVERY.c.jti)
        return list(self.connection.execute(query))

    def claim(self, lease: str = "lease", *, limit: int = 99) -> list[Row[Any]]:
        """Claim what is due now."""
        return claims.claim(
            self.connection, lease=lease, at=self.at, until=self.at + LEASE, limit=limit
        )

    def send_all(self) -> None:
        """Have all that is queued be numbered and sent."""
        while claimed := self.claim("sender"):
            for row in claimed:
                number = subscriptions.next_sequence(self.connection, row.subscription_id)
                deliveries.number(self.connection, row.jti, sequence=number)
                deliveries.finish(
                    self.connection,
                    row.jti,
                    lease="sender",
                    status=deliveries.SENT,
                    sent_at=self.at,
                )


@pytest.fixture
def office(connection: Connection) -> Office:
    """An office with a prison."""
    office = Office(connection)
    office.agency("prison", "correctional_service", places=())
    return office
