"""What the tests of this folder play with: agencies that join, a prison, and what is stored."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count
from typing import Any, TypeVar

import httpx
from sqlalchemy import Connection, Row, func, select

from app.access_log import query
from app.access_log.ledger import PENDING
from app.access_log.query import EntryFilter
from app.access_log.vocabulary import Outcome
from app.activation.loading import Terms, load
from app.administration import registry
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.cases import references
from app.house import House
from app.notifications.dispatcher import Dispatcher
from app.outbox.deliveries import DELIVERY, QUEUED
from app.outbox.milestones import MILESTONE, PLANNED
from app.outbox.planning import tell_due
from app.policy.archive import Archive
from app.policy.bundle import Bundle
from app.policy.revocation import with_forbids
from app.policy.roles import ROLE_PURPOSES
from tests.notifications.agency import Agency, Notice
from tests.notifications.mailroom import Mailroom, wait_until
from tests.world import POLICIES, START, World

T = TypeVar("T")

RETRY_BASE = timedelta(seconds=30)
# No heartbeat comes after the first, so that a box holds what its test is about.
SILENT = timedelta(days=10_000)
_NUMBERS = count(1)


@dataclass
class Town:
    """A municipality of its own with the agencies of a test.

    `dispatcher` does what is due when it is asked to; where there is none the service's own is
    at work all the time, and is waited for.
    """

    world: World
    mailroom: Mailroom
    http: httpx.Client
    dispatcher: Dispatcher | None = None
    number: int = field(default_factory=lambda: next(_NUMBERS))

    @property
    def place(self) -> str:
        """Its municipality code."""
        letters = "".join(chr(ord("A") + int(digit)) for digit in f"{self.number:04}")
        return f"XK-{letters}"

    @property
    def today(self) -> date:
        return self.world.service.house.legal_date(self.world.clock())

    def join(
        self, role: str, *, name: str = "", purpose: str | None = None, competent: bool = True
    ) -> Agency:
        """Register an agency that knows how to speak; it is not subscribed."""
        agency_id = f"{name or role.partition('_')[0]}-{self.number}"
        agency = Agency(
            agency_id=agency_id,
            issuer=self.world.settings.issuer,
            purpose=purpose or ROLE_PURPOSES[role][0],
            legal_basis=f"illustrative:{role}",
            box=self.mailroom.box(agency_id),
            clock=self.world.clock,
            http=self.http,
        )
        places = (self.place,) if competent else ()
        house, at = self.world.service.house, self.world.clock()
        self.work(lambda c: enrol(c, house, agency, role, places, at=at))
        return agency

    def subscribed(
        self, role: str, *, name: str = "", purpose: str | None = None, competent: bool = True
    ) -> Agency:
        """Register an agency whose endpoint is verified."""
        agency = self.join(role, name=name, purpose=purpose, competent=competent)
        agency.subscribe()
        self.shake_hands(agency)
        return agency

    def shake_hands(self, agency: Agency) -> None:
        """Wait for the nonce and answer it."""
        self.settle()
        wait_until(lambda: bool(agency.nonces()))
        answer = agency.answer_handshake(agency.nonces()[-1])
        assert answer.status_code == 204, answer.text

    def everybody(self) -> dict[str, Agency]:
        """The four receiving roles, subscribed."""
        roles = ("probation_service", "social_welfare_centre", "police_local", "employment_service")
        return {role: self.subscribed(role) for role in roles}

    def work(self, work: Callable[[Connection], T]) -> T:
        """Do something in a transaction."""
        return self.world.service.database.run_blocking(work)

    def look(self, work: Callable[[Connection], T]) -> T:
        """Look something up."""
        return self.world.service.database.read_blocking(work)

    def settle(self) -> None:
        """Have everything done that is due by the present clock."""
        if self.dispatcher is None:
            wait_until(lambda: self.look(self._is_settled))
            return
        while asyncio.run(self.dispatcher.round()):
            pass

    def tell(self) -> None:
        """Have milestones that are due become deliveries, and send nothing yet."""
        planner = self.world.service.house.planner
        self.work(lambda c: tell_due(c, planner, at=self.world.clock(), limit=100))

    def another_dispatcher(self, *, heartbeat: timedelta = SILENT) -> Dispatcher:
        """A dispatcher of this service that works when it is asked to."""
        service = self.world.service
        return Dispatcher(
            database=service.database,
            in_force=service.in_force,
            rules=service.endpoint_rules,
            clock=self.world.clock,
            interval=0.01,
            retry_base=RETRY_BASE,
            heartbeat=heartbeat,
        )

    @contextmanager
    def narrowed_for_a_while(self) -> Iterator[None]:
        """Put back the bundle in force at the end, whatever `narrow` put in its place."""
        in_force = self.world.service.in_force
        before = in_force.house
        try:
            yield
        finally:
            in_force.house = before

    def narrow(self) -> None:
        """Have a narrower bundle decide, as if it had been activated: see NARROWED."""
        in_force = self.world.service.in_force
        bundle = replace(narrowed_bundle(), digest=in_force.house.bundle.digest)
        in_force.house = replace(in_force.house, bundle=bundle)

    def _is_settled(self, connection: Connection) -> bool:
        at = self.world.clock()
        due = select(func.count()).where(MILESTONE.c.status == PLANNED, MILESTONE.c.due_at <= at)
        waiting = self._claimable(connection, at)
        return connection.scalar(due) == 0 and waiting == 0

    @staticmethod
    def _claimable(connection: Connection, at: datetime) -> int:
        older = DELIVERY.alias("older")
        blocked = (
            select(older.c.jti)
            .where(
                older.c.subscription_id == DELIVERY.c.subscription_id,
                older.c.person_id == DELIVERY.c.person_id,
                older.c.status == QUEUED,
                older.c.created_at < DELIVERY.c.created_at,
            )
            .exists()
        )
        busy = DELIVERY.c.lease.is_not(None) | ((DELIVERY.c.next_attempt_at <= at) & ~blocked)
        query = select(func.count()).where(DELIVERY.c.status == QUEUED, busy)
        return connection.scalar(query) or 0

    def advance(self, **by: float) -> None:
        """Let time pass, and what is due be done."""
        self.world.clock.advance(**by)
        self.settle()

    def travel_to(self, day: date) -> None:
        """Go to the morning of a day to come, when its notices have just become due."""
        moment = datetime.combine(day, time(9), tzinfo=UTC)
        assert moment > self.world.clock(), "time goes forwards"
        self.world.clock.now = moment
        self.settle()

    def release_in(self, days: int) -> date:
        """A day at least so far ahead before which all lead times begin on working days."""
        holidays = self.world.service.house.profile.holidays
        day = self.today + timedelta(days=days)
        ahead = [timedelta(days=number) for number in (90, 60, 30)]
        while not all(holidays.is_working_day(day - time_ahead) for time_ahead in ahead):
            day += timedelta(days=1)
        return day

    def deliveries(self, agency: Agency) -> list[Row[Any]]:
        """What was or is to be sent to an agency, in the order of its making."""
        rows = select(DELIVERY).where(DELIVERY.c.agency_id == agency.agency_id)
        return self.look(lambda c: list(c.execute(rows.order_by(DELIVERY.c.created_at))))

    def person_id(self, agency: Agency, reference: str) -> str:
        """The person behind an agency's reference."""
        ring = self.world.service.house.ring
        found = self.look(
            lambda c: references.find(c, ring=ring, agency_id=agency.agency_id, reference=reference)
        )
        assert found is not None
        return found

    def entries(self, agency: Agency, outcome: Outcome | None = None) -> list[dict[str, Any]]:
        """The sections of the log's entries about what an agency got, oldest first."""
        return self._entries(EntryFilter(agency_id=agency.agency_id, outcome=outcome))

    def entries_about(self, person_id: str) -> list[dict[str, Any]]:
        """The sections of the log's entries about a person, oldest first."""
        subject = self.world.service.house.log_keys().subject_index(person_id)
        return self._entries(EntryFilter(subject_index=subject))

    def _entries(self, asked: EntryFilter) -> list[dict[str, Any]]:
        keys = self.world.service.house.log_keys()
        # On PostgreSQL the sequencer gives entries their place a moment after the commit.
        pending = select(func.count()).select_from(PENDING)
        wait_until(lambda: self.look(lambda c: c.scalar(pending)) == 0)
        found = self.look(lambda c: query.entries(c, asked, keys=keys, limit=1000, tree_size=10**9))
        return [{**entry.sections} for entry in found]


@dataclass
class Prison:
    """The custodian: puts files in and changes them."""

    agency: Agency
    town: Town
    etags: dict[str, str] = field(default_factory=dict)
    _references: Iterator[int] = field(default_factory=lambda: count(1))

    def admit(self, release: date | None = None, **sections: dict[str, Any]) -> str:
        """Open a file of somebody who returns to the town; its reference."""
        reference = f"P{self.town.number}-{next(self._references)}"
        content: dict[str, dict[str, Any]] = {
            "identity": {"full_name": {"family": "Wexample", "given": ["Testor"]}},
            "residence_contact": {"return_municipality_code": self.town.place},
        }
        for name, fields in sections.items():
            content[name] = {**content.get(name, {}), **fields}
        if release is not None:
            content.setdefault("release", {})["planned_release_date"] = release.isoformat()
        body = {"sections": {name: _enveloped(fields) for name, fields in content.items()}}
        answer = self.agency.call("PUT", f"/v1/inmate-files/{reference}", body)
        assert answer.status_code == 201, answer.text
        self.etags[reference] = answer.headers["etag"]
        return reference

    def change(self, reference: str, section: str, **fields: Any) -> None:  # noqa: ANN401 - values
        """Set fields of a section; None removes one."""
        answer = self.agency.call(
            "PATCH",
            f"/v1/inmate-files/{reference}/sections/{section}",
            _enveloped(fields),
            If_Match=self.etags[reference],
        )
        assert answer.status_code == 200, answer.text
        self.etags[reference] = answer.headers["etag"]

    def move(self, reference: str, release: date | None) -> None:
        """Set the planned release to another day, or cancel it."""
        text = None if release is None else release.isoformat()
        self.change(reference, "release", planned_release_date=text)

    def have_sentenced(self, reference: str) -> None:
        """A court takes on the case and writes that the person is sentenced."""
        court = self.town.join("court_panel", name=f"court-{reference}".lower(), competent=False)
        self.refer(reference, court)
        [case] = court.call("GET", "/v1/cases").json()["cases"]
        path = f"/v1/inmate-files/{case['reference']}"
        written = court.call(
            "PATCH",
            f"{path}/sections/sentence",
            _enveloped({"legal_status": "sentenced"}),
            If_Match=court.call("GET", path).headers["etag"],
        )
        assert written.status_code == 200, written.text
        seen = self.agency.call("GET", f"/v1/inmate-files/{reference}")
        self.etags[reference] = seen.headers["etag"]

    def refer(self, reference: str, agency: Agency) -> str:
        """Offer a case; the agency accepts. The id of the assignment."""
        offer = {"reference": reference, "agency": agency.agency_id}
        made = self.agency.call("POST", "/v1/case-assignments", offer)
        assert made.status_code == 201, made.text
        assignment: str = made.json()["assignment_id"]
        accepted = agency.call("POST", f"/v1/case-assignments/{assignment}/acceptance")
        assert accepted.status_code == 200, accepted.text
        return assignment

    def end(self, assignment: str) -> None:
        """End an accepted case."""
        answer = self.agency.call("POST", f"/v1/case-assignments/{assignment}/end")
        assert answer.status_code == 200, answer.text

    def consent(self, reference: str, agency: Agency, *fields: str) -> str:
        """The person lets an agency have these fields; the id of the consent."""
        body = {
            "reference": reference,
            "recipient_agency": agency.agency_id,
            "purpose": agency.purpose,
            "fields": list(fields),
            "text_version": "2027-1",
            "evidence_sha256": "0" * 64,
            "expires_on": (self.town.today + timedelta(days=100)).isoformat(),
        }
        answer = self.agency.call("POST", "/v1/consents", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["consent_id"])

    def withdraw(self, consent: str) -> None:
        """A consent ends."""
        answer = self.agency.call("POST", f"/v1/consents/{consent}/withdrawal")
        assert answer.status_code == 204, answer.text


NARROWED = """@id("NARROWED") @agreement("PROBATION") @legal_basis("PROBATION-DUTY")
forbid (
  principal in Role::"probation_service", action in Action::"block:release:existence", resource
);
"""


@cache
def narrowed_bundle() -> Bundle:
    """The shipped policies with a forbid that keeps probation services from every release."""
    archive = with_forbids(Archive.read(POLICIES, "xk"), NARROWED)
    return load(archive, Terms(at=START.date(), allow_illustrative=True))


def enrol(
    connection: Connection,
    house: House,
    agency: Agency,
    role: str,
    places: tuple[str, ...],
    *,
    at: datetime,
) -> None:
    """Enter an agency into the registry, with one client and one officer."""
    record = AgencyRecord(
        agency_id=agency.agency_id,
        name=agency.agency_id,
        role=role,
        country="XK",
        municipalities=frozenset(places),
    )
    client = ClientRecord(
        client_id=agency.client_id,
        agency_id=agency.agency_id,
        jwks=agency.jwks(),
        grounds=on_basis(agency.legal_basis, *ROLE_PURPOSES[role]),
    )
    registry.register_agency(connection, house, record, at=at)
    registry.register_client(connection, house, client, at=at)
    registry.register_officer(
        connection,
        house,
        agency_id=agency.agency_id,
        officer_id=agency.officer,
        function="officer",
        at=at,
    )


def _enveloped(fields: dict[str, Any]) -> dict[str, Any]:
    """Plain values as envelopes; what is an envelope already, or None, stays."""
    return {
        name: value if value is None or _is_envelope(value) else {"value": value}
        for name, value in fields.items()
    }


def _is_envelope(value: object) -> bool:
    return isinstance(value, dict) and "value" in value


def milestones(notices: list[Notice]) -> list[list[str]]:
    """The milestones that each notice tells."""
    return [notice.event["milestones"] for notice in notices]


@contextmanager
def open_http() -> Iterator[httpx.Client]:
    """A client of HTTP without anything from the environment."""
    with httpx.Client(trust_env=False, verify=False, timeout=30) as client:  # noqa: S501 - loopback, no TLS
        yield client
