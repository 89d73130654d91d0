"""What stands in the registry, ended or not: to be shown, and to be changed.

`lock` holds a row until the transaction ends, so that of two changes of one state one is late.
"""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, select

from app.agencies.registry import (
    ACTIVE,
    AGENCY,
    CLIENT,
    GROUND,
    OFFICER,
    AgencyRecord,
    ClientRecord,
    Ground,
    OfficerRecord,
    agency_of,
)

R = TypeVar("R", AgencyRecord, ClientRecord, OfficerRecord)


@dataclass(frozen=True, slots=True)
class Registered(Generic[R]):
    """A record, and whether it counts."""

    record: R
    active: bool


def agency(
    connection: Connection, agency_id: str, *, lock: bool = False
) -> Registered[AgencyRecord] | None:
    """The agency of this id."""
    row = _row(connection, select(AGENCY).where(AGENCY.c.agency_id == agency_id), lock=lock)
    return None if row is None else _agency(connection, row)


def client(
    connection: Connection, client_id: str, *, lock: bool = False
) -> Registered[ClientRecord] | None:
    """The client of this id."""
    row = _row(connection, select(CLIENT).where(CLIENT.c.client_id == client_id), lock=lock)
    return None if row is None else _client(connection, row)


def officer(
    connection: Connection, agency_id: str, officer_id: str, *, lock: bool = False
) -> Registered[OfficerRecord] | None:
    """The officer of this id in this agency."""
    query = select(OFFICER).where(
        OFFICER.c.agency_id == agency_id, OFFICER.c.officer_id == officer_id
    )
    row = _row(connection, query, lock=lock)
    return None if row is None else _officer(row)


def agencies(
    connection: Connection, *, only: str | None, after: str, limit: int
) -> list[Registered[AgencyRecord]]:
    """Agencies behind an id, or `only` this one."""
    query = select(AGENCY).where(AGENCY.c.agency_id > after).order_by(AGENCY.c.agency_id)
    if only is not None:
        query = query.where(AGENCY.c.agency_id == only)
    return [_agency(connection, row) for row in connection.execute(query.limit(limit)).all()]


def clients(
    connection: Connection, *, agency_id: str | None, after: str, limit: int
) -> list[Registered[ClientRecord]]:
    """Clients behind an id, of one agency or of all."""
    query = select(CLIENT).where(CLIENT.c.client_id > after).order_by(CLIENT.c.client_id)
    if agency_id is not None:
        query = query.where(CLIENT.c.agency_id == agency_id)
    return [_client(connection, row) for row in connection.execute(query.limit(limit)).all()]


def officers(
    connection: Connection, *, agency_id: str, after: str, limit: int
) -> list[Registered[OfficerRecord]]:
    """Officers of an agency behind an id."""
    query = (
        select(OFFICER)
        .where(OFFICER.c.agency_id == agency_id, OFFICER.c.officer_id > after)
        .order_by(OFFICER.c.officer_id)
        .limit(limit)
    )
    return [_officer(row) for row in connection.execute(query)]


def _row(connection: Connection, query: Select[Any], *, lock: bool) -> Row[Any] | None:
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def _agency(connection: Connection, row: Row[Any]) -> Registered[AgencyRecord]:
    return Registered(agency_of(connection, row), row.status == ACTIVE)


def _client(connection: Connection, row: Row[Any]) -> Registered[ClientRecord]:
    grounds = connection.execute(
        select(GROUND.c.purpose, GROUND.c.legal_basis)
        .where(GROUND.c.client_id == row.client_id)
        .order_by(GROUND.c.purpose, GROUND.c.legal_basis)
    )
    record = ClientRecord(
        client_id=row.client_id,
        agency_id=row.agency_id,
        jwks=row.jwks,
        grounds=tuple(Ground(one.purpose, one.legal_basis) for one in grounds),
        bearer_allowed=row.bearer_allowed,
    )
    return Registered(record, row.status == ACTIVE)


def _officer(row: Row[Any]) -> Registered[OfficerRecord]:
    record = OfficerRecord(
        agency_id=row.agency_id, officer_id=row.officer_id, function=row.function
    )
    return Registered(record, row.status == ACTIVE)
