from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.receiver.client import AgencyClient, Subscription, _cases_of
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ServiceRefused, UnexpectedAnswer
from tests.receiver.service_stand_in import ServiceStandIn
from tests.throughcare_receiver.test_evidence import VKEY
from throughcare_receiver.errors import EvidenceRefused
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.statements import Acknowledgement


class MovableClock:
    """Starts now and moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_file_is_read_on_behalf_of_the_officer(
    client: AgencyClient, service: ServiceStandIn
) -> None:
    assert client.read_file("ref-1") == {"reference": "ref-1", "sections": {}}
    assert service.details == [
        {
            "type": "inmate-file",
            "officer": "officer-17",
            "purpose": "supervision",
            "legal_basis": "xk-law-1",
        }
    ]


def test_the_case_is_named_where_there_is_one(
    configuration: AgencyConfiguration, service: ServiceStandIn
) -> None:
    with AgencyClient(replace(configuration, case="P 12/2026")) as client:
        client.read_file("ref-1")
    assert service.details[0]["case"] == "P 12/2026"


def test_a_reference_stays_one_segment_of_the_path(client: AgencyClient) -> None:
    with pytest.raises(ServiceRefused) as refusal:
        client.read_file("../cases")
    assert refusal.value.status == 404


def test_where_the_key_of_the_log_is_known_no_file_is_read_without_a_receipt(
    configuration: AgencyConfiguration, service: ServiceStandIn
) -> None:
    strict = replace(configuration, log_key=(VKEY,))
    with AgencyClient(strict) as client, pytest.raises(UnexpectedAnswer, match="receipt"):
        client.read_file("ref-1")
    service.headers["Disclosure-Receipt"] = "bm90IGEgcmVjZWlwdA"
    with AgencyClient(strict) as client, pytest.raises(EvidenceRefused):
        client.read_file("ref-1")
    # Where it is not known, receipts are not looked at.
    with AgencyClient(configuration) as client:
        client.read_file("ref-1")


def test_a_token_serves_many_calls(client: AgencyClient, service: ServiceStandIn) -> None:
    for _ in range(3):
        client.read_file("ref-1")
    assert len(service.tokens) == 1


def test_a_token_is_renewed_before_its_end(
    configuration: AgencyConfiguration, service: ServiceStandIn
) -> None:
    clock = MovableClock()
    with AgencyClient(configuration, clock=clock) as client:
        client.read_file("ref-1")
        clock.now += timedelta(seconds=269)
        client.read_file("ref-1")
        assert len(service.tokens) == 1
        clock.now += timedelta(seconds=2)
        client.read_file("ref-1")
        assert len(service.tokens) == 2


def test_a_withdrawn_token_is_renewed_once(client: AgencyClient, service: ServiceStandIn) -> None:
    client.read_file("ref-1")
    service.withdrawn.update(service.tokens)
    client.read_file("ref-1")
    assert len(service.tokens) == 2


def test_a_client_that_is_not_taken_gives_up(client: AgencyClient, service: ServiceStandIn) -> None:
    service.refusals["/v1/cases"] = [401, 401]
    with pytest.raises(ServiceRefused) as refusal:
        list(client.cases())
    assert refusal.value.status == 401
    assert len(service.tokens) == 2


def test_a_refusal_carries_the_words_of_the_service(
    client: AgencyClient, service: ServiceStandIn
) -> None:
    service.refusals["/v1/inmate-files"] = [403]
    with pytest.raises(ServiceRefused) as refusal:
        client.read_file("ref-1")
    assert refusal.value.title == "Not now"
    assert refusal.value.detail == "The service says no."
    assert len(service.tokens) == 1


def test_a_token_that_is_refused_is_said(client: AgencyClient, service: ServiceStandIn) -> None:
    service.refusals["/oauth2/token"] = [400]
    with pytest.raises(ServiceRefused, match="400 Not now"):
        client.read_file("ref-1")


@pytest.mark.parametrize("lifetime", [None, 0, -1, "300", 1.5, True, 100_000])
def test_a_token_without_a_sound_lifetime_is_not_used(
    client: AgencyClient, service: ServiceStandIn, lifetime: object
) -> None:
    service.token_lifetime = lifetime
    with pytest.raises(UnexpectedAnswer, match="lifetime"):
        client.read_file("ref-1")


@pytest.mark.parametrize("kind", ["Bearer", "", None, 7])
def test_a_token_that_is_not_bound_to_our_key_is_not_used(
    client: AgencyClient, service: ServiceStandIn, kind: object
) -> None:
    service.token_type = kind
    with pytest.raises(UnexpectedAnswer, match="unknown type"):
        client.read_file("ref-1")


def test_every_request_has_a_proof_of_its_own_also_after_a_refusal(
    client: AgencyClient, service: ServiceStandIn
) -> None:
    service.refusals["/v1/cases"] = [401]
    list(client.cases())
    # Two tokens; the first page twice, and the second: the service takes no proof twice.
    assert len(service.tokens) == 2
    assert len(service.proofs) == 2 + 2
    assert len(set(service.bound.values())) == 1


def test_cases_are_read_page_by_page(client: AgencyClient) -> None:
    assert [case["reference"] for case in client.cases()] == ["ref-1", "ref-2", "ref-3"]


@pytest.mark.parametrize(
    "page",
    [{}, {"cases": {}}, {"cases": ["ref-1"]}, {"cases": [{}]}, {"cases": [{"reference": 1}]}],
)
def test_what_is_no_list_of_cases_is_refused(page: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer):
        _cases_of(page)


def test_a_subscription_names_the_endpoint_and_the_public_key(
    client: AgencyClient, service: ServiceStandIn, decryption_key: DecryptionKey
) -> None:
    subscription = client.subscribe(
        "https://agency.example/notifications", decryption_key.public_jwk()
    )
    assert subscription == Subscription(subscription_id="sub-1", status="pending")
    assert service.subscriptions == [
        {
            "endpoint": "https://agency.example/notifications",
            "encryption_jwk": decryption_key.public_jwk(),
        }
    ]


def test_an_acknowledgement_is_signed(client: AgencyClient, service: ServiceStandIn) -> None:
    client.acknowledge("n-1", Acknowledgement.NOT_COMPETENT)
    assert service.acknowledgements["n-1"]["jti"] == "n-1"
    assert service.acknowledgements["n-1"]["kind"] == "not_competent"


def test_a_verification_is_signed(client: AgencyClient, service: ServiceStandIn) -> None:
    client.verify_subscription("sub-1", "nonce-1")
    assert service.verifications["sub-1"]["subscription_id"] == "sub-1"
    assert service.verifications["sub-1"]["nonce"] == "nonce-1"


def test_the_sender_s_keys_are_read_without_a_token(
    client: AgencyClient, service: ServiceStandIn
) -> None:
    assert list(client.sender_keys()) == [service.sender.kid]
    assert service.tokens == []
