"""What comes in is stored as a whole or not at all, and only in the writer's own sections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from sqlalchemy import update

from app.access_log.vocabulary import Operation, Outcome
from app.agencies.registry import AGENCY
from app.files.catalogue import SECTIONS
from app.policy.engine import UNDECIDED
from app.policy.errors import DecisionFailed
from tests.api.exchange import (
    Exchange,
    Sections,
    Speaker,
    is_problem,
    section,
    sections_of,
    without_convictions,
)

NEED = {"employment_need": {"value": "job_search"}}
OTHER_NEED = {"employment_need": {"value": "none"}}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def court(exchange: Exchange) -> Speaker:
    return exchange.agency("court_panel")


def released(answer: httpx.Response, section: str) -> dict[str, object]:
    values = answer.json()["released"].get(section, {})
    return {name: one["value"] for name, one in values.items() if one["recorded"]}


def test_a_whole_file_comes_back_as_it_was_put_in(exchange: Exchange, prison: Speaker) -> None:
    submitted = without_convictions(sections_of("correctional_service", seed=1))
    reference = exchange.person(prison, submitted)
    view = prison.get(reference)
    for name, fields in submitted.items():
        assert released(view, name) == {one: value["value"] for one, value in fields.items()}


def test_a_new_file_and_a_change_say_what_they_did(prison: Speaker) -> None:
    made = prison.put("NEW-1", {"needs": NEED})
    assert made.status_code == 201
    assert made.json() == {"created": True, "changed": ["needs"]}
    changed = prison.put("NEW-1", {"needs": OTHER_NEED}, if_match=made.headers["etag"])
    assert changed.status_code == 200
    assert changed.json() == {"created": False, "changed": ["needs"]}
    assert prison.get("NEW-1").headers["etag"] == changed.headers["etag"]


def test_a_put_replaces_the_callers_sections_and_leaves_those_of_others(
    exchange: Exchange, prison: Speaker, court: Speaker
) -> None:
    submitted = without_convictions(sections_of("correctional_service", seed=2))
    reference = exchange.person(prison, submitted)
    courts = exchange.refer(prison, reference, court)
    sentence = sections_of("court_panel")["sentence"]
    court.write(courts, "sentence", sentence)
    before = released(prison.get(reference), "sentence")
    assert before

    answer = prison.put(reference, {"needs": NEED}, if_match="*")
    gone = {name for name in SECTIONS if name in submitted} - {"needs"}
    assert set(answer.json()["changed"]) == gone | {"needs"}
    view = prison.get(reference)
    assert released(view, "needs") == {"employment_need": "job_search"}
    assert released(view, "sentence") == before
    assert all(released(view, name) == {} for name in gone)

    court.put(courts, {}, if_match="*")
    view = prison.get(reference)
    assert released(view, "sentence") == {}
    assert released(view, "needs") == {"employment_need": "job_search"}


def test_a_patch_sets_what_it_names_removes_what_is_null_and_leaves_the_rest(
    exchange: Exchange, prison: Speaker
) -> None:
    reference = exchange.person(prison, {"needs": section("needs", 3)})
    before = released(prison.get(reference), "needs")
    changes = {"accommodation_need": None, **OTHER_NEED}
    answer = prison.patch(reference, "needs", changes, if_match="*")
    assert answer.json()["changed"] == ["needs"]
    expected = {**before, "employment_need": "none"}
    del expected["accommodation_need"]
    assert released(prison.get(reference), "needs") == expected


def test_removing_what_is_not_there_changes_nothing(exchange: Exchange, prison: Speaker) -> None:
    reference = exchange.person(prison, {"needs": NEED})
    etag = prison.get(reference).headers["etag"]
    answer = prison.patch(reference, "needs", {"education_level": None}, if_match=etag)
    assert answer.json()["changed"] == []
    assert answer.headers["etag"] == etag


def test_a_section_may_lose_its_last_field(exchange: Exchange, prison: Speaker) -> None:
    reference = exchange.person(prison, {"needs": NEED, "plan": section("plan")})
    answer = prison.patch(reference, "needs", {"employment_need": None}, if_match="*")
    assert answer.json()["changed"] == ["needs"]
    view = prison.get(reference)
    assert released(view, "needs") == {}
    assert released(view, "plan")


def prison_person(exchange: Exchange, prison: Speaker, reference: str) -> str:
    """The exchange's own id of the person whom the prison last asked about."""
    prison.get(reference)
    last = exchange.entries(agency_id=prison.id, operation=Operation.DISCLOSURE)[-1]
    return str(last.sections["subject"]["person"])


def test_an_unchanged_value_keeps_its_provenance(exchange: Exchange, prison: Speaker) -> None:
    submitted = {"needs": {**NEED, "education_level": {"value": "ISCED-2"}}}
    reference = exchange.person(prison, submitted)
    first = exchange.world.clock().isoformat()
    exchange.world.clock.advance(hours=1)
    answer = prison.put(reference, {"needs": {**submitted["needs"], **OTHER_NEED}}, if_match="*")
    assert answer.status_code == 200
    needs = prison.get(reference).json()["released"]["needs"]
    assert needs["education_level"]["recorded_at"] == first
    assert needs["employment_need"]["recorded_at"] == exchange.world.clock().isoformat()
    assert needs["employment_need"]["source_agency"] == prison.id


def test_the_same_value_with_another_nature_is_another_statement(
    exchange: Exchange, prison: Speaker
) -> None:
    reference = exchange.person(prison, {"needs": NEED})
    exchange.world.clock.advance(hours=1)
    stated = {"employment_need": {"value": "job_search", "nature": "statement"}}
    assert prison.patch(reference, "needs", stated, if_match="*").json()["changed"] == ["needs"]
    field = prison.get(reference).json()["released"]["needs"]["employment_need"]
    assert field["nature"] == "statement"
    assert field["recorded_at"] == exchange.world.clock().isoformat()


def test_the_same_file_again_changes_nothing_and_is_no_collection(
    exchange: Exchange, prison: Speaker
) -> None:
    reference = exchange.person(prison, {"needs": NEED})
    before = exchange.stored()
    answer = prison.put(reference, {"needs": NEED}, if_match="*")
    assert answer.json() == {"created": False, "changed": []}
    assert exchange.stored() == before
    last = exchange.entries(agency_id=prison.id)[-1]
    assert last.sections["circumstances"]["operation"] == Operation.ALTERATION


def test_provenance_cannot_be_submitted(prison: Speaker) -> None:
    for forged in ({"source_agency": "court"}, {"recorded_at": "2020-01-01T00:00:00Z"}):
        answer = prison.put("FORGED", {"needs": {"employment_need": {"value": "none", **forged}}})
        is_problem(answer, 422, "invalid-input")
    assert prison.get("FORGED").status_code == 404


def test_what_the_dictionary_leaves_out_by_design_cannot_be_stored(
    exchange: Exchange, prison: Speaker
) -> None:
    before = exchange.stored()
    absent: tuple[Sections, ...] = (
        {"identity": {"ethnicity": {"value": "x"}}},
        {"political_opinion": {}},
        {"risk_assessment": {"automated_score": {"value": 7}}},
    )
    for sections in absent:
        is_problem(prison.put("ABSENT", sections), 422, "invalid-input")
    assert exchange.stored() == before


def test_a_submission_with_a_foreign_section_is_refused_whole_and_recorded(
    exchange: Exchange, prison: Speaker
) -> None:
    reference = exchange.person(prison, {"needs": NEED})
    before, told = exchange.stored(), len(exchange.entries())
    sections = {"needs": OTHER_NEED, "sentence": {"legal_status": {"value": "sentenced"}}}
    is_problem(prison.put(reference, sections, if_match="*"), 403, "forbidden")
    is_problem(prison.put("FOREIGN", sections), 403, "forbidden")
    assert exchange.stored() == before
    first, second = exchange.entries()[told:]
    for entry in (first, second):
        assert entry.sections["circumstances"]["outcome"] == Outcome.REFUSED
        assert entry.sections["fields"] == {"reason": "forbidden"}
    assert "subject" in first.sections
    assert "subject" not in second.sections


def test_what_cannot_be_decided_is_not_stored_and_is_on_record(exchange: Exchange) -> None:
    """The policy knows no such role, of a writer who has a file and would open another."""
    prison = exchange.agency("correctional_service")
    reference = exchange.person(prison, {"needs": NEED})
    before, told = exchange.stored(), len(exchange.entries(agency_id=prison.id))
    with role_of(exchange, prison, "no_such_role"):
        is_problem(prison.put(reference, {"needs": OTHER_NEED}, if_match="*"), 503, "no-decision")
        is_problem(prison.put("UNDECIDED", {"needs": NEED}), 503, "no-decision")
        is_problem(prison.patch(reference, "needs", OTHER_NEED, if_match="*"), 503, "no-decision")
    assert exchange.stored() == before
    entries = exchange.entries(agency_id=prison.id)[told:]
    assert [one.sections["fields"] for one in entries] == [{"reason": "no-decision"}] * 3
    assert {one.sections["circumstances"]["outcome"] for one in entries} == {Outcome.REFUSED}
    assert ["subject" in one.sections for one in entries] == [True, False, True]


def test_a_view_that_cannot_be_decided_takes_the_change_back(
    exchange: Exchange, prison: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is decided, but not what the writer would see of it."""
    reference = exchange.person(prison, {"needs": NEED})
    before, told = exchange.stored(), len(exchange.entries(agency_id=prison.id))

    def undecided(*_: object, **__: object) -> str:
        raise DecisionFailed(UNDECIDED)

    monkeypatch.setattr("app.intake.contribute._etag", undecided)
    is_problem(prison.put(reference, {"needs": OTHER_NEED}, if_match="*"), 503, "no-decision")
    assert exchange.stored() == before
    [entry] = exchange.entries(agency_id=prison.id)[told:]
    assert entry.sections["fields"] == {"reason": "no-decision"}


@contextmanager
def role_of(exchange: Exchange, agency: Speaker, role: str) -> Iterator[None]:
    """As if the registry had the agency in this role, for a while."""
    row = update(AGENCY).where(AGENCY.c.agency_id == agency.id)
    database = exchange.world.service.database
    database.run_blocking(lambda connection: connection.execute(row.values(role=role)))
    try:
        yield
    finally:
        database.run_blocking(lambda connection: connection.execute(row.values(role=agency.role)))


ROLES = (
    "correctional_service",
    "court_panel",
    "probation_service",
    "social_welfare_centre",
    "child_protection_authority",
    "health_provider",
    "victim_support_service",
    "data_subject",
    "police_local",
    "employment_service",
    "oversight_auditor",
    "ngo_mentor",
)
# The person's own access belongs to the custodian's agency: no agency of its own stands for it.
WITHOUT_AGENCY = frozenset({"data_subject"})


@pytest.mark.parametrize("role", ROLES)
def test_each_owner_writes_its_own_sections_and_no_other(
    exchange: Exchange, prison: Speaker, court: Speaker, role: str
) -> None:
    reference = exchange.person(prison, without_convictions(sections_of("correctional_service")))
    court.write(
        exchange.refer(prison, reference, court),
        "sentence",
        {"legal_status": {"value": "sentenced"}},
    )
    if role == prison.role:
        writer, own = prison, reference
    else:
        writer = exchange.some(role)
        own = exchange.refer(prison, reference, writer)
    known = writer.get(own).status_code == 200
    before = exchange.stored()
    written = set()
    for name in SECTIONS:
        answer = writer.patch(own, name, section(name, 9), if_match="*")
        if answer.status_code == 200:
            written.add(name)
        else:
            permitted = bool(owned(role))
            is_problem(answer, *((403, "forbidden") if known or permitted else (404, "not-found")))
    assert written == owned(role)
    if not written:
        assert exchange.stored() == before


def owned(role: str) -> set[str]:
    if role in WITHOUT_AGENCY:
        return set()
    return {name for name, one in SECTIONS.items() if one.owner_role == role}


def test_only_who_keeps_files_opens_one(exchange: Exchange) -> None:
    before = exchange.stored()
    for role in ROLES[1:]:
        stranger = exchange.some(role)
        sections = {name: section(name) for name in SECTIONS if name in owned(role)}
        is_problem(stranger.put("GHOST", sections), 404, "not-found")
        if sections:
            is_problem(stranger.patch("GHOST", *next(iter(sections.items()))), 404, "not-found")
    after = exchange.stored()
    assert after["inmate_file"] == before["inmate_file"]
    assert after["reference"] == before["reference"]


def test_a_patch_opens_no_file(exchange: Exchange, prison: Speaker) -> None:
    before = exchange.stored()
    is_problem(prison.patch("NOT-YET", "needs", NEED), 404, "not-found")
    is_problem(prison.patch("NOT-YET", "needs", NEED, if_match="*"), 404, "not-found")
    assert exchange.stored() == before


def test_references_are_a_namespace_of_each_agency(exchange: Exchange, prison: Speaker) -> None:
    other = exchange.agency("correctional_service")
    assert prison.put("SAME", {"needs": NEED}).status_code == 201
    assert other.put("SAME", {"needs": OTHER_NEED}).status_code == 201
    assert released(prison.get("SAME"), "needs") == {"employment_need": "job_search"}
    assert released(other.get("SAME"), "needs") == {"employment_need": "none"}


def test_of_two_changes_from_one_state_one_stands(exchange: Exchange, prison: Speaker) -> None:
    reference = exchange.person(prison, {"needs": NEED})
    changes = (
        {"education_level": {"value": "ISCED-2"}},
        {"accommodation_need": {"value": "none"}},
    )
    with ThreadPoolExecutor(2) as threads:
        for _ in range(5):
            etag = prison.get(reference).headers["etag"]
            answers = list(
                threads.map(
                    lambda change, etag=etag: prison.patch(
                        reference, "needs", change, if_match=etag
                    ),
                    changes,
                )
            )
            assert sorted(one.status_code for one in answers) == [200, 412]
            cleared = {"education_level": None, "accommodation_need": None}
            prison.write(reference, "needs", cleared)


def test_of_two_new_files_of_one_reference_one_is_made(exchange: Exchange, prison: Speaker) -> None:
    with ThreadPoolExecutor(2) as threads:
        for number in range(5):
            reference = f"TWICE-{number}"
            answers = list(
                threads.map(
                    lambda need, reference=reference: prison.put(reference, {"needs": need}),
                    (NEED, OTHER_NEED),
                )
            )
            codes = sorted(one.status_code for one in answers)
            # The second sees the first one's file, or that its reference was taken meanwhile.
            assert codes in ([201, 428], [201, 409])
            person = prison_person(exchange, prison, reference)
            files = exchange.stored()["reference"]
            assert sum(person in row for row in files) == 1
