"""Changes of what is registered: a record takes the place of the one with its id."""

from sqlalchemy import Connection, delete, update

from app.agencies import contacts
from app.agencies.registry import (
    AGENCY,
    CLIENT,
    COMPETENCE,
    GROUND,
    OFFICER,
    AgencyRecord,
    ClientRecord,
    OfficerRecord,
    put_grounds,
    put_municipalities,
)


def replace_agency(connection: Connection, agency: AgencyRecord) -> None:
    """Everything but role and country: another role would be another agency."""
    connection.execute(
        update(AGENCY)
        .where(AGENCY.c.agency_id == agency.agency_id)
        .values(
            name=agency.name,
            standing_acceptance=agency.standing_acceptance,
            **contacts.columns(agency.contact_points, agency.second_contact),
        )
    )
    connection.execute(delete(COMPETENCE).where(COMPETENCE.c.agency_id == agency.agency_id))
    put_municipalities(connection, agency)


def replace_client(connection: Connection, client: ClientRecord) -> None:
    """Its keys, its grounds, and whether it may do without a proof."""
    connection.execute(
        update(CLIENT)
        .where(CLIENT.c.client_id == client.client_id)
        .values(jwks=client.jwks, bearer_allowed=client.bearer_allowed)
    )
    connection.execute(delete(GROUND).where(GROUND.c.client_id == client.client_id))
    put_grounds(connection, client)


def replace_officer(connection: Connection, officer: OfficerRecord) -> None:
    """The function."""
    connection.execute(
        update(OFFICER)
        .where(OFFICER.c.agency_id == officer.agency_id, OFFICER.c.officer_id == officer.officer_id)
        .values(function=officer.function)
    )
