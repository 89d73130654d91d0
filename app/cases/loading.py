"""Every fact about one person and one agency, in one query."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Row,
    Select,
    String,
    bindparam,
    case,
    cast,
    literal,
    null,
    select,
    union_all,
)
from sqlalchemy.types import TypeEngine

from app.cases.assignments import ASSIGNMENT
from app.cases.consents import CONSENT
from app.cases.fact import Fact, Kind, Status, require_genuine
from app.cases.facts import FACT
from app.crypto.key_ring import KeyRing
from app.instants import Instant
from app.statements import Prepared

PERSON: BindParameter[str] = bindparam("person")
AGENCY: BindParameter[str] = bindparam("agency")

# What each of the tables says, in the words of `Fact`, and the type of what it does not say.
COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "fact_id": String(),
    "kind": String(),
    "person_id": String(),
    "agency_id": String(),
    "status": String(),
    "purpose": String(),
    "parts": JSON(),
    "element": String(),
    "last_day": Date(),
    "expires_at": Instant(),
    "by_agency": String(),
    "by_officer": String(),
    "authentication_code": String(),
}


def about(
    connection: Connection, *, ring: KeyRing, person_id: str, agency_id: str
) -> tuple[Fact, ...]:
    """The facts about a person in an agency's favour, ended ones too, and the agency's own.

    FactAltered where one of them, whatever it says, does not bear its code out.
    """
    rows = _query().all(connection, person=person_id, agency=agency_id)
    return tuple(_fact(row, ring=ring) for row in rows)


def of_person(connection: Connection, *, ring: KeyRing, person_id: str) -> tuple[Fact, ...]:
    """The facts about a person in anybody's favour, ended ones too. FactAltered as above."""
    everything = union_all(_facts(), _assignments(), _consents()).subquery()
    rows = connection.execute(
        select(everything).where(everything.c.person_id == person_id).order_by("kind", "fact_id")
    )
    return tuple(_fact(row, ring=ring) for row in rows)


def _fact(row: Row[Any], *, ring: KeyRing) -> Fact:
    fields = row._asdict()
    code = fields.pop("authentication_code")
    fields["parts"] = tuple(fields["parts"] or ())
    return require_genuine(ring, Fact(**fields), code)


@cache
def _query() -> Prepared:
    about_both = (FACT.c.agency_id == AGENCY, FACT.c.person_id == PERSON)
    of_agency = (FACT.c.agency_id == AGENCY, FACT.c.person_id.is_(None))
    return Prepared(
        union_all(
            _facts().where(*about_both),
            _facts().where(*of_agency),
            _assignments().where(
                ASSIGNMENT.c.person_id == PERSON, ASSIGNMENT.c.agency_id == AGENCY
            ),
            _consents().where(CONSENT.c.person_id == PERSON, CONSENT.c.recipient_agency == AGENCY),
        )
    )


def _facts() -> Select[Any]:
    return _select(
        {
            **{name: FACT.c[name] for name in COLUMNS if name in FACT.c},
            "by_agency": FACT.c.asserted_by_agency,
            "by_officer": FACT.c.asserted_by_officer,
        }
    )


def _assignments() -> Select[Any]:
    return _select(
        {
            "fact_id": ASSIGNMENT.c.assignment_id,
            "kind": literal(Kind.CASE_ASSIGNMENT.value),
            "person_id": ASSIGNMENT.c.person_id,
            "agency_id": ASSIGNMENT.c.agency_id,
            "status": ASSIGNMENT.c.status,
            "by_agency": ASSIGNMENT.c.offered_by_agency,
            "by_officer": ASSIGNMENT.c.offered_by_officer,
            "authentication_code": ASSIGNMENT.c.authentication_code,
        }
    )


def _consents() -> Select[Any]:
    return _select(
        {
            "fact_id": CONSENT.c.consent_id,
            "kind": literal(Kind.CONSENT.value),
            "person_id": CONSENT.c.person_id,
            "agency_id": CONSENT.c.recipient_agency,
            "status": case(
                (CONSENT.c.withdrawn_at.is_(None), Status.IN_FORCE.value),
                else_=Status.ENDED.value,
            ),
            "purpose": CONSENT.c.purpose,
            "parts": CONSENT.c.fields,
            "last_day": CONSENT.c.expires_on,
            "by_agency": CONSENT.c.asserted_by_agency,
            "by_officer": CONSENT.c.asserted_by_officer,
            "authentication_code": CONSENT.c.authentication_code,
        }
    )


def _select(said: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    return select(
        *(said.get(name, cast(null(), kind)).label(name) for name, kind in COLUMNS.items())
    )
