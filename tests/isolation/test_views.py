"""What leaves over HTTP is what the oracle gives: by field, by fact, by person, by address."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import httpx
import pytest

from app.access_log.receipt import from_header, open_receipt
from app.administration import designations
from app.administration.fact_rules import TRANSFER_TEST
from app.files.catalogue import FIELDS, SECTIONS
from app.files.vocabulary import DataClass
from app.main import log_verifier
from app.policy.roles import CONSENT_ROLES, FACT_ROLES, ROLE_PURPOSES
from tests.api.exchange import Exchange, sections_of, without_convictions, without_date
from tests.isolation import doors, oracle
from tests.isolation.doors import CHILD, COURT, DESIGNATED, GATEWAY, HEALTH, VICTIM, WELFARE
from tests.isolation.stage import NOBODY, Party, Stage
from tests.isolation.views import letters, letters_of
from tests.world import ring

# What the person can consent to.
OWN = tuple(
    path
    for path, one in FIELDS.items()
    if one.kind.person_of is None and one.data_class is not DataClass.VICTIM
)
CONTACT = "custody.emergency_contact"
PROBATION = "probation_service"
READERS = (PROBATION, COURT, WELFARE, "police_local")
NOTHING = dict.fromkeys(FIELDS, "-")


def seen(party: Party) -> dict[str, str]:
    """The letter of each field in the answer to a read; nothing, where nobody is known."""
    answer = party.speaker.get(party.reference)
    if answer.status_code == 404:
        return NOTHING
    assert answer.status_code == 200, answer.text
    return letters_of(answer.json())


def asking_for(party: Party, purpose: str) -> Party:
    """The same agency for another of its purposes."""
    world = party.speaker.world
    configuration = replace(world.agencies[party.id].configuration, purpose=purpose)
    return replace(party, speaker=replace(party.speaker, client=world.client(configuration)))


@pytest.mark.parametrize("role", ROLE_PURPOSES)
def test_a_role_with_the_case_reads_what_the_oracle_gives(stage: Stage, role: str) -> None:
    for purpose in ROLE_PURPOSES[role]:
        party = asking_for(stage.known[role], purpose)
        assert seen(party) == letters(stage, party, purpose=purpose), purpose


def test_the_custodian_reads_what_the_oracle_gives(stage: Stage) -> None:
    assert seen(stage.custodian) == letters(stage, stage.custodian)


@dataclass(frozen=True)
class Grant:
    """A fact that opens something to these roles: how it is put in force, and ended."""

    roles: tuple[str, ...]
    facts: dict[str, Any]
    given: Callable[[Stage, Party], Callable[[], object]]


def _consent(stage: Stage, party: Party) -> Callable[[], object]:
    content = {
        **doors.consent(stage, stage.custodian),
        "recipient_agency": party.id,
        "purpose": ROLE_PURPOSES[party.label][0],
        "fields": list(OWN),
    }
    made = stage.custodian.post("/v1/consents", content)["consent_id"]
    return lambda: stage.custodian.post(f"/v1/consents/{made}/withdrawal")


def _stated(
    path: str, author: str, content: dict[str, Any], *, end: str = "end", confirmed_by: str = ""
) -> Callable[[Stage, Party], Callable[[], object]]:
    """A fact in favour of the party, stated by `author` with its own reference."""

    def given(stage: Stage, party: Party) -> Callable[[], object]:
        by = stage.party(author)
        favoured = {name: party.id if value is PARTY else value for name, value in content.items()}
        stating = by.in_person(stage) if doors.DOORS[f"POST {path}"].in_person else by
        made = stating.post(path, {"reference": by.reference, **favoured})["fact_id"]
        if confirmed_by:
            stage.party(confirmed_by).post(f"{path}/{made}/confirmation")
        return lambda: by.post(f"{path}/{made}/{end}")

    return given


def _relative(stage: Stage, party: Party) -> Callable[[], object]:
    welfare = stage.known[WELFARE]
    asked = {"recipient_agency": party.id, "purpose": ROLE_PURPOSES[party.label][0]}
    content = {**doors.relative(stage, welfare), **asked}
    made = welfare.post("/v1/relative-consents", content)["fact_id"]
    return lambda: welfare.post(f"/v1/relative-consents/{made}/withdrawal")


def _designated(stage: Stage, party: Party) -> Callable[[], object]:
    made = party.post("/v1/designations", doors.designation(stage, party))["fact_id"]
    world = stage.exchange.world
    world.service.database.run_blocking(
        lambda c: designations.confirm(c, world.service.house, made, at=world.clock())
    )
    return lambda: party.post(f"/v1/designations/{made}/end")


PARTY = "the agency in whose favour it is"
EVIDENCE = {"evidence_sha256": doors.DIGEST, "expires_on": doors.LAST_DAY}
GRANTS = {
    "consent": Grant(tuple(sorted(CONSENT_ROLES)), {"consents": frozenset(OWN)}, _consent),
    "court order": Grant(
        tuple(sorted({role for _, role, _, _ in oracle.ROLES} - {COURT})),
        {"court_orders": frozenset(SECTIONS)},
        _stated(
            "/v1/court-orders",
            COURT,
            {"agency": PARTY, "parts": list(SECTIONS), "case_number": "K 1", **EVIDENCE},
        ),
    ),
    "linked child": Grant(
        tuple(sorted(FACT_ROLES["child_linked"])),
        {"child_linked": True},
        _stated(
            "/v1/child-links",
            CHILD,
            {"agency": PARTY, "child": "child-1"},
            confirmed_by="custodian",
        ),
    ),
    "registered victim": Grant(
        (VICTIM,), {"victim_registered": True}, _stated("/v1/victim-registrations", VICTIM, {})
    ),
    "transfer": Grant(
        (GATEWAY,),
        {"transfer_approved": True},
        _stated(
            "/v1/transfer-approvals",
            "custodian",
            {"agency": PARTY, "answers": dict.fromkeys(TRANSFER_TEST, True), **EVIDENCE},
            confirmed_by="second officer",
        ),
    ),
    "relative's consent": Grant(
        (HEALTH, "reintegration_unit"), {"relative_consents": frozenset({CONTACT})}, _relative
    ),
    "emergency": Grant(
        (HEALTH,),
        {"vital_interest": frozenset({"identity.full_name", "health.self_harm_alert"})},
        _stated(
            "/v1/emergency-access",
            "custodian",
            {
                "agency": PARTY,
                "fields": ["identity.full_name", "health.self_harm_alert"],
                "reason": "danger_to_life",
                "narrative": "Was found on the floor and does not answer.",
            },
        ),
    ),
    "designation": Grant(tuple(sorted(DESIGNATED)), {"designated": True}, _designated),
}


@pytest.mark.parametrize("fact", GRANTS)
def test_a_fact_opens_what_the_oracle_gives_and_its_end_takes_exactly_that(
    stage: Stage, fact: str
) -> None:
    grant, opened = GRANTS[fact], 0
    for role in grant.roles:
        party = stage.known[role]
        before = seen(party)
        end = grant.given(stage, party)
        during = seen(party)
        assert during == letters(stage, party, **grant.facts), role
        opened += during != before
        end()
        assert seen(party) == before, role
        # To have less on record never gives more.
        for path in FIELDS:
            assert oracle.LETTERS.index(before[path]) <= oracle.LETTERS.index(during[path])
    assert opened


def test_two_persons_who_change_places_change_answers(exchange: Exchange, stage: Stage) -> None:
    prison = stage.custodian.speaker
    files = [without_convictions(sections_of(prison.role, seed)) for seed in (1, 2)]
    files[1]["residence_contact"]["return_municipality_code"] = {"value": "XK-PEJA"}
    persons = [exchange.person(prison, file) for file in files]
    readers = [prison, *(stage.known[role].speaker for role in READERS)]
    known = [
        [one if reader is prison else exchange.refer(prison, one, reader) for one in persons]
        for reader in readers
    ]

    def views() -> list[list[dict[str, Any]]]:
        return [
            [_without_reference(reader.get(one)) for one in references]
            for reader, references in zip(readers, known, strict=True)
        ]

    before = views()
    assert all(one != other for one, other in before)
    for person, file in zip(persons, reversed(files), strict=True):
        assert prison.put(person, file, if_match="*").status_code == 200
    assert views() == [[other, one] for one, other in before]


def _without_reference(answer: httpx.Response) -> dict[str, Any]:
    view: dict[str, Any] = answer.json()
    view.pop("reference", None)
    return view


def test_a_head_is_a_read_without_its_body_and_on_record_like_it(
    exchange: Exchange, stage: Stage
) -> None:
    for party in (stage.custodian, stage.known[PROBATION], stage.strangers[PROBATION]):
        path = f"/v1/inmate-files/{party.reference}"
        get, head = (party.speaker.call(method, path) for method in ("GET", "HEAD"))
        assert head.content == b""
        assert _told(head) == _told(get)
        assert _promised(head, exchange) == _promised(get, exchange)
        read, headed = exchange.entries(agency_id=party.id)[-2:]
        assert headed.sections.keys() == read.sections.keys()
        for name in ("subject", "fields", "payload", "grounds"):
            assert headed.sections.get(name) == read.sections.get(name)
        if get.is_success:
            assert read.id == get.headers["disclosure-entry"]
            assert headed.id == head.headers["disclosure-entry"]


def _told(answer: httpx.Response) -> tuple[int, list[tuple[str, str]]]:
    its_own = {"date", "disclosure-entry", "disclosure-receipt"}
    told = [(name, "" if name in its_own else value) for name, value in answer.headers.items()]
    return answer.status_code, told


def _promised(answer: httpx.Response, exchange: Exchange) -> tuple[bytes, datetime] | None:
    """What the receipt of an answer says, but for the entry, which is the answer's own."""
    if "disclosure-receipt" not in answer.headers:
        return None
    world = exchange.world
    log = log_verifier(world.settings, ring(world))
    receipt = open_receipt(from_header(answer.headers["disclosure-receipt"]), [log])
    assert receipt.entry_id == answer.headers["disclosure-entry"]
    return receipt.body_sha256, receipt.expected_by


def written(reference: str) -> dict[str, tuple[str, bool]]:
    """Ways to write the address of a file, and whether it is still this address."""
    path = f"/v1/inmate-files/{reference}"
    escaped = "".join(f"%{ord(letter):02X}" for letter in reference)
    return {
        "escaped": (f"/v1/inmate-files/{escaped}", True),
        "escaped in the path": (f"/v1/%69nmate-files/{reference}", True),
        "a query": (f"{path}?", True),
        "a slash behind": (f"{path}/", False),
        "two slashes": (f"/v1/inmate-files//{reference}", False),
        "two slashes in front": (f"/{path}", False),
        "other letters": (f"/V1/Inmate-Files/{reference}", False),
        "the reference in other letters": (f"/v1/inmate-files/{_other_case(reference)}", False),
        "escaped twice": (f"/v1/inmate-files/{escaped.replace('%', '%25')}", False),
        "a dot": (f"/v1/inmate-files/./{reference}", False),
        "a way up": (f"/v1/cases/../inmate-files/{reference}", False),
        "a parameter": (f"{path};v=1", False),
        "a NUL behind": (f"{path}%00", False),
        "another ending": (f"{path}.json", False),
    }


def _other_case(reference: str) -> str:
    return reference.lower() if reference.lower() != reference else reference.upper()


@pytest.mark.parametrize("way", written("x"))
def test_an_address_gives_the_same_view_however_it_is_written_or_nothing(
    stage: Stage, way: str
) -> None:
    for party in (stage.custodian, stage.known[PROBATION], stage.strangers[PROBATION]):
        plain = party.speaker.get(party.reference)
        path, same = written(party.reference)[way]
        answer = _asked(party, path)
        if same:
            assert answer.content == plain.content
            continue
        assert answer.status_code in {404, 422}
        nobody = _asked(party, written(NOBODY)[way][0])
        assert without_date(answer) == without_date(nobody)


def _asked(party: Party, path: str) -> httpx.Response:
    """The answer to a path as it is written: httpx would tidy it up."""
    headers = party.speaker.credentials("GET", path)
    issuer, target = party.speaker.world.settings.issuer, {"target": path.encode()}
    return party.speaker.http.request("GET", issuer, headers=headers, extensions=target)


def test_a_list_names_whom_a_read_would_show_and_says_nothing_else(stage: Stage) -> None:
    for role in ROLE_PURPOSES:
        for party in (stage.known[role], stage.strangers[role]):
            listed = party.speaker.call("GET", "/v1/cases").json()["cases"]
            assert all(one.keys() == {"reference"} for one in listed)
            # Who writes down something of a person has to know of them to do so.
            writes = role in doors.OWNERS and party.label in stage.known
            assert writes or all(
                party.speaker.get(one["reference"]).status_code == 200 for one in listed[:3]
            )
            shown = party.reference in {one["reference"] for one in listed}
            assert shown == (writes or seen(party) != NOTHING)


def test_an_item_of_a_list_is_the_callers_own(exchange: Exchange, stage: Stage) -> None:
    """Offers, reviews and deliveries: each list is empty for whoever has nothing of it."""
    welfare = stage.strangers[WELFARE]
    for path in ("/v1/case-assignments", "/v1/emergency-access"):
        [items] = welfare.speaker.call("GET", path).json().values()
        assert items == []
    person = exchange.person(stage.custodian.speaker)
    offer = stage.custodian.post(
        "/v1/case-assignments", {"reference": person, "agency": welfare.id}
    )
    [items] = welfare.speaker.call("GET", "/v1/case-assignments").json().values()
    assert [one["assignment_id"] for one in items] == [offer["assignment_id"]]
    assert person not in str(items)
