"""Acknowledgements: the recipient's signed word on one notification."""

import threading
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from joserfc.jwk import ECKey

from app.administration import registry
from app.agencies.registry import ClientRecord, on_basis
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
