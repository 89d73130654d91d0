"""Who would be told of which event in which municipality: by competence, by standing in, nobody.

What rests on a past receipt or names its recipient is left out: the registry does not decide it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, select, union

from app.agencies.registry import ACTIVE, AGENCY, COMPETENCE
from app.cases import references
from app.house import House
from app.outbox import alarms
from app.outbox.competence import CUSTODIAN_ROLE, FILE, PLACES
from app.outbox.planning import ON_DUTY
from app.outbox.subscriptions import ACTIVE as VERIFIED
from app.outbox.subscriptions import SUBSCRIPTION
from app.releases.event_types import EventType, Kind
from app.releases.events import EVENTS

K = TypeVar("K")


class How(StrEnum):
    """By what an agency would be told."""

    COMPETENT = "competent"
    FALLBACK = "fallback"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One role of one event in one municipality. `reachable`: somebody has a verified endpoint."""

    event: str
    municipality: str
    role: str
    how: How
    agencies: tuple[str, ...]
    reachable: bool

    def to_json(self) -> dict[str, Any]:
        """The cell as a JSON object."""
        return {
            "event": self.event,
            "municipality": self.municipality,
            "role": self.role,
            "how": self.how.value,
            "agencies": list(self.agencies),
            "reachable": self.reachable,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlarm:
    """Something to put right, by the custodian's own reference for the person.

    `nobody_is` has, where nobody was competent, the roles on duty of the event that no agency has
    there now: a notice was due to some of these alone. Other roles are told at a step of theirs.
    """

    reason: str
    event: str
    municipality: str | None
    nobody_is: tuple[str, ...]
    custodian: str
    reference: str
    raised_at: datetime

    def to_json(self) -> dict[str, Any]:
        """The alarm as a JSON object."""
        return {
            "reason": self.reason,
            "event": self.event,
            "municipality": self.municipality,
            "nobody_is": list(self.nobody_is),
            "custodian": self.custodian,
            "reference": self.reference,
            "raised_at": self.raised_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class _Registry:
    """The active agencies of each role: where competent, which stand in, which can be reached."""

    competent: Mapping[tuple[str, str], tuple[str, ...]]
    fallback: Mapping[str, tuple[str, ...]]
    endpoints: frozenset[str]


def by_registry() -> tuple[EventType, ...]:
    """The events whose recipients the registry decides, in the order of the table."""
    return tuple(
        event
        for event in EVENTS.values()
        if event.kind in (Kind.NEWS, Kind.REQUEST)
        and event.recipients - {CUSTODIAN_ROLE}
        and not (event.named or event.only_those_told or event.only_involved)
    )


def coverage(connection: Connection) -> Iterator[Cell]:
    """Every event, municipality and role; municipalities that a file or an agency names."""
    known = _registry(connection)
    places = _municipalities(connection)
    for event in by_registry():
        for place in places:
            for role in sorted(event.recipients - {CUSTODIAN_ROLE}):
                yield _cell(known, event.name, place, role)


def open_alarms(connection: Connection, house: House) -> list[OpenAlarm]:
    """What is open, the oldest first."""
    known = _registry(connection)
    return [
        OpenAlarm(
            reason=row.reason,
            event=row.event_type,
            municipality=row.municipality,
            nobody_is=_nobody_is(known, row),
            custodian=custodian,
            reference=references.of(
                connection, ring=house.ring, agency_id=custodian, person_id=row.person_id
            )
            or "",
            raised_at=row.raised_at,
        )
        for row in alarms.open_alarms(connection)
        for custodian in connection.scalars(
            select(FILE.c.custodian).where(FILE.c.person_id == row.person_id)
        )
    ]


def _nobody_is(known: _Registry, alarm: Row[Any]) -> tuple[str, ...]:
    if alarm.reason != alarms.Reason.NOBODY_COMPETENT:
        return ()
    event = EVENTS[alarm.event_type]
    cells = (
        _cell(known, event.name, alarm.municipality or "", role)
        for role in sorted(event.recipients & ON_DUTY)
    )
    return tuple(cell.role for cell in cells if cell.how is How.NOBODY)


def _cell(known: _Registry, event: str, place: str, role: str) -> Cell:
    how, agencies = How.COMPETENT, known.competent.get((role, place), ())
    if not agencies:
        how, agencies = How.FALLBACK, known.fallback.get(role, ())
    return Cell(
        event=event,
        municipality=place,
        role=role,
        how=how if agencies else How.NOBODY,
        agencies=agencies,
        reachable=not known.endpoints.isdisjoint(agencies),
    )


def _registry(connection: Connection) -> _Registry:
    competent = connection.execute(
        select(AGENCY.c.role, COMPETENCE.c.municipality, AGENCY.c.agency_id)
        .join(COMPETENCE, COMPETENCE.c.agency_id == AGENCY.c.agency_id)
        .where(AGENCY.c.status == ACTIVE)
    )
    standing_in = connection.execute(
        select(AGENCY.c.role, AGENCY.c.agency_id).where(
            AGENCY.c.status == ACTIVE, AGENCY.c.fallback
        )
    )
    verified = select(SUBSCRIPTION.c.agency_id).where(SUBSCRIPTION.c.status == VERIFIED)
    return _Registry(
        _grouped(((row.role, row.municipality), row.agency_id) for row in competent),
        _grouped((row.role, row.agency_id) for row in standing_in),
        frozenset(connection.scalars(verified)),
    )


def _grouped(pairs: Iterable[tuple[K, str]]) -> dict[K, tuple[str, ...]]:
    found: dict[K, tuple[str, ...]] = {}
    for key, agency in sorted(pairs, key=lambda pair: pair[1]):
        found[key] = (*found.get(key, ()), agency)
    return found


def _municipalities(connection: Connection) -> list[str]:
    named = union(
        select(COMPETENCE.c.municipality),
        *(select(place).where(place.is_not(None)) for place in PLACES),
    )
    return sorted(connection.scalars(named))
