"""The registry: what is entered is usable and on record; what is revoked ends at once."""

import httpx
import pytest
from sqlalchemy import Connection

from app.administration import registry
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.crypto.signing_keys import SigningKey
from app.house import House
from app.problems import InvalidInput, NotFound
from tests.api.exchange import Exchange, Speaker, is_problem

KEY = SigningKey.generate()
JWKS = {"keys": [KEY.public_jwk()]}


def enter(exchange: Exchange, what: str, record: object) -> None:
    house: House = exchange.world.service.house

    def work(connection: Connection) -> None:
        getattr(registry, what)(connection, house, record, at=exchange.world.clock())

    exchange.world.service.database.run_blocking(work)


def revoke(exchange: Exchange, client_id: str) -> None:
    enter(exchange, "revoke_client", client_id)


def revoke_officer(exchange: Exchange, agency: str, officer: str) -> None:
    house: House = exchange.world.service.house
    exchange.world.service.database.run_blocking(
        lambda c: registry.revoke_officer(
            c, house, agency_id=agency, officer_id=officer, at=exchange.world.clock()
        )
    )


def called_with(agency: Speaker, token: str) -> httpx.Response:
    """A call with a token that was given before, and a proof of its own."""
    return agency.world.raw("GET", "/v1/cases", headers=agency.credentials(token=token))


def facts(exchange: Exchange) -> list[tuple[object, object]]:
    return [
        (one.sections["fields"]["fact"], one.sections["fields"]["id"])
        for one in exchange.entries(agency_id="operator")
    ]


def test_every_registration_is_on_record(exchange: Exchange) -> None:
    agency = exchange.agency("probation_service")
    assert facts(exchange)[-3:] == [
        ("agency", agency.id),
        ("client", f"{agency.id}-1"),
        ("officer", f"{agency.id}/{agency.id}-officer"),
    ]


def test_a_role_that_no_policy_knows_is_refused(exchange: Exchange) -> None:
    before = facts(exchange)
    wrong = AgencyRecord(
        agency_id="x", name="x", role="sysadmin", country="XK", municipalities=frozenset()
    )
    with pytest.raises(InvalidInput, match="expected a role of: correctional_service"):
        enter(exchange, "register_agency", wrong)
    assert facts(exchange) == before


@pytest.mark.parametrize("purposes", [(), ("terrorism_prevention_case",), ("supervision", "x")])
def test_a_client_has_purposes_of_its_role(exchange: Exchange, purposes: tuple[str, ...]) -> None:
    agency = exchange.some("probation_service")
    client = ClientRecord(
        client_id=f"{agency.id}-2",
        agency_id=agency.id,
        jwks=JWKS,
        grounds=on_basis("illustrative", *purposes),
    )
    with pytest.raises(InvalidInput, match="expected purposes of: supervision"):
        enter(exchange, "register_client", client)


@pytest.mark.parametrize(
    "jwks", [{}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, {"keys": [{"kty": "EC"}]}]
)
def test_a_client_has_keys_that_can_be_used(exchange: Exchange, jwks: dict[str, object]) -> None:
    agency = exchange.some("probation_service")
    client = ClientRecord(
        client_id=f"{agency.id}-2",
        agency_id=agency.id,
        jwks=jwks,
        grounds=on_basis("illustrative", "supervision"),
    )
    with pytest.raises(InvalidInput, match="the public keys cannot be used"):
        enter(exchange, "register_client", client)


def test_a_revoked_client_is_nobody_at_the_next_call(exchange: Exchange) -> None:
    agency = exchange.agency("correctional_service")
    token = agency.token
    assert called_with(agency, token).status_code == 200
    revoke(exchange, f"{agency.id}-1")
    is_problem(called_with(agency, token), 401, "unauthenticated")
    assert facts(exchange)[-1] == ("client-revoked", f"{agency.id}-1")


def test_a_revoked_officer_is_nobody_at_the_next_call(exchange: Exchange) -> None:
    agency = exchange.agency("correctional_service")
    token = agency.token
    revoke_officer(exchange, agency.id, f"{agency.id}-officer")
    is_problem(called_with(agency, token), 401, "unauthenticated")
    assert facts(exchange)[-1] == ("officer-revoked", f"{agency.id}/{agency.id}-officer")


def test_a_mistyped_revocation_is_no_revocation(exchange: Exchange) -> None:
    before = facts(exchange)
    with pytest.raises(NotFound):
        revoke(exchange, "no-such-client")
    with pytest.raises(NotFound):
        revoke_officer(exchange, "no-such-agency", "nobody")
    assert facts(exchange) == before
