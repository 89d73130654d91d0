"""The registry: one row for each id, and an end that takes effect."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from app.agencies import registry
from app.agencies.registry import AGENCY, CLIENT, OFFICER, AgencyRecord, ClientRecord, on_basis
from app.problems import Conflict, InvalidInput, NotFound

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
POLICE = AgencyRecord(
    agency_id="police-1",
    name="Police Station One",
    role="police_local",
    country="XK",
    municipalities=frozenset({"XK-GJILAN", "XK-VITI"}),
    standing_acceptance=True,
)
SYSTEM = ClientRecord(
    client_id="police-1-a",
    agency_id="police-1",
    jwks={"keys": [{"kty": "EC"}]},
    grounds=on_basis("illustrative:police_local", "public_protection_local"),
)
BAD_IDS = ["", " ", "a b", "a\tb", "a\x00b", "a\nb", "\u202eabc", "x" * 65]


def add_officer(connection: Connection, officer_id: str = "o-1") -> None:
    """Register an officer of the police."""
    registry.add_officer(
        connection, agency_id="police-1", officer_id=officer_id, function="sergeant", at=AT
    )


def test_an_agency_comes_back_as_it_was_registered(connection: Connection) -> None:
    registry.add_agency(connection, POLICE, at=AT)
    assert registry.agency(connection, "police-1") == POLICE
    assert registry.municipalities(connection, "police-1") == POLICE.municipalities


def test_an_agency_without_municipalities_is_competent_nowhere(connection: Connection) -> None:
    assert registry.municipalities(connection, "police-1") == frozenset()


def test_a_second_row_of_one_id_is_a_conflict_and_changes_nothing(connection: Connection) -> None:
    registry.add_agency(connection, POLICE, at=AT)
    registry.add_client(connection, SYSTEM, at=AT)
    add_officer(connection)
    other = replace(POLICE, name="X", role="x", municipalities=frozenset({"BA-1"}))
    with pytest.raises(Conflict):
        registry.add_agency(connection, other, at=AT)
    with pytest.raises(Conflict):
        registry.add_client(connection, SYSTEM, at=AT)
    with pytest.raises(Conflict):
        add_officer(connection)
    assert registry.agency(connection, "police-1") == POLICE


def test_an_id_ended_once_cannot_be_taken_again(connection: Connection) -> None:
    registry.add_agency(connection, POLICE, at=AT)
    registry.add_client(connection, SYSTEM, at=AT)
    registry.revoke_client(connection, "police-1-a")
    with pytest.raises(Conflict):
        registry.add_client(connection, SYSTEM, at=AT)
    assert connection.scalar(CLIENT.select().with_only_columns(CLIENT.c.status)) == "revoked"


def test_clients_and_officers_need_an_active_agency(connection: Connection) -> None:
    with pytest.raises(InvalidInput):
        registry.add_client(connection, SYSTEM, at=AT)
    with pytest.raises(InvalidInput):
        add_officer(connection)
    registry.add_agency(connection, POLICE, at=AT)
    connection.execute(AGENCY.update().values(status="revoked"))
    with pytest.raises(InvalidInput):
        registry.add_client(connection, SYSTEM, at=AT)
    with pytest.raises(InvalidInput):
        add_officer(connection)


@pytest.mark.parametrize("bad", BAD_IDS)
def test_an_id_that_a_log_or_a_token_could_not_carry_is_refused(
    connection: Connection, bad: str
) -> None:
    registry.add_agency(connection, POLICE, at=AT)
    with pytest.raises(InvalidInput):
        registry.add_agency(connection, replace(POLICE, agency_id=bad), at=AT)
    with pytest.raises(InvalidInput):
        registry.add_client(connection, replace(SYSTEM, client_id=bad), at=AT)
    with pytest.raises(InvalidInput):
        add_officer(connection, bad)


@pytest.mark.parametrize("country", ["", "xk", "XKX", "Kosovo", "X1"])
def test_a_country_is_two_capital_letters(connection: Connection, country: str) -> None:
    with pytest.raises(InvalidInput):
        registry.add_agency(connection, replace(POLICE, country=country), at=AT)


def test_a_mistyped_id_is_not_told_as_revoked(connection: Connection) -> None:
    registry.add_agency(connection, POLICE, at=AT)
    registry.add_client(connection, SYSTEM, at=AT)
    add_officer(connection)
    with pytest.raises(NotFound):
        registry.revoke_client(connection, "police-1-b")
    with pytest.raises(NotFound):
        registry.revoke_officer(connection, agency_id="police-1", officer_id="o-2")
    with pytest.raises(NotFound):
        registry.revoke_officer(connection, agency_id="police-2", officer_id="o-1")


def test_an_officer_is_revoked_in_one_agency_only(connection: Connection) -> None:
    registry.add_agency(connection, POLICE, at=AT)
    other = replace(POLICE, agency_id="police-2", municipalities=frozenset())
    registry.add_agency(connection, other, at=AT)
    add_officer(connection)
    registry.add_officer(connection, agency_id="police-2", officer_id="o-1", function="x", at=AT)
    registry.revoke_officer(connection, agency_id="police-1", officer_id="o-1")
    # Twice is harmless.
    registry.revoke_officer(connection, agency_id="police-1", officer_id="o-1")
    status = {row.agency_id: row.status for row in connection.execute(OFFICER.select())}
    assert status == {"police-1": "revoked", "police-2": "active"}
