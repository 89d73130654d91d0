"""The registry over HTTP: who may see and change what, with which entry, and from when on."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.access_log.vocabulary import Outcome
from app.activation import register
from app.activation.tables import PolicyActivation
from app.agencies.registry import OPERATOR_ROLE, REGISTRY_PURPOSE
from app.api.application import make_application
from app.api.models import Model
from app.api.registry_models import AgencyEntry, ClientEntry, OfficerEntry
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import SigningKey
from app.receiver.errors import ServiceRefused
from app.receiver.new_agency import write_configuration
from tests.api.exchange import OPERATION, Exchange, Speaker, is_problem
from tests.api.oauth import take_back
from tests.world import sealing_keys

CANARY = "Quokka"
DESK = {"unit": "duty desk", "email": "desk@welfare.example"}
LEAD = {"unit": "head of service", "phone": "+38344000001"}
IMPORT = "/v1/inmate-files/import"
ENTRIES: dict[str, type[Model]] = {
    "agencies": AgencyEntry,
    "clients": ClientEntry,
    "officers": OfficerEntry,
}
ROUTES = ("/v1/agencies", "/v1/clients", "/v1/officers")


@pytest.fixture(scope="module")
def operator(exchange: Exchange) -> Speaker:
    """Registered as the commands of the installation do it."""
    return exchange.registrar("exchange-office", OPERATOR_ROLE)


@pytest.fixture(scope="module")
def centre(exchange: Exchange) -> Speaker:
    """A welfare centre at work on its cases."""
    return exchange.agency("social_welfare_centre")


@pytest.fixture(scope="module")
def own(exchange: Exchange, centre: Speaker) -> Speaker:
    """Its registrar, by a client of its own."""
    return exchange.registrar(centre.id)


def new_keys() -> dict[str, Any]:
    return public_jwks([SigningKey.generate()])


def agency(name: str, /, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - members of JSON
    return {
        "agency": name,
        "name": "Welfare Centre",
        "role": "social_welfare_centre",
        "country": "XK",
        "municipalities": ["XK-VITI", "XK-GJILAN"],
        **changed,
    }


def client(name: str, of: str, /, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - members of JSON
    grounds = [{"purpose": "social_support", "legal_basis": "basis-1"}]
    return {"client": name, "agency": of, "jwks": new_keys(), "grounds": grounds, **changed}


def officer(name: str, of: str, /, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - members of JSON
    return {"agency": of, "officer": name, "function": "case officer", **changed}


def made(speaker: Speaker, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
    answer = speaker.post(f"/v1/{path}", content)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    ENTRIES[path].model_validate(shown)
    return shown


def seen(speaker: Speaker, path: str) -> httpx.Response:
    answer = speaker.call("GET", f"/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer


def changed(speaker: Speaker, path: str, etag: str | None, **members: object) -> httpx.Response:
    headers = {} if etag is None else {"If-Match": etag}
    return speaker.call("PATCH", f"/v1/{path}", json=members, headers=headers)


def entries(exchange: Exchange, speaker: Speaker) -> list[tuple[object, dict[str, Any]]]:
    """What the log has of what this agency did to the registry."""
    return [
        (one.sections["circumstances"]["outcome"], dict(one.sections["fields"]))
        for one in exchange.entries(agency_id=speaker.id)
        if "fact" in one.sections.get("fields", {})
    ]


def test_the_operator_registers_an_agency_a_client_and_an_officer_on_record(
    exchange: Exchange, operator: Speaker
) -> None:
    shown = made(operator, "agencies", agency("w-1", contact_points=[DESK], second_contact=LEAD))
    assert shown == {
        **agency("w-1"),
        "municipalities": ["XK-GJILAN", "XK-VITI"],
        "standing_acceptance": False,
        "fallback": False,
        "contact_points": [DESK],
        "second_contact": LEAD,
        "status": "active",
    }
    assert seen(operator, "agencies/w-1").json() == shown
    given = client("w-1-a", "w-1")
    kept = made(operator, "clients", given)
    assert kept == {**given, "bearer_allowed": False, "status": "active"}
    assert seen(operator, "clients/w-1-a").json() == kept
    person = made(operator, "officers", officer("o-1", "w-1"))
    assert person == {**officer("o-1", "w-1"), "status": "active"}
    assert seen(operator, "officers/w-1/o-1").json() == person
    assert entries(exchange, operator)[-3:] == [
        (Outcome.RECORDED, {"fact": "agency", "id": "w-1", "role": "social_welfare_centre"}),
        (
            Outcome.RECORDED,
            {
                "fact": "client",
                "id": "w-1-a",
                "agency": "w-1",
                "keys": [given["jwks"]["keys"][0]["kid"]],
                "grounds": [["social_support", "basis-1"]],
                "bearer_allowed": False,
            },
        ),
        (Outcome.RECORDED, {"fact": "officer", "id": "w-1/o-1"}),
    ]


def test_lists_come_in_pages(operator: Speaker) -> None:
    made(operator, "agencies", agency("p-0"))
    for number in range(3):
        made(operator, "officers", officer(f"o-{number}", "p-0"))
        made(operator, "clients", client(f"p-0-{number}", "p-0"))
    for name, key in (("officers", "officer"), ("clients", "client")):
        first = seen(operator, f"{name}?agency=p-0&limit=2").json()
        assert len(first[name]) == 2
        second = seen(operator, f"{name}?agency=p-0&limit=2&after={first['next']}").json()
        assert second["next"] is None
        assert len({one[key] for one in (*first[name], *second[name])}) == 3
    pages = [seen(operator, "agencies?limit=1").json()]
    while pages[-1]["next"]:
        pages.append(seen(operator, f"agencies?limit=1&after={pages[-1]['next']}").json())
    names = [page["agencies"][0]["agency"] for page in pages]
    assert {"p-0", operator.id} <= set(names)
    assert names == sorted(set(names))


def test_a_change_needs_the_state_that_was_read(exchange: Exchange, operator: Speaker) -> None:
    made(operator, "agencies", agency("c-0", second_contact=LEAD))
    etag = seen(operator, "agencies/c-0").headers["etag"]
    is_problem(changed(operator, "agencies/c-0", None, name="Other"), 428, "precondition-required")
    answer = changed(
        operator, "agencies/c-0", etag, contact_points=[DESK, LEAD], second_contact=None
    )
    assert answer.status_code == 200, answer.text
    expected = {"contact_points": [DESK, LEAD], "second_contact": None}
    assert answer.json() == {**answer.json(), **expected}
    is_problem(changed(operator, "agencies/c-0", etag, name="Other"), 412, "precondition-failed")
    again = changed(operator, "agencies/c-0", answer.headers["etag"], name="Other")
    assert (again.status_code, again.json()["name"]) == (200, "Other")
    assert seen(operator, "agencies/c-0").json() == again.json()
    assert [told for _, told in entries(exchange, operator)[-4:]] == [
        {"fact": "agency-changed", "reason": "precondition-required"},
        {"fact": "agency-changed", "id": "c-0", "changed": ["contact_points", "second_contact"]},
        {"fact": "agency-changed", "reason": "precondition-failed"},
        {"fact": "agency-changed", "id": "c-0", "changed": ["name"]},
    ]


def test_what_was_ended_is_shown_as_such_and_changed_no_more(operator: Speaker) -> None:
    made(operator, "agencies", agency("e-0"))
    made(operator, "clients", client("e-0-a", "e-0"))
    made(operator, "officers", officer("o", "e-0"))
    ends: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
        ("officers/e-0/o", "end", "ended", {"function": "clerk"}),
        ("clients/e-0-a", "revocation", "revoked", {"jwks": new_keys()}),
        ("agencies/e-0", "revocation", "revoked", {"name": "Other"}),
    )
    for path, end, status, change in ends:
        assert operator.post(f"/v1/{path}/{end}").status_code == 204
        assert operator.post(f"/v1/{path}/{end}").status_code == 204  # twice is harmless
        assert seen(operator, path).json()["status"] == status
        is_problem(changed(operator, path, "*", **change), 409, "conflict")
    is_problem(operator.post("/v1/agencies", agency("e-0")), 409, "conflict")
    is_problem(operator.post("/v1/clients", client("e-0-b", "e-0")), 422, "invalid-input")


def test_an_agency_looks_after_its_officers_its_keys_and_how_it_is_reached(
    exchange: Exchange, centre: Speaker, own: Speaker
) -> None:
    made(own, "officers", officer("newcomer", centre.id))
    answer = changed(own, f"officers/{centre.id}/newcomer", "*", function="head of unit")
    assert answer.json()["function"] == "head of unit"
    assert own.post(f"/v1/officers/{centre.id}/newcomer/end").status_code == 204
    reached = changed(own, f"agencies/{centre.id}", "*", contact_points=[DESK], second_contact=LEAD)
    assert reached.json()["second_contact"] == LEAD
    names = [one["client"] for one in seen(own, "clients").json()["clients"]]
    assert names == [f"{centre.id}-1", f"{centre.id}-registrar"]
    assert [one["agency"] for one in seen(own, "agencies").json()["agencies"]] == [centre.id]
    assert {told["fact"] for _, told in entries(exchange, own)} >= {
        "officer",
        "officer-changed",
        "officer-revoked",
        "agency-changed",
    }


def test_a_key_is_rotated_without_a_gap(exchange: Exchange) -> None:
    old = exchange.agency("social_welfare_centre")
    desk = exchange.registrar(old.id)
    path = f"clients/{old.id}-1"
    present = seen(desk, path)
    made_anew = write_configuration(
        exchange.world.folder / f"{old.id}-new",
        issuer=exchange.world.settings.issuer,
        client_id=f"{old.id}-1",
        officer=f"{old.id}-officer",
        purpose="social_support",
        legal_basis="illustrative:social_welfare_centre",
        decryption=next(sealing_keys()),
    )
    rotated = replace(old, client=exchange.world.client(made_anew.configuration))
    keys = [*present.json()["jwks"]["keys"], *made_anew.jwks["keys"]]
    both = changed(desk, path, present.headers["etag"], jwks={"keys": keys})
    assert both.json()["jwks"]["keys"] == keys
    assert both.json()["grounds"] == present.json()["grounds"]
    for one in (old, rotated):
        assert one.call("GET", "/v1/cases").status_code == 200
    token = old.token
    assert changed(desk, path, both.headers["etag"], jwks=made_anew.jwks).status_code == 200
    assert rotated.call("GET", "/v1/cases").status_code == 200
    # What was given before it still ends by its own time; a new one the old key does not get.
    assert old.call("GET", "/v1/cases", headers=old.credentials(token=token)).status_code == 200
    anew = exchange.world.client(exchange.world.agencies[old.id].configuration)
    with pytest.raises(ServiceRefused, match="invalid_client"):
        next(anew.cases())
    made_by = entries(exchange, desk)[-1][1]
    assert (made_by["changed"], made_by["keys"]) == (["jwks"], [made_anew.jwks["keys"][0]["kid"]])


WIDER: dict[str, tuple[str, dict[str, Any]]] = {
    "its places": ("agencies/{}", {"municipalities": ["XK-PEJA"]}),
    "its name": ("agencies/{}", {"name": "Other"}),
    "every referral": ("agencies/{}", {"standing_acceptance": True}),
    "a purpose": (
        "clients/{}-1",
        {"grounds": [{"purpose": "family_support", "legal_basis": "basis-2"}]},
    ),
    "calls without proof": ("clients/{}-1", {"bearer_allowed": True}),
    "a purpose beside a key": (
        "clients/{}-1",
        {
            "jwks": new_keys(),
            "grounds": [{"purpose": "social_support", "legal_basis": "basis-2"}],
        },
    ),
}


@pytest.mark.parametrize("name", WIDER)
def test_nobody_gives_itself_more(
    exchange: Exchange, centre: Speaker, own: Speaker, name: str
) -> None:
    path, members = WIDER[name]
    before = seen(own, path.format(centre.id)).content
    is_problem(changed(own, path.format(centre.id), "*", **members), 403, "forbidden")
    assert seen(own, path.format(centre.id)).content == before
    assert entries(exchange, own)[-1][0] == Outcome.REFUSED


def test_an_agency_registers_neither_agencies_nor_clients_nor_anybody_elses_officers(
    exchange: Exchange, centre: Speaker, own: Speaker
) -> None:
    other = exchange.some("probation_service")
    refused = [
        own.post("/v1/agencies", agency("mine")),
        own.post("/v1/clients", client("mine", centre.id)),
        own.post("/v1/officers", officer("mine", other.id)),
        own.post("/v1/officers", officer("mine", "nobody")),
        own.post(f"/v1/agencies/{centre.id}/revocation"),
    ]
    for answer in refused:
        is_problem(answer, 403, "forbidden")
    assert refused[2].content == refused[3].content
    outcomes = [one for one, _ in entries(exchange, own)[-len(refused) :]]
    assert outcomes == [Outcome.REFUSED] * len(refused)


def test_what_is_somebody_elses_looks_like_nothing(
    exchange: Exchange, operator: Speaker, own: Speaker
) -> None:
    other = exchange.some("probation_service")
    pairs = [
        ("GET", f"agencies/{other.id}", "agencies/nobody"),
        ("GET", f"clients/{other.id}-1", "clients/nobody"),
        ("GET", f"officers/{other.id}/{other.id}-officer", "officers/nobody/nobody"),
        ("GET", f"clients?agency={other.id}", "clients?agency=nobody"),
        ("GET", f"officers?agency={other.id}", "officers?agency=nobody"),
        ("POST", f"clients/{other.id}-1/revocation", "clients/nobody/revocation"),
        ("POST", f"agencies/{operator.id}/revocation", "agencies/nobody/revocation"),
        ("POST", f"officers/{other.id}/{other.id}-officer/end", "officers/nobody/nobody/end"),
    ]
    for method, theirs, nobodys in pairs:
        told = [own.call(method, f"/v1/{path}") for path in (theirs, nobodys)]
        is_problem(told[0], 404, "not-found")
        assert told[0].content == told[1].content
    patched = [
        changed(own, path, "*", jwks=new_keys()) for path in (f"clients/{other.id}-1", "clients/x")
    ]
    is_problem(patched[0], 404, "not-found")
    assert patched[0].content == patched[1].content
    assert other.call("GET", "/v1/cases").status_code == 200


def test_an_operator_is_not_made_over_the_interface(operator: Speaker, exchange: Exchange) -> None:
    second = exchange.registrar("second-office", OPERATOR_ROLE)
    ground = [{"purpose": REGISTRY_PURPOSE, "legal_basis": OPERATION}]
    for answer in (
        operator.post("/v1/agencies", agency("office-2", role=OPERATOR_ROLE)),
        operator.post("/v1/clients", client("office-2", operator.id, grounds=ground)),
        operator.post("/v1/clients", client("office-2", second.id, grounds=ground)),
        operator.post("/v1/officers", officer("o", second.id)),
        changed(operator, f"clients/{second.id}-registrar", "*", jwks=new_keys()),
        changed(operator, f"clients/{operator.id}-registrar", "*", bearer_allowed=True),
    ):
        is_problem(answer, 403, "forbidden")
    # To take away is always possible, also from one of its own kind.
    token = second.token
    assert operator.post(f"/v1/clients/{second.id}-registrar/revocation").status_code == 204
    called = second.credentials("GET", "/v1/agencies", token=token)
    is_problem(exchange.world.raw("GET", "/v1/agencies", headers=called), 401, "unauthenticated")


def test_one_purpose_opens_the_registry_and_it_opens_nothing_else(
    exchange: Exchange, operator: Speaker, own: Speaker, centre: Speaker
) -> None:
    """Every address of the contract, asked with the wrong purpose."""
    before = exchange.stored()
    paths = make_application().openapi()["paths"]
    asked = 0
    for path, operations in paths.items():
        # The matrix is for every client; an import answers line by line.
        if not path.startswith("/v1/") or path in {"/v1/policy/matrix", IMPORT}:
            continue
        speakers = (centre,) if path.startswith(ROUTES) else (operator, own)
        for method, speaker in ((m, s) for m in operations for s in speakers):
            answer = speaker.call(method.upper(), filled(path), **body_for(operations[method]))
            assert answer.status_code in {403, 422}, (method, path, answer.text)
            # A body that does not fit is refused before it is known who calls.
            asked += answer.status_code == 403
    assert asked > 40
    line = json.dumps({"reference": "P-0", "sections": {}})
    kind = {"Content-Type": "application/x-ndjson"}
    assert own.call("POST", IMPORT, content=line, headers=kind).json()["problem"] == "forbidden"
    assert exchange.stored() == before


def test_the_registry_is_no_purpose_for_which_a_file_could_be_had(
    exchange: Exchange, operator: Speaker, centre: Speaker, own: Speaker
) -> None:
    prison = exchange.some("correctional_service")
    person = exchange.person(prison)
    assert own.id == centre.id  # it has a client of this purpose
    for about in (centre.id, operator.id):
        query = f"explanation?agency={about}&purpose={REGISTRY_PURPOSE}"
        answer = prison.call("GET", f"/v1/inmate-files/{person}/{query}")
        is_problem(answer, 422, "invalid-input")
    offered = prison.post("/v1/case-assignments", {"reference": person, "agency": operator.id})
    is_problem(offered, 422, "invalid-input")


def test_of_two_changes_of_one_state_one_is_late(operator: Speaker) -> None:
    made(operator, "agencies", agency("t-0"))
    etag = seen(operator, "agencies/t-0").headers["etag"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(
                lambda number: changed(operator, "agencies/t-0", etag, name=f"Name {number}"),
                range(8),
            )
        )
    assert sorted(one.status_code for one in answers) == [200, *[412] * 7]
    (won,) = [one for one in answers if one.status_code == 200]
    assert seen(operator, "agencies/t-0").json() == won.json()


def test_somebody_is_ended_even_when_no_policy_can_decide(
    exchange: Exchange, operator: Speaker
) -> None:
    one = exchange.agency("social_welfare_centre")
    service, at = exchange.world.service, exchange.world.clock()
    forged = PolicyActivation(
        sequence=2,
        digest=service.house.bundle.digest,
        predecessor=service.house.bundle.digest,
        report=None,
        kind="emergency-revocation",
        activated_at=at,
        entry_id="0" * 32,
    ).model_dump()
    table = register.ACTIVATION
    exchange.world.owner.run_blocking(lambda c: c.execute(table.insert().values(**forged)).close())
    try:
        is_problem(one.call("GET", "/v1/cases"), 503, "policy-unavailable")
        assert operator.post(f"/v1/clients/{one.id}-1/revocation").status_code == 204
    finally:
        undo = table.delete().where(table.c.sequence == 2)
        exchange.world.owner.run_blocking(lambda c: c.execute(undo).close())
    token = one.token
    is_problem(
        one.call("GET", "/v1/cases", headers=one.credentials(token=token)), 401, "unauthenticated"
    )


def filled(path: str) -> str:
    for name, text in {"jti": "0" * 32, "section": "needs", "child": "c"}.items():
        path = path.replace(f"{{{name}}}", text)
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        name = path[start + 1 : end]
        filler = "0" * 32 if name.endswith("_id") else "1"
        path = f"{path[:start]}{filler}{path[end + 1 :]}"
    return path


def body_for(operation: Mapping[str, Any]) -> dict[str, Any]:
    if "requestBody" not in operation:
        return {}
    kind = next(iter(operation["requestBody"]["content"]))
    return {"content": b"{}", "headers": {"Content-Type": kind}}


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "no id": ("agencies", agency(""), "/agency"),
    "an id with a slash": ("agencies", agency(f"{CANARY}/1"), "/agency"),
    "an id of the commands": ("agencies", agency("operator"), "/agency"),
    "a role that is none": ("agencies", agency("b", role=CANARY), "/role"),
    "a country that is none": ("agencies", agency("b", country=CANARY), "/country"),
    "a place that is none": ("agencies", agency("b", municipalities=[CANARY]), "/municipalities/0"),
    "a name of nothing": ("agencies", agency("b", name=" "), "/name"),
    "a name that turns round": ("agencies", agency("b", name=f"\u202e{CANARY}"), "/name"),
    "a member that is none": ("agencies", agency("b", Quokka=1), ""),
    "a contact without an address": (
        "agencies",
        agency("b", contact_points=[{"unit": CANARY}]),
        "/contact_points",
    ),
    "a contact twice": ("agencies", agency("b", contact_points=[DESK, DESK]), "/contact_points"),
    "an e-mail address that is none": (
        "agencies",
        agency("b", second_contact={"unit": "desk", "email": CANARY}),
        "/second_contact/email",
    ),
    "a phone number that is none": (
        "agencies",
        agency("b", second_contact={"unit": "desk", "phone": "044 000"}),
        "/second_contact/phone",
    ),
    "an agency that is none": ("clients", client("b", CANARY), "/agency"),
    "no key": ("clients", client("b", "f-0", jwks={"keys": []}), "/jwks/keys"),
    "a private key": (
        "clients",
        client("b", "f-0", jwks={"keys": [{**new_keys()["keys"][0], "d": CANARY}]}),
        "/jwks",
    ),
    "a secret": (
        "clients",
        client("b", "f-0", jwks={"keys": [{"kty": "oct", "k": CANARY}]}),
        "/jwks",
    ),
    "no ground": ("clients", client("b", "f-0", grounds=[]), "/grounds"),
    "a purpose of another role": (
        "clients",
        client("b", "f-0", grounds=[{"purpose": "supervision", "legal_basis": CANARY}]),
        "/grounds",
    ),
    "a basis of nothing": (
        "clients",
        client("b", "f-0", grounds=[{"purpose": "social_support", "legal_basis": ""}]),
        "/grounds/0/legal_basis",
    ),
    "truth as a text": ("clients", client("b", "f-0", bearer_allowed="true"), "/bearer_allowed"),
    "an officer of nobody": ("officers", officer("b", CANARY), "/agency"),
    "an officer with spaces": ("officers", officer(f"{CANARY} b", "f-0"), "/officer"),
    "a function of nothing": ("officers", officer("b", "f-0", function="\n"), "/function"),
}


@pytest.fixture(scope="module")
def fit(operator: Speaker) -> None:
    """An agency for which the rest would fit."""
    made(operator, "agencies", agency("f-0"))
    made(operator, "clients", client("f-0-a", "f-0"))


@pytest.mark.usefixtures("fit")
@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_without_an_echo(operator: Speaker, name: str) -> None:
    path, content, pointer = BAD[name]
    answer = operator.post(f"/v1/{path}", content)
    is_problem(answer, 422, "invalid-input")
    assert pointer in [one["pointer"] for one in answer.json()["errors"]], answer.text
    assert CANARY not in answer.text


@pytest.mark.usefixtures("fit")
def test_a_change_that_says_nothing_or_too_much_is_refused(operator: Speaker) -> None:
    for path, sent in (
        ("agencies/f-0", {}),
        ("agencies/f-0", {"role": "court_panel"}),
        ("agencies/f-0", {"name": None}),
        ("agencies/f-0", {"status": "active"}),
        ("clients/f-0-a", {"jwks": None}),
        ("clients/f-0-a", {"agency": "w-1"}),
        ("clients/f-0-a", {"grounds": []}),
        ("clients/f-0-a", {"jwks": {"keys": [{}]}}),
        ("officers/f-0/o", {}),
    ):
        is_problem(changed(operator, path, "*", **sent), 422, "invalid-input")
    for body, status in ((b"{", 400), (b'{"name":"a","name":"b"}', 400), (b"[]", 422)):
        headers = {"If-Match": "*", "Content-Type": "application/json"}
        answer = operator.call("PATCH", "/v1/agencies/f-0", content=body, headers=headers)
        assert answer.status_code == status
    assert operator.call("GET", "/v1/agencies?Quokka=1").status_code == 422
    assert operator.call("GET", "/v1/officers?limit=0").status_code == 422


BAD_KEYS: dict[str, dict[str, Any]] = {
    "half a character": {"x": "\ud800"},
    "a coordinate that is a number": {"x": 1},
    "a coordinate cut short": {"y": "AAAA"},
    "a point beside the curve": {"x": "A" * 43},
    "another curve": {"crv": "P-521"},
    "a curve that is a list": {"crv": ["P-256"]},
    "a kind that is an object": {"kty": {}},
    "an id of nothing": {"kid": ""},
    "an id of half a character": {"kid": "\ud800"},
    "an id that is a list": {"kid": [CANARY]},
    "a key for sealing": {"use": "enc"},
    "an algorithm without a key": {"alg": "none"},
    "an algorithm that is a list": {"alg": ["ES256"]},
}


@pytest.mark.usefixtures("fit")
@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_verifies_nothing_is_refused(operator: Speaker, name: str) -> None:
    keys = {"keys": [{**new_keys()["keys"][0], **BAD_KEYS[name]}]}
    body = json.dumps(client("b", "f-0", jwks=keys)).encode()  # as ASCII: halves are written out
    headers = {"Content-Type": "application/json"}
    answer = operator.call("POST", "/v1/clients", content=body, headers=headers)
    is_problem(answer, 422, "invalid-input")
    assert CANARY not in answer.text


@pytest.mark.usefixtures("fit")
def test_of_a_key_only_what_verifies_is_kept(operator: Speaker) -> None:
    keys = new_keys()
    written = {"keys": [{**keys["keys"][0], "x5c": ["AAAA"], "holder": CANARY}]}
    kept = made(operator, "clients", client("k-1", "f-0", jwks=written))
    assert kept["jwks"] == keys
    assert seen(operator, "clients/k-1").json() == kept


def test_a_token_that_its_client_takes_back_is_on_record_once(
    exchange: Exchange, centre: Speaker
) -> None:
    token = centre.token
    assert take_back(centre, token).status_code == 200
    assert take_back(centre, token).status_code == 200
    is_problem(
        centre.call("GET", "/v1/cases", headers=centre.credentials(token=token)),
        401,
        "unauthenticated",
    )
    revoked = [told for _, told in entries(exchange, centre) if told["fact"] == "token-revoked"]
    assert len(revoked) == 1
    assert json.dumps(revoked[0]).count(token) == 0
