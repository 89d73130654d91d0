"""An auditor learns why a decision was as it was: conditions in words, and no value of any fact."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update

from app.access_log import decisions
from app.access_log.tables import AccessLogEntry
from app.access_log.vocabulary import Operation, Outcome
from app.audit.explain_decision import SMALLEST_ANSWER, explain_decision
from app.files.catalogue import FIELDS
from app.policy.recorded_request import from_record
from app.policy.request import Request
from app.releases.milestones import notice_days
from app.rows import table_of
from tests.api.exchange import (
    RELEASE,
    Exchange,
    Speaker,
    exchange_in,
    is_problem,
    sections_of,
    without_convictions,
)
from tests.policy.unchecked import bundle_of, permit
from tests.world import World

EXPLAINED = "/v1/access-log/entries/{}/explanation"
ENTRY = table_of(AccessLogEntry)
NAME = "identity.full_name"
CHECK = "plan.individual_plan_summary"


@pytest.fixture(scope="module")
def exchange(world: World) -> Iterator[Exchange]:
    with exchange_in(world) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def auditor(exchange: Exchange) -> Speaker:
    return exchange.agency("oversight_auditor")


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def person(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison, without_convictions(sections_of("correctional_service", seed=8)))


@pytest.fixture(scope="module")
def employment(exchange: Exchange) -> Speaker:
    return exchange.agency("employment_service", municipalities=("XK-GJILAN", "XK-VITI"))


@pytest.fixture(scope="module")
def entry_id(exchange: Exchange, prison: Speaker, person: str, employment: Speaker) -> str:
    """A read by an employment service, to which the person consented for the name."""
    own = exchange.refer(prison, person, employment)
    exchange.consent(prison, person, employment, NAME)
    answer = employment.get(own)
    assert answer.status_code == 200
    exchange.entries()  # it has its place now
    return answer.headers["disclosure-entry"]


def explained(auditor: Speaker, entry_id: str) -> dict[str, Any]:
    answer = auditor.call("GET", EXPLAINED.format(entry_id))
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_conditions_are_said_in_words_met_or_not(auditor: Speaker, entry_id: str) -> None:
    content = explained(auditor, entry_id)
    assert (content["entry"], content["status"]) == (entry_id, "reproduced")
    assert (content["role"], content["purpose"]) == ("employment_service", "employment_support")
    fields = {one["field"]: one for one in content["fields"]}
    assert [*fields] == list(FIELDS)
    assert fields[NAME]["form"] == "generalised"
    (policy,) = fields[NAME]["released_by"]
    assert content["policies"][policy]["citation"]
    states = {c["words"]: c["met"] for c in content["policies"][policy]["conditions"]}
    assert states.pop("the purpose is employment_support") is True
    assert set(states.values()) == {True}
    closed = fields[CHECK]
    assert (closed["form"], closed["reason"]) == ("none", "conditions_not_met")
    missing = content["policies"][closed["would_open"][0]["policy"]]["conditions"]
    assert [c["letters"] for c in missing if not c["met"]] == ["C"]


def test_no_value_of_a_fact_is_told_and_no_length_tells_one(
    exchange: Exchange, auditor: Speaker, prison: Speaker, person: str, entry_id: str
) -> None:
    police = exchange.agency("police_local")
    other = police.get(exchange.refer(prison, person, police)).headers["disclosure-entry"]
    exchange.entries()
    for one in (entry_id, other):
        answer = auditor.call("GET", EXPLAINED.format(one))
        assert answer.json()["status"] == "reproduced"
        assert len(answer.content) == SMALLEST_ANSWER
        for mark in ("XK-", "municipalities", "days_to_release", RELEASE.isoformat(), police.id):
            assert mark not in answer.text
        days = (RELEASE - exchange.world.clock().date()).days
        assert f'"{days}"' not in answer.text


def test_it_is_the_decision_of_then_and_not_of_now(
    exchange: Exchange, auditor: Speaker, prison: Speaker, person: str
) -> None:
    agency = exchange.agency("employment_service")
    own = exchange.refer(prison, person, agency)
    consent = exchange.consent(prison, person, agency, NAME)
    read = agency.get(own).headers["disclosure-entry"]
    prison.post(f"/v1/consents/{consent}/withdrawal")
    assert agency.get(own).status_code == 404
    exchange.world.clock.advance(days=1)
    exchange.entries()
    content = explained(auditor, read)
    assert content["status"] == "reproduced"
    (name,) = [one for one in content["fields"] if one["field"] == NAME]
    assert name["form"] == "generalised"
    today = exchange.world.service.house.legal_date(exchange.world.clock())
    assert content["day"] == (today - timedelta(days=1)).isoformat()


def test_each_explanation_and_each_miss_is_on_record(
    exchange: Exchange, auditor: Speaker, entry_id: str
) -> None:
    answer = auditor.call("GET", EXPLAINED.format(entry_id))
    last = exchange.entries(agency_id=auditor.id)[-1]
    assert last.sections["circumstances"]["operation"] == Operation.LOG_READ
    assert last.sections["fields"] == {"explanation": entry_id}
    digest = hashlib.sha256(answer.content).hexdigest()
    assert last.sections["payload"] == {"length": len(answer.content), "sha256": digest}
    # An entry that decided nothing is as little a decision as one that is not there.
    for nothing in ("0" * 32, last.id):
        is_problem(auditor.call("GET", EXPLAINED.format(nothing)), 404, "not-found")
        entry = exchange.entries(agency_id=auditor.id)[-1]
        assert entry.sections["fields"] == {"explanation": nothing}
    is_problem(auditor.call("GET", EXPLAINED.format("Markword")), 422, "invalid-input")


def test_nobody_else_is_told_and_asking_is_on_record(
    exchange: Exchange, prison: Speaker, employment: Speaker, entry_id: str
) -> None:
    for agency in (prison, employment):
        for one in (entry_id, "0" * 32):
            is_problem(agency.call("GET", EXPLAINED.format(one)), 403, "forbidden")
        last = exchange.entries(agency_id=agency.id)[-1]
        assert last.sections["circumstances"]["operation"] == Operation.LOG_READ
        assert last.sections["circumstances"]["outcome"] == Outcome.REFUSED
    path = EXPLAINED.format(entry_id)
    is_problem(exchange.world.raw("GET", path), 401, "unauthenticated")


def test_under_another_bundle_only_the_record_speaks(exchange: Exchange, entry_id: str) -> None:
    service = exchange.world.service
    read = permit("employment_service", f"grant:{NAME}:full")
    for bundle, status in (
        (bundle_of(read), "other_policy"),
        (replace(bundle_of(read), digest=service.house.bundle.digest), "contradicted"),
    ):
        house = replace(service.house, bundle=bundle)

        def work(connection: Connection, house: Any = house) -> bytes | None:  # noqa: ANN401 - bound now
            return explain_decision(connection, house, entry_id)

        body = service.database.read_blocking(work)
        assert body is not None
        content = json.loads(body)
        assert (content["status"], content["policies"]) == (status, {})
        assert content["policy"] == service.house.bundle.digest
        fields = {one["field"]: one for one in content["fields"]}
        assert fields.keys() == FIELDS.keys()
        assert fields[NAME]["form"] == "generalised"
        assert fields[NAME]["released_by"]
        assert fields[CHECK]["reason"] == "conditions_not_met"


def test_the_inputs_of_a_read_are_all_its_facts_and_its_legal_day(
    exchange: Exchange, prison: Speaker, employment: Speaker, entry_id: str
) -> None:
    assert entry_id  # the consent was given
    service, clock = exchange.world.service, exchange.world.clock
    own = employment.call("GET", "/v1/cases").json()["cases"][0]["reference"]
    clock.now = clock.now.replace(hour=23, minute=30)  # past midnight, where the law is
    read = employment.get(own).headers["disclosure-entry"]
    exchange.entries()
    keys = service.house.log_keys()
    found = service.database.read_blocking(lambda c: decisions.find(c, read, keys=keys))
    assert found is not None
    assert found.inputs is not None
    recorded = from_record(found.inputs)
    assert recorded.day == clock.now.date() + timedelta(days=1)
    assert recorded.request == Request(
        role="employment_service",
        agency=employment.id,
        client=f"{employment.id}-1",
        municipalities=frozenset({"XK-GJILAN", "XK-VITI"}),
        purpose="employment_support",
        custodian=prison.id,
        return_municipality="XK-GJILAN",
        days_to_release=notice_days(RELEASE, profile=service.house.profile, at=clock()),
        support_open=True,
        assigned=True,
        consents=frozenset({NAME}),
    )
    assert explained(exchange.some("oversight_auditor"), read)["day"] == recorded.day.isoformat()


def test_of_an_erased_person_nothing_is_left_to_explain(
    exchange: Exchange, auditor: Speaker, prison: Speaker
) -> None:
    """Last in this module: the log is no longer whole after it."""
    reference = exchange.person(prison)
    read = prison.get(reference).headers["disclosure-entry"]
    exchange.entries()
    with exchange.world.service.database.engine.begin() as connection:
        erased = update(ENTRY).where(ENTRY.c.entry_id == read).values(personal=None)
        connection.execute(erased)
    content = explained(auditor, read)
    assert (content["status"], content["fields"], content["role"]) == ("erased", [], None)
