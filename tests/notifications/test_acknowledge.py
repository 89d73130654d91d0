"""Acknowledgements: the recipient's signed word on one notification."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import update

from app.administration import registry
from app.agencies.registry import AGENCY, ClientRecord, on_basis
from tests.notifications.agency import Agency
from tests.notifications.play import Prison, Town

KINDS = ("accepted", "accepted_not_ready", "not_competent", "need_more_detail")


@pytest.fixture
def told(town: Town, prison: Prison) -> Agency:
    """An agency that got one notice."""
    probation = town.subscribed("probation_service")
    prison.admit(town.today + timedelta(days=40))
    town.settle()
    return probation


def jti(agency: Agency) -> str:
    return agency.notices()[-1].jti


def kept(town: Town, agency: Agency) -> list[str | None]:
    return [row.acknowledgement for row in town.deliveries(agency)]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_taken_and_on_record(town: Town, told: Agency, kind: str) -> None:
    assert told.acknowledge(jti(told), kind).status_code == 204
    assert kept(town, told) == [kind]
    [row] = town.deliveries(told)
    assert row.acknowledged_at == town.world.clock()
    entry = town.entries(told)[-1]
    assert entry["circumstances"]["outcome"] == "acknowledged"
    assert entry["payload"] == {"notification": jti(told), "acknowledgement": kind}


def test_the_same_again_is_fine_and_another_is_a_conflict(town: Town, told: Agency) -> None:
    assert told.acknowledge(jti(told), "accepted").status_code == 204
    entries = len(town.entries(told))
    assert told.acknowledge(jti(told), "accepted").status_code == 204
    assert told.acknowledge(jti(told), "not_competent").status_code == 409
    assert kept(town, told) == ["accepted"]
    assert len(town.entries(told)) == entries


def test_of_two_at_the_same_time_one_holds(town: Town, told: Agency) -> None:
    told.token()
    answers: list[httpx.Response] = []
    barrier = threading.Barrier(len(KINDS))

    def acknowledge(kind: str) -> None:
        barrier.wait()
        answers.append(told.acknowledge(jti(told), kind))

    threads = [threading.Thread(target=acknowledge, args=(kind,)) for kind in KINDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409]
    acknowledged = [
        entry["payload"]["acknowledgement"]
        for entry in town.entries(told)
        if entry["circumstances"]["outcome"] == "acknowledged"
    ]
    assert acknowledged == kept(town, told)


def test_what_another_key_signed_is_refused(town: Town, told: Agency) -> None:
    other = town.join("probation_service", name="other")
    for key in (ECKey.generate_key("P-256", private=True), other.signing_key):
        assert told.acknowledge(jti(told), key=key).status_code == 422
    assert kept(town, told) == [None]


@pytest.mark.parametrize(
    "wrong",
    [
        {"jti": "0" * 32},
        {"kind": "fine"},
        {"kind": 1},
        {"iss": "somebody-else"},
        {"aud": "https://elsewhere.example"},
        {"iat": 2**40},
        {"exp": 2**40},
    ],
)
def test_what_is_not_signed_for_exactly_this_is_refused(
    town: Town, told: Agency, wrong: dict[str, object]
) -> None:
    path = f"/v1/notifications/{jti(told)}/acknowledgement"
    claims = told.statement(**{"jti": jti(told), "kind": "accepted", **wrong})
    signed = told.sign(claims, "throughcare-acknowledgement+jwt")
    assert told.call("POST", path, {"acknowledgement": signed}).status_code == 422
    assert kept(town, told) == [None]


def test_a_token_of_another_type_is_no_acknowledgement(town: Town, told: Agency) -> None:
    path = f"/v1/notifications/{jti(told)}/acknowledgement"
    claims = told.statement(jti=jti(told), kind="accepted")
    for typ in ("JWT", "throughcare-verification+jwt", "secevent+jwt"):
        body = {"acknowledgement": told.sign(claims, typ)}
        assert told.call("POST", path, body).status_code == 422
    assert kept(town, told) == [None]


def test_what_was_not_sent_cannot_be_acknowledged(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + timedelta(days=40))
    town.tell()
    [row] = town.deliveries(probation)
    assert probation.acknowledge(row.jti).status_code == 409
    assert kept(town, probation) == [None]


def test_what_arrived_can_be_acknowledged_though_its_answer_was_lost(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + timedelta(days=40))
    probation.box.answer_next(500)
    town.settle()
    assert probation.acknowledge(jti(probation)).status_code == 204
    assert kept(town, probation) == ["accepted"]


def test_another_agency_finds_no_notification(town: Town, told: Agency) -> None:
    other = town.subscribed("probation_service", name="other")
    refused = other.acknowledge(jti(told))
    invented = other.acknowledge("0" * 32)
    assert (refused.status_code, refused.content) == (404, invented.content)
    assert kept(town, told) == [None]


def test_another_system_of_the_agency_finds_no_notification(town: Town, told: Agency) -> None:
    """It cannot silence the reminder of the one that was told."""
    second = replace(told, client="2", _token="", _token_at=None)
    record = ClientRecord(
        client_id=second.client_id,
        agency_id=second.agency_id,
        jwks=second.jwks(),
        grounds=on_basis(second.legal_basis, second.purpose),
    )
    house, at = town.world.service.house, town.world.clock()
    town.work(lambda c: registry.register_client(c, house, record, at=at))
    assert second.acknowledge(jti(told)).status_code == 404
    assert kept(town, told) == [None]
    assert told.acknowledge(jti(told)).status_code == 204


def test_an_acknowledgement_may_come_while_the_notification_is_being_sent(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    answers: list[int] = []
    probation.box.reading = lambda letter: answers.append(
        probation.acknowledge(probation.open(letter).jti).status_code
    )
    prison.admit(town.today + timedelta(days=40))
    town.settle()
    assert answers == [204]
    assert [(row.status, row.acknowledgement) for row in town.deliveries(probation)] == [
        ("sent", "accepted")
    ]


def test_silence_is_taken_further_once_seen_by_the_custodian_and_settled_by_the_answer(
    town: Town, prison: Prison
) -> None:
    welfare = town.subscribed("social_welfare_centre")
    bystander = town.join("correctional_service", name="elsewhere", purpose="release_preparation")
    reference = prison.admit(town.today + timedelta(days=40))
    town.settle()
    town.world.clock.advance(hours=72)
    both = [town.another_dispatcher() for _ in range(2)]

    async def at_once() -> None:
        await asyncio.gather(*(one.round() for one in both))

    asyncio.run(at_once())
    town.settle()
    entries = town.entries_about(town.person_id(prison.agency, reference))
    raised = [one for one in entries if "escalation" in one.get("fields", {})]
    assert [one["fields"] for one in raised] == [
        {"escalation": "supervisor", "event": "release_planned", "agency": welfare.agency_id}
    ]
    [shown] = prison.agency.call("GET", "/v1/escalations").json()["escalations"]
    assert (shown["agency"], shown["reference"]) == (welfare.agency_id, reference)
    assert shown["second_contact"] is None
    [*_, read] = town.entries_about(town.person_id(prison.agency, reference))
    assert (read["actor"]["agency"], read["fields"]) == (
        prison.agency.agency_id,
        {"facts": "escalations"},
    )
    assert bystander.call("GET", "/v1/escalations").json() == {"escalations": []}
    assert welfare.acknowledge(jti(welfare)).status_code == 204
    assert prison.agency.call("GET", "/v1/escalations").json() == {"escalations": []}


def test_near_the_release_the_second_contact_of_the_silent_agency_is_shown(
    town: Town, prison: Prison
) -> None:
    second = {"unit": "duty desk", "phone": "+38344000000"}
    welfare = town.subscribed("social_welfare_centre")
    columns = {"second_contact": second}
    town.work(
        lambda c: c.execute(
            update(AGENCY).where(AGENCY.c.agency_id == welfare.agency_id).values(columns)
        )
    )
    prison.admit(town.today + timedelta(days=5))
    town.settle()
    town.advance(hours=73)
    [shown] = prison.agency.call("GET", "/v1/escalations").json()["escalations"]
    assert (shown["contact"], shown["second_contact"]) == ("supervisor", second)


def test_the_custodian_hears_of_an_answer_on_which_it_has_to_act(town: Town) -> None:
    keeper = town.subscribed("correctional_service", purpose="release_preparation")
    other = town.subscribed("correctional_service", name="other", purpose="release_preparation")
    probation = town.subscribed("probation_service")
    reference = Prison(keeper, town).admit(town.today + timedelta(days=40))
    town.settle()
    Prison(other, town).admit(town.today + timedelta(days=40))
    town.settle()
    first, second = probation.notices()
    probation.acknowledge(first.jti, "accepted_not_ready")
    probation.acknowledge(second.jti, "need_more_detail")
    town.settle()
    assert keeper.told() == ["recipient_not_ready"]
    assert other.told() == ["recipient_needs_detail"]
    heard = keeper.notices()[-1]
    assert heard.reference == reference
    assert heard.event["particulars"] == {"agency": probation.agency_id}
