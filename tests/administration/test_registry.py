"""The registry: what is entered is usable and on record; what is revoked ends at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from app.administration import registry, registry_desk
from app.agencies import directory
from app.agencies.registry import (
    AgencyRecord,
    ClientRecord,
    OfficerRecord,
    ProviderRecord,
    on_basis,
)
from app.agencies.tokens import Caller
from app.crypto.signing_keys import SigningKey
from app.house import House, Refusal
from app.outbox.planning import follow, tell_due
from app.problems import Conflict, Forbidden, InvalidInput, NotFound
from app.releases.changes import Change, ReleaseFacts
from tests.administration.parties import caller_of, plain_house
from tests.api.exchange import Exchange, Speaker, is_problem
from tests.outbox.conftest import PLACE, Office

KEY = SigningKey.generate()
JWKS = {"keys": [KEY.public_jwk()]}


def enter(exchange: Exchange, what: str, record: object) -> None:
    house: House = exchange.world.service.house

    def work(connection: Connection) -> None:
        getattr(registry, what)(connection, house, record, at=exchange.world.clock())

    exchange.world.owner.run_blocking(work)


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
        if "id" in one.sections["fields"]
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
    with pytest.raises(InvalidInput, match=r"expected a role of: corr.*, operator$"):
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


@pytest.mark.parametrize("basis", ["", "x" * 201, "a\nb", "a\x00b"])
def test_a_purpose_has_a_basis_that_a_token_can_name(exchange: Exchange, basis: str) -> None:
    agency = exchange.some("probation_service")
    client = ClientRecord(
        client_id=f"{agency.id}-2",
        agency_id=agency.id,
        jwks=JWKS,
        grounds=(*on_basis("illustrative", "supervision"), *on_basis(basis, "supervision")),
    )
    with pytest.raises(InvalidInput, match="expected a basis in law"):
        enter(exchange, "register_client", client)


def provider_of(agency: Speaker, **changed: Any) -> ProviderRecord:  # noqa: ANN401 - its fields
    """Where officers of an agency sign in."""
    values: dict[str, Any] = {
        "issuer": f"https://{agency.id}.example",
        "agency_id": agency.id,
        "audience": "exchange",
        "jwks_uri": f"https://{agency.id}.example/keys",
        "acr_values": ("two-factors",),
        "max_age": 600,
        **changed,
    }
    return ProviderRecord(**values)


@pytest.mark.parametrize(
    "changed",
    [
        {"jwks_uri": "http://sign-in.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://user@sign-in.example/keys"},
        {"jwks_uri": "https://sign-in.example:99999/keys"},
        {"issuer": "sign-in"},
        {"issuer": "https://sign-in.example/" + "x" * 200},
        {"audience": ""},
        {"acr_values": ()},
        {"acr_values": ("",)},
        {"max_age": 0},
        {"max_age": 12 * 3600 + 1},
        {"agency_id": "nobody"},
    ],
    ids=repr,
)
def test_an_identity_provider_that_could_prove_nobody_is_refused(
    exchange: Exchange, changed: dict[str, Any]
) -> None:
    record = provider_of(exchange.some("probation_service"), **changed)
    before = facts(exchange)
    with pytest.raises(InvalidInput):
        enter(exchange, "register_provider", record)
    assert facts(exchange) == before


def test_an_identity_provider_is_registered_once_and_ended_on_record(exchange: Exchange) -> None:
    record = provider_of(exchange.some("probation_service"))
    enter(exchange, "register_provider", record)
    with pytest.raises(Conflict):
        enter(exchange, "register_provider", record)
    enter(exchange, "revoke_provider", record.issuer)
    assert facts(exchange)[-2:] == [
        ("identity-provider", record.issuer),
        ("identity-provider-revoked", record.issuer),
    ]
    with pytest.raises(NotFound):
        enter(exchange, "revoke_provider", "https://nobody.example")
    # An issuer that was ended once cannot be taken by somebody else.
    with pytest.raises(Conflict):
        enter(exchange, "register_provider", record)


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


def test_where_officers_have_to_be_proven_the_registry_asks_for_it_too(exchange: Exchange) -> None:
    house = replace(exchange.world.service.house, require_proven_officers=True)
    agency = exchange.some("probation_service")
    new = OfficerRecord(agency_id=agency.id, officer_id="newcomer", function="officer")
    asserted = replace(caller_of(agency.id, agency.role), assurance="asserted")

    def register(caller: Caller) -> Refusal | None:
        return exchange.world.service.database.run_blocking(
            lambda c: registry_desk.register_officer(
                c, house, caller, new, at=exchange.world.clock()
            )
        )

    refused = register(asserted)
    assert refused is not None
    assert isinstance(refused.problem, Forbidden)
    assert register(replace(asserted, assurance="proven")) is None


def test_the_id_of_the_commands_is_no_agencys(exchange: Exchange) -> None:
    pretender = AgencyRecord(
        agency_id="operator",
        name="x",
        role="probation_service",
        country="XK",
        municipalities=frozenset(),
    )
    with pytest.raises(InvalidInput, match="that of the commands"):
        enter(exchange, "register_agency", pretender)


def test_a_mistyped_revocation_is_no_revocation(exchange: Exchange) -> None:
    before = facts(exchange)
    with pytest.raises(NotFound):
        revoke(exchange, "no-such-client")
    with pytest.raises(NotFound):
        revoke_officer(exchange, "no-such-agency", "nobody")
    assert facts(exchange) == before


@pytest.fixture
def office(connection: Connection) -> Office:
    """Somebody is released in five days, and two of the police have endpoints but no place."""
    office = Office(connection)
    office.agency("prison", "correctional_service", places=())
    for name in ("police", "stand-in"):
        office.subscriber(name, "police_local", places=())
    office.person("somebody")
    soon = office.at.date() + timedelta(days=5)
    office.change("somebody", planned_release_date=soon)
    release = Change(before=None, after=ReleaseFacts(planned_release_date=soon))
    follow(connection, office.planner, "somebody", release, at=office.at)
    tell_due(connection, office.planner, at=office.at, limit=9)
    assert office.rows() == []
    return office


def change(office: Office, agency: str, **members: object) -> None:
    entry = directory.agency(office.connection, agency)
    assert entry is not None
    changed = replace(entry.record, **members)  # type: ignore[arg-type]  # members of a record
    registry.change_agency(office.connection, plain_house(), changed, at=office.at)


def told(office: Office) -> list[str]:
    return [row.agency_id for row in office.rows()]


def test_an_agency_catches_up_with_the_releases_of_a_place_that_it_is_given(
    office: Office,
) -> None:
    for places in ({PLACE}, {PLACE, "XK-FERIZAJ"}):
        change(office, "police", municipalities=frozenset(places))
        assert told(office) == ["police"]


@pytest.mark.parametrize("how", ["the place is taken", "the agency ends"])
def test_who_stands_in_is_told_of_the_releases_of_a_place_that_has_lost_its_agency(
    office: Office, how: str
) -> None:
    change(office, "police", municipalities=frozenset({PLACE}))
    change(office, "stand-in", fallback=True)
    assert told(office) == ["police"]
    if how == "the agency ends":
        registry.revoke_agency(office.connection, plain_house(), "police", at=office.at)
    else:
        change(office, "police", municipalities=frozenset())
    assert told(office) == ["police", "stand-in"]
