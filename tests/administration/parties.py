"""Agencies of every role, in every place towards one person, who try the doors directly.

They need neither keys nor HTTP: a caller is what a token would have made of them.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, func, select

from app.access_log.tables import AccessLogEntry
from app.access_log.vocabulary import Channel
from app.administration import referrals, registry
from app.administration.referrals import Referral
from app.administration.registry import OPERATOR
from app.agencies.registry import AgencyRecord
from app.agencies.tokens import Caller
from app.cases import references
from app.disclosure.disclose import Decided, decide_file
from app.files.models import parse_submission
from app.house import House, Refusal
from app.intake.contribute import Contribution, contribute
from app.intake.submission import Precondition, Submission
from app.outbox.alarms import ALARM
from app.outbox.milestones import MILESTONE, PLANNED
from app.policy.roles import ROLE_PURPOSES
from app.releases.profile import Profile
from app.rows import table_of
from tests.api.exchange import MUNICIPALITY, Sections
from tests.keys import RING
from tests.notifications.mailroom import wait_until
from tests.world import POLICIES, START, World, shipped_bundle

T = TypeVar("T")
ENTRY = table_of(AccessLogEntry)
CUSTODIAN = "correctional_service"

# What an agency can be to a person: it has the case, it had it, or it never heard of them.
CASE, KNOWN, STRANGER = "has the case", "had the case", "a stranger"
PLACES = (CASE, KNOWN, STRANGER)


class Undone(Exception):
    """Carries a result out of a transaction that is not to stand."""

    def __init__(self, result: object) -> None:
        super().__init__("undone")
        self.result = result


@dataclass(frozen=True, slots=True)
class Party:
    """An agency in its place, with an officer; `reference` is its own for the person."""

    caller: Caller
    place: str
    reference: str

    @property
    def label(self) -> tuple[str, str]:
        """How the tables of the tests name it."""
        return self.caller.role, self.place

    def officer(self, name: str) -> Caller:
        """Another officer of the same agency."""
        return replace(self.caller, officer_id=name)


@dataclass
class Parties:
    """One person, the custodian, and an agency of every role in every place."""

    world: World
    person_id: str
    custodian: Party
    others: dict[tuple[str, str], Party]

    @property
    def house(self) -> House:
        """What doors are handed."""
        return self.world.service.house

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self.world.clock()

    def everybody(self) -> Iterator[Party]:
        """All of them, the custodian first."""
        yield self.custodian
        yield from self.others.values()

    def of(self, role: str, place: str = CASE) -> Party:
        """The party of this role in this place."""
        return self.others[role, place]

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do it, for good."""
        return self.world.service.database.run_blocking(work)

    def tried(self, work: Callable[[Connection], T]) -> T:
        """Do it and take it back; the result."""

        def undone(connection: Connection) -> T:
            raise Undone(work(connection))

        try:
            return self.run(undone)
        except Undone as done:
            result: T = done.result  # type: ignore[assignment]  # what `work` returned
            return result

    def seen_by(self, connection: Connection, caller: Caller) -> Decided:
        """What this caller would be given now."""
        return decide_file(connection, self.house, caller, self.person_id, at=self.now)


@contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """What happens inside is taken back at the end; what stood before stands."""
    savepoint = connection.begin_nested()
    yield
    savepoint.rollback()


def entries(connection: Connection) -> int:
    """How many entries of the log there are in this transaction."""
    return connection.scalar(select(func.count()).select_from(ENTRY)) or 0


def caller_of(
    agency_id: str, role: str, *, officer: str = "officer-a", purpose: str | None = None
) -> Caller:
    """Who a token of this agency would speak for."""
    return replace(
        OPERATOR,
        agency_id=agency_id,
        agency_name=agency_id,
        role=role,
        country="XK",
        municipalities=frozenset({MUNICIPALITY}),
        client_id=f"{agency_id}-1",
        officer_id=officer,
        purpose=purpose or ROLE_PURPOSES[role][0],
        legal_basis=f"illustrative:{role}",
        assurance="proven",
    )


def gather(world: World, name: str, sections: Sections) -> Parties:
    """Register everybody, open the person's file, and put each agency in its place."""
    house, at = world.service.house, world.clock()

    def work(connection: Connection) -> Parties:
        prison = _registered(connection, house, f"{name}-prison", CUSTODIAN, at)
        _open_file(connection, house, prison, name, sections, at)
        person_id = references.find(
            connection, ring=house.ring, agency_id=prison.agency_id, reference=name
        )
        assert person_id is not None
        others = {}
        for role in ROLE_PURPOSES:
            for place in PLACES:
                agency_id = f"{name}-{role}-{PLACES.index(place)}".replace("_", "-")
                caller = _registered(connection, house, agency_id, role, at)
                reference = _placed(connection, house, prison, name, caller, place, at)
                others[role, place] = Party(caller, place, reference)
        return Parties(world, person_id, Party(prison, "custodian", name), others)

    parties = world.service.database.run_blocking(work)
    # That nobody has an endpoint yet is an alarm, and goes on record beside what tests count.
    wait_until(lambda: world.service.database.read_blocking(_is_quiet))
    return parties


def _is_quiet(connection: Connection) -> bool:
    """Whether the dispatcher has told what was due, and recorded what that raised."""
    planned = select(func.count()).where(MILESTONE.c.status == PLANNED)
    due = planned.where(MILESTONE.c.due_at <= START)
    unrecorded = select(func.count()).where(ALARM.c.recorded_at.is_(None))
    return connection.scalar(due) == 0 and connection.scalar(unrecorded) == 0


def _registered(
    connection: Connection, house: House, agency_id: str, role: str, at: datetime
) -> Caller:
    record = AgencyRecord(
        agency_id=agency_id,
        name=agency_id,
        role=role,
        country="XK",
        municipalities=frozenset({MUNICIPALITY}),
    )
    registry.register_agency(connection, house, record, at=at)
    return caller_of(agency_id, role)


def _open_file(
    connection: Connection,
    house: House,
    prison: Caller,
    name: str,
    sections: Sections,
    at: datetime,
) -> None:
    submission = Submission(
        reference=name,
        sections=parse_submission({"sections": sections}),
        complete=True,
        precondition=Precondition(required=False),
        channel=Channel.ADMINISTRATION,
    )
    opened = contribute(connection, house, prison, submission, at=at)
    assert isinstance(opened, Contribution), opened


def _placed(
    connection: Connection,
    house: House,
    prison: Caller,
    name: str,
    caller: Caller,
    place: str,
    at: datetime,
) -> str:
    if place == STRANGER:
        return name
    offered = referrals.offer(
        connection, house, prison, reference=name, agency_id=caller.agency_id, at=at
    )
    assert isinstance(offered, Referral)
    accepted = referrals.answer(
        connection, house, caller, offered.assignment_id, accept=True, at=at
    )
    assert isinstance(accepted, Referral)
    assert accepted.reference is not None
    if place == KNOWN:
        ended = referrals.end(connection, house, caller, offered.assignment_id, at=at)
        assert not isinstance(ended, Refusal)
    return accepted.reference


def plain_house() -> House:
    """What doors are handed, where rows are all that a test needs: no service, no token."""
    return House(
        bundle=shipped_bundle(),
        activation=1,
        ring=RING,
        profile=Profile.from_toml((POLICIES / "xk" / "profile.toml").read_text("utf-8")),
        issuer="https://exchange.example",
        log_origin="exchange.example/log",
        random=secrets.token_bytes,
    )
