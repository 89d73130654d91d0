"""Which agencies events about a person concern: competent, standing in, or on the case."""

from functools import cache

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    or_,
    select,
)

from app.agencies.registry import ACTIVE, AGENCY, COMPETENCE
from app.cases.assignments import ASSIGNMENT
from app.cases.fact import ACCEPTED
from app.files.tables import InmateFile
from app.rows import table_of

FILE = table_of(InmateFile)
PLACES = (FILE.c.return_municipality, FILE.c.leave_municipality)
CUSTODIAN_ROLE = "correctional_service"
Person = str | BindParameter[str]


def concerned(person_id: Person) -> ColumnElement[bool]:
    """Whether an agency of the outer query is one that events about a person concern.

    Its custodian is one too: of the types of events, few are addressed to custodians.
    """
    return or_(_competent(person_id), _stands_in(person_id), has_case(person_id), keeps(person_id))


def has_case(person_id: Person) -> ColumnElement[bool]:
    """Whether an agency of the outer query has taken on the case."""
    return exists().where(
        ASSIGNMENT.c.agency_id == AGENCY.c.agency_id,
        ASSIGNMENT.c.person_id == person_id,
        ASSIGNMENT.c.status == ACCEPTED,
    )


def is_concerned(connection: Connection, *, agency_id: str, person_id: str) -> bool:
    """Whether an agency is one that events about a person address, now."""
    asked = {"asked_agency": agency_id, "asked_person": person_id}
    return connection.scalar(_is_concerned(), asked) is not None


@cache
def _is_concerned() -> Select[tuple[str]]:
    """Asked at every attempt: to build it takes many times what to run it does."""
    agency_id = bindparam("asked_agency", type_=AGENCY.c.agency_id.type)
    person_id = bindparam("asked_person", type_=FILE.c.person_id.type)
    return select(AGENCY.c.agency_id).where(AGENCY.c.agency_id == agency_id, concerned(person_id))


def anybody(connection: Connection, person_id: str, roles: frozenset[str]) -> bool:
    """Whether any active agency of these roles is concerned, with an endpoint or without."""
    query = select(AGENCY.c.agency_id).where(
        AGENCY.c.status == ACTIVE, AGENCY.c.role.in_(roles), concerned(person_id)
    )
    return connection.scalar(query.limit(1)) is not None


def _competent(person_id: Person) -> ColumnElement[bool]:
    return exists().where(
        FILE.c.person_id == person_id,
        COMPETENCE.c.agency_id == AGENCY.c.agency_id,
        COMPETENCE.c.municipality.in_(PLACES),
    )


def _stands_in(person_id: Person) -> ColumnElement[bool]:
    """The registered fallback of a role, for a place for which nobody of it is competent."""
    uncovered = or_(*(_uncovered(place) for place in PLACES))
    return and_(AGENCY.c.fallback, exists().where(FILE.c.person_id == person_id, uncovered))


def _uncovered(place: Column[str]) -> ColumnElement[bool]:
    other = AGENCY.alias()
    territory = COMPETENCE.alias()
    covers = (
        exists()
        .where(
            other.c.role == AGENCY.c.role,
            other.c.status == ACTIVE,
            territory.c.agency_id == other.c.agency_id,
            territory.c.municipality == place,
        )
        .correlate(AGENCY, FILE)
    )
    return and_(place.is_not(None), ~covers)


def keeps(person_id: Person) -> ColumnElement[bool]:
    """Whether an agency of the outer query keeps the file."""
    return and_(
        AGENCY.c.role == CUSTODIAN_ROLE,
        exists().where(FILE.c.person_id == person_id, FILE.c.custodian == AGENCY.c.agency_id),
    )
