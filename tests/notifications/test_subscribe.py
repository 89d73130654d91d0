"""The handshake: nothing is sent before an endpoint and a key have proved who holds them."""

from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import select, update

from app.administration import registry
from app.outbox.subscriptions import SUBSCRIPTION
from tests.notifications.agency import SEALING_KEY, Agency
from tests.notifications.play import Prison, Town


def days(number: int) -> timedelta:
    return timedelta(days=number)


def status(agency: Agency) -> str:
    seen = agency.call("GET", f"/v1/subscriptions/{agency.subscription_id}")
    return str(seen.json()["status"])


def test_nothing_is_sent_before_the_nonce_came_back_signed(town: Town, prison: Prison) -> None:
    probation = town.join("probation_service")
    probation.subscribe()
    prison.admit(town.today + days(40))
    town.settle()
    assert [notice.event_type for notice in probation.opened()] == ["verification"]
    assert town.deliveries(probation) == []
    assert status(probation) == "pending"
    assert probation.answer_handshake(probation.nonces()[0]).status_code == 204
    assert status(probation) == "active"
    town.settle()
    assert probation.told() == ["release_planned"]


def test_the_nonce_comes_without_person_and_number(town: Town) -> None:
    probation = town.join("probation_service")
    probation.subscribe()
    town.settle()
    [verification] = probation.opened()
    assert verification.claims.keys() == {"iss", "aud", "iat", "jti", "txn", "events", "pad"}
    assert verification.event["subscription_id"] == probation.subscription_id
    assert len(verification.event["nonce"]) == 43


def test_the_nonce_is_sent_again_until_it_is_answered(town: Town) -> None:
    probation = town.join("probation_service")
    probation.box.answer_next(500, 404)
    probation.subscribe()
    town.settle()
    for _ in range(3):
        town.advance(hours=1)
    greetings = probation.opened()
    assert len(greetings) == 4
    assert len({greeting.jti for greeting in greetings}) == 4
    assert len(set(probation.nonces())) == 1
    probation.answer_handshake(probation.nonces()[0])
    town.advance(days=1)
    assert len(probation.opened()) == 4


def test_a_client_that_was_revoked_is_greeted_no_more(town: Town) -> None:
    probation = town.join("probation_service")
    probation.subscribe()
    house, at = town.world.service.house, town.world.clock()
    town.work(lambda c: registry.revoke_client(c, house, probation.client_id, at=at))
    town.settle()
    assert probation.opened() == []


def test_the_same_answer_again_is_fine(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    assert probation.answer_handshake(probation.nonces()[0]).status_code == 204
    prison.admit(town.today + days(40))
    town.settle()
    assert probation.told() == ["release_planned"]
    recorded = [
        entry["fields"]["status"]
        for entry in town.entries(probation)
        if entry.get("fields", {}).get("fact") == "subscription"
    ]
    assert recorded == ["pending", "active"]


@pytest.mark.parametrize(
    "nonce", ["", "x", "A" * 43, "\u00e9", "\U0001f512" * 20, "x" * 3000], ids=range(6)
)
def test_a_wrong_nonce_is_refused(town: Town, nonce: str) -> None:
    probation = town.join("probation_service")
    probation.subscribe()
    answer = probation.answer_handshake(nonce)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/response"
    assert status(probation) == "pending"


def test_a_nonce_signed_with_another_key_is_refused(town: Town) -> None:
    probation, other = (town.join("probation_service", name=name) for name in ("one", "two"))
    for agency in (probation, other):
        agency.subscribe()
    town.settle()
    [nonce] = probation.nonces()
    stranger = ECKey.generate_key("P-256", private=True)
    for key in (stranger, other.signing_key):
        assert probation.answer_handshake(nonce, key=key).status_code == 422
    assert probation.answer_handshake(nonce, iss=other.client_id).status_code == 422
    assert status(probation) == "pending"


def test_an_answer_for_another_subscription_is_refused(town: Town) -> None:
    probation = town.join("probation_service")
    first, second = probation.subscribe(), probation.subscribe()
    town.settle()
    nonces = {
        greeting.event["subscription_id"]: greeting.event["nonce"]
        for greeting in probation.opened()
    }
    assert len(set(nonces.values())) == 2
    wrong = [probation.answer_handshake(nonces[first])]  # to the second, with what it names
    probation.subscription_id = first
    wrong.append(probation.answer_handshake(nonces[first], subscription_id=second))
    wrong.append(probation.answer_handshake(nonces[second]))
    assert [answer.status_code for answer in wrong] == [422] * 3
    assert status(probation) == "pending"


def test_another_agency_sees_no_subscription_there(town: Town) -> None:
    probation, other = (town.join("probation_service", name=name) for name in ("one", "two"))
    subscription = probation.subscribe()
    town.settle()
    [nonce] = probation.nonces()
    refused = other.answer_handshake(nonce, subscription_id=subscription)
    invented = other.answer_handshake(nonce, subscription_id="0" * 32)
    assert (refused.status_code, refused.content) == (404, invented.content)
    assert other.call("GET", f"/v1/subscriptions/{subscription}").status_code == 404
    listed = other.call("GET", f"/v1/subscriptions/{subscription}/deliveries")
    assert listed.status_code == 404


@pytest.mark.parametrize(
    ("wrong", "typ"),
    [
        ({"aud": "https://elsewhere.example"}, "throughcare-verification+jwt"),
        ({"iat": 2**40}, "throughcare-verification+jwt"),
        ({"exp": 2**40}, "throughcare-verification+jwt"),
        ({"nonce": 7}, "throughcare-verification+jwt"),
        ({}, "throughcare-acknowledgement+jwt"),
        ({}, "JWT"),
    ],
)
def test_an_answer_that_is_not_as_agreed_is_refused(
    town: Town, wrong: dict[str, Any], typ: str
) -> None:
    probation = town.join("probation_service")
    probation.subscribe()
    town.settle()
    told = {"subscription_id": probation.subscription_id, "nonce": probation.nonces()[0]}
    response = probation.sign(probation.statement(**{**told, **wrong}), typ)
    path = f"/v1/subscriptions/{probation.subscription_id}/verification"
    assert probation.call("POST", path, {"response": response}).status_code == 422
    assert status(probation) == "pending"


@pytest.mark.parametrize("response", ["", "x", "a.b.c", "." * 4000, "é.é.é"])
def test_what_is_no_token_is_refused(town: Town, response: str) -> None:
    probation = town.join("probation_service")
    probation.subscribe()
    path = f"/v1/subscriptions/{probation.subscription_id}/verification"
    assert probation.call("POST", path, {"response": response}).status_code == 422


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://receiver.example/in",
        "https://10.0.0.1/in",
        "https://user@receiver.example/in",
        "https://receiver.example/in#part",
        "https://receiver.example/\x01",
        "https://bücher.example/",
        "https://0x7f.1/",
        "ftp://receiver.example/",
        "receiver.example",
        f"https://receiver.example/{'a' * 2048}",
    ],
)
def test_an_endpoint_that_may_not_be_is_not_kept(town: Town, endpoint: str) -> None:
    probation = town.join("probation_service")
    body = {"endpoint": endpoint, "encryption_jwk": probation.encryption_jwk()}
    answer = probation.call("POST", "/v1/subscriptions", body)
    assert answer.status_code == 422
    assert "receiver" not in answer.text
    kept = select(SUBSCRIPTION).where(SUBSCRIPTION.c.agency_id == probation.agency_id)
    assert town.look(lambda c: c.execute(kept).all()) == []


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        SEALING_KEY.as_dict(private=True),
        ECKey.generate_key("P-256").as_dict(private=False),
        OctKey.generate_key(256).as_dict(private=True),
        {**RSAKey.generate_key(2048).as_dict(private=False), "e": "Aw"},
        {**SEALING_KEY.as_dict(private=False), "use": "sig"},
        {**SEALING_KEY.as_dict(private=False), "n": "AQAB"},
    ],
    ids=("empty", "private", "elliptic", "symmetric", "exponent", "use", "short"),
)
def test_a_key_that_is_not_for_sealing_is_not_kept(town: Town, jwk: dict[str, Any]) -> None:
    probation = town.join("probation_service")
    body = {"endpoint": probation.box.url, "encryption_jwk": jwk}
    answer = probation.call("POST", "/v1/subscriptions", body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/encryption_jwk"]


def test_only_the_public_key_is_kept_of_what_came_with_it(town: Town) -> None:
    probation = town.join("probation_service")
    jwk = {**probation.encryption_jwk(), "x5c": ["AAAA" * 1000], "note": "Wexample"}
    answer = probation.call(
        "POST", "/v1/subscriptions", {"endpoint": probation.box.url, "encryption_jwk": jwk}
    )
    assert answer.status_code == 201
    kept = select(SUBSCRIPTION.c.encryption_jwk).where(
        SUBSCRIPTION.c.subscription_id == answer.json()["subscription_id"]
    )
    stored = town.look(lambda c: c.scalar(kept))
    assert stored is not None
    assert stored.keys() == {"kty", "n", "e", "kid", "use", "alg"}


def test_a_key_that_became_unusable_holds_up_no_other_handshake(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    odd, probation = (town.join("probation_service", name=name) for name in ("odd", "even"))
    odd.subscribe()
    probation.subscribe()
    of_odd = update(SUBSCRIPTION).where(SUBSCRIPTION.c.agency_id == odd.agency_id)
    town.work(lambda c: c.execute(of_odd.values(encryption_jwk={"kty": "RSA"})))
    town.settle()
    assert probation.nonces()
    assert odd.opened() == []
    assert "UnsafeKey" in caplog.text
