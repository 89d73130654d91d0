"""Notifications made by another library: the right one opens, every wrong one is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.receiver.service_stand_in import RELEASE, VERIFICATION, Sender
from throughcare_receiver.errors import (
    EnvelopeRefused,
    NotificationRefused,
    NotOpened,
    SignatureRefused,
    UnknownRecipientKey,
    UnknownSenderKey,
)
from throughcare_receiver.keys import DecryptionKey, KeySet
from throughcare_receiver.notification import Notification, Sequence, open_notification

ISSUER = "https://exchange.example"
CLIENT = "probation-north-1"
HEARTBEAT = "urn:throughcare:event:heartbeat"
AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": int(AT.timestamp()) - 2,
    "jti": "n-1",
    "txn": "txn-1",
    "sub_id": {"format": "opaque", "id": "ref-1"},
    "events": {RELEASE: {"planned_release_date": "2027-01-15", "fields": {"a": ["é", None]}}},
    "seq": {"subscriber": 7, "person": 2},
    "pad": "0" * 500,
}
VERIFICATION_CLAIMS: dict[str, Any] = {
    **{name: value for name, value in CLAIMS.items() if name not in ("sub_id", "seq")},
    "events": {VERIFICATION: {"subscription_id": "sub-1", "nonce": "nonce-1"}},
}


class Recipient:
    """One agency that opens what a sender made."""

    def __init__(self, sender: Sender, sender_keys: KeySet, key: DecryptionKey) -> None:
        self.sender = sender
        self.sender_keys = sender_keys
        self.key = key

    def open(self, sealed: str) -> Notification:
        return open_notification(
            sealed,
            decryption_keys={self.key.kid: self.key},
            sender_keys=self.sender_keys,
            issuer=ISSUER,
            client_id=CLIENT,
            at=AT,
        )

    def open_token(self, token: str) -> Notification:
        return self.open(self.sender.seal(token, self.key.public_jwk()))

    def open_claims(self, claims: dict[str, Any]) -> Notification:
        return self.open_token(self.sender.sign(claims))

    def refusal(self, claims: dict[str, Any]) -> NotificationRefused:
        with pytest.raises(NotificationRefused) as refusal:
            self.open_claims(claims)
        return refusal.value


@pytest.fixture(scope="session")
def recipient(sender: Sender, sender_keys: KeySet, decryption_key: DecryptionKey) -> Recipient:
    return Recipient(sender, sender_keys, decryption_key)


def test_a_release_notice_opens(recipient: Recipient) -> None:
    assert recipient.open_claims(CLAIMS) == Notification(
        jti="n-1",
        txn="txn-1",
        issued_at=AT - timedelta(seconds=2),
        reference="ref-1",
        event_type="release_planned",
        event={"planned_release_date": "2027-01-15", "fields": {"a": ["é", None]}},
        sequence=Sequence(subscriber=7, person=2),
    )


def test_a_verification_opens_and_is_about_nobody(recipient: Recipient) -> None:
    notification = recipient.open_claims(VERIFICATION_CLAIMS)
    assert notification.event_type == "verification"
    assert (notification.reference, notification.sequence) == (None, None)
    assert notification.event == {"subscription_id": "sub-1", "nonce": "nonce-1"}


def test_a_heartbeat_opens_and_is_about_nobody(recipient: Recipient) -> None:
    event = {HEARTBEAT: {"subscription_id": "sub-1", "last_sequence": 7}}
    notification = recipient.open_claims({**VERIFICATION_CLAIMS, "events": event})
    assert notification.event_type == "heartbeat"
    assert (notification.reference, notification.sequence) == (None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"sub_id": {"format": "opaque", "id": "ref-1"}},
        {"seq": {"subscriber": 1, "person": 1}},
        {"events": {HEARTBEAT: {"subscription_id": "sub-1"}}},
        {"events": {HEARTBEAT: {"subscription_id": "sub-1", "last_sequence": -1}}},
        {"events": {HEARTBEAT: {"subscription_id": "sub-1", "last_sequence": True}}},
        {"events": {HEARTBEAT: {"last_sequence": 7}}},
    ],
)
def test_a_heartbeat_that_does_not_fit_is_refused(
    recipient: Recipient, change: dict[str, Any]
) -> None:
    event = {HEARTBEAT: {"subscription_id": "sub-1", "last_sequence": 7}}
    refusal = recipient.refusal({**VERIFICATION_CLAIMS, "events": event, **change})
    assert refusal.code == "invalid_request"


def test_the_largest_size_class_opens(recipient: Recipient) -> None:
    token = recipient.sender.sign({**CLAIMS, "pad": ""})
    room = (65_536 - len(token)) * 3 // 4
    token = recipient.sender.sign({**CLAIMS, "pad": "0" * room})
    assert len(token) in (65_535, 65_536)
    assert recipient.open_token(token).jti == "n-1"


def test_a_clock_that_lags_loses_no_notice(recipient: Recipient) -> None:
    issued = AT + timedelta(seconds=299)
    claims = {**CLAIMS, "iat": int(issued.timestamp())}
    assert recipient.open_claims(claims).issued_at == issued


def test_a_claim_that_is_not_known_is_left_alone(recipient: Recipient) -> None:
    assert recipient.open_claims({**CLAIMS, "toe": 1}) == recipient.open_claims(CLAIMS)


@pytest.mark.parametrize("name", sorted(set(CLAIMS) - {"pad"}))
def test_a_missing_claim_is_refused(recipient: Recipient, name: str) -> None:
    refusal = recipient.refusal({key: value for key, value in CLAIMS.items() if key != name})
    expected = {"iss": "invalid_issuer", "aud": "invalid_audience"}
    assert refusal.code == expected.get(name, "invalid_request")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "https://other.example"}, "invalid_issuer"),
        ({"iss": ISSUER + "/"}, "invalid_issuer"),
        ({"aud": "probation-south-1"}, "invalid_audience"),
        ({"aud": [CLIENT]}, "invalid_audience"),
        ({"exp": int(AT.timestamp()) + 60}, "invalid_request"),
        ({"exp": int(AT.timestamp()) - 60}, "invalid_request"),
        ({"iat": int(AT.timestamp()) + 301}, "invalid_request"),
        ({"iat": True}, "invalid_request"),
        ({"iat": 1.5}, "invalid_request"),
        ({"iat": "1"}, "invalid_request"),
        ({"iat": -1}, "invalid_request"),
        ({"jti": ""}, "invalid_request"),
        ({"jti": 7}, "invalid_request"),
        ({"jti": ".."}, "invalid_request"),
        ({"jti": "a/b"}, "invalid_request"),
        ({"jti": "a" * 129}, "invalid_request"),
        ({"txn": ""}, "invalid_request"),
        ({"sub_id": "ref-1"}, "invalid_request"),
        ({"sub_id": {"format": "email", "email": "a@example"}}, "invalid_request"),
        ({"sub_id": {"format": "opaque", "id": "ref-1", "name": "x"}}, "invalid_request"),
        ({"sub_id": {"format": "opaque", "id": ["ref-1"]}}, "invalid_request"),
        ({"sub_id": {"format": "opaque", "id": "../ref-1"}}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": [RELEASE]}, "invalid_request"),
        ({"events": {RELEASE: {}, RELEASE + "2": {}}}, "invalid_request"),
        ({"events": {RELEASE: "today"}}, "invalid_request"),
        ({"events": {"urn:other:event:release_planned": {}}}, "invalid_request"),
        ({"events": {"urn:throughcare:event:": {}}}, "invalid_request"),
        ({"events": {RELEASE + "\n": {}}}, "invalid_request"),
        ({"seq": 7}, "invalid_request"),
        ({"seq": {"subscriber": 7}}, "invalid_request"),
        ({"seq": {"subscriber": 7, "person": -1}}, "invalid_request"),
        ({"seq": {"subscriber": 7, "person": True}}, "invalid_request"),
        ({"seq": {"subscriber": 7, "person": 1, "agency": 1}}, "invalid_request"),
    ],
)
def test_a_claim_that_does_not_fit_is_refused(
    recipient: Recipient, change: dict[str, Any], code: str
) -> None:
    assert recipient.refusal({**CLAIMS, **change}).code == code


@pytest.mark.parametrize(
    "change",
    [
        {"sub_id": {"format": "opaque", "id": "ref-1"}},
        {"seq": {"subscriber": 1, "person": 1}},
        {"events": {VERIFICATION: {"nonce": "nonce-1"}}},
        {"events": {VERIFICATION: {"subscription_id": "sub-1"}}},
        {"events": {VERIFICATION: {"subscription_id": "../x", "nonce": "nonce-1"}}},
        {"events": {VERIFICATION: {"subscription_id": 1, "nonce": "nonce-1"}}},
    ],
)
def test_a_verification_that_does_not_fit_is_refused(
    recipient: Recipient, change: dict[str, Any]
) -> None:
    assert recipient.refusal({**VERIFICATION_CLAIMS, **change}).code == "invalid_request"


@pytest.mark.parametrize(
    "typ", ["JWT", "at+jwt", "throughcare-acknowledgement+jwt", "SECEVENT+JWT"]
)
def test_a_token_of_another_type_is_refused(recipient: Recipient, typ: str) -> None:
    with pytest.raises(SignatureRefused) as refusal:
        recipient.open_token(recipient.sender.sign(CLAIMS, typ=typ))
    assert refusal.value.code == "authentication_failed"


def test_a_token_that_nobody_signed_is_refused(recipient: Recipient) -> None:
    header = {"alg": "none", "typ": "secevent+jwt", "kid": recipient.sender.kid}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (header, CLAIMS)
    ]
    with pytest.raises(NotificationRefused) as refusal:
        recipient.open_token(".".join([*parts, ""]))
    assert refusal.value.code == "authentication_failed"


def test_a_stranger_s_signature_is_refused(recipient: Recipient) -> None:
    with pytest.raises(UnknownSenderKey) as refusal:
        recipient.open_token(Sender().sign(CLAIMS))
    assert refusal.value.code == "invalid_key"


def test_a_stranger_s_signature_under_the_known_kid_is_refused(recipient: Recipient) -> None:
    with pytest.raises(NotificationRefused) as refusal:
        recipient.open_token(Sender().sign(CLAIMS, kid=recipient.sender.kid))
    assert refusal.value.code == "authentication_failed"


def test_a_token_that_is_not_sealed_is_refused(recipient: Recipient) -> None:
    with pytest.raises(NotificationRefused) as refusal:
        recipient.open(recipient.sender.sign(CLAIMS))
    assert refusal.value.code == "invalid_key"


def test_a_message_sealed_to_another_key_is_refused(recipient: Recipient) -> None:
    other = DecryptionKey.generate(bits=2048)
    sealed = recipient.sender.notification(CLAIMS, other.public_jwk())
    lying = recipient.sender.notification(CLAIMS, {**other.public_jwk(), "kid": recipient.key.kid})
    for message, kind in ((sealed, UnknownRecipientKey), (lying, NotOpened)):
        with pytest.raises(kind) as refusal:
            recipient.open(message)
        assert refusal.value.code == "invalid_key"


@pytest.mark.parametrize(
    "header", [{"alg": "RSA-OAEP"}, {"enc": "A128GCM"}, {"zip": "DEF"}, {"cty": "text/plain"}]
)
def test_another_way_of_sealing_is_refused(recipient: Recipient, header: dict[str, str]) -> None:
    token = recipient.sender.sign(CLAIMS)
    with pytest.raises(EnvelopeRefused) as refusal:
        recipient.open(recipient.sender.seal(token, recipient.key.public_jwk(), **header))
    assert refusal.value.code == "invalid_key"


@pytest.mark.parametrize("content", ["", "hello", "....", "a.b.c.d.e", "ü.ü.ü.ü.ü", "x" * 200_000])
def test_what_is_no_message_is_refused(recipient: Recipient, content: str) -> None:
    with pytest.raises(NotificationRefused):
        recipient.open(content)


@given(st.integers(min_value=0), st.sampled_from("AQgw"))
def test_no_changed_message_opens(recipient: Recipient, place: int, letter: str) -> None:
    sealed = recipient.sender.notification(CLAIMS, recipient.key.public_jwk())
    position = place % len(sealed)
    if sealed[position] == letter:
        letter = "B"
    with pytest.raises(NotificationRefused):
        recipient.open(sealed[:position] + letter + sealed[position + 1 :])


def test_a_refusal_never_repeats_what_was_sent(recipient: Recipient) -> None:
    planted = "Planted-Name"
    for change in ({"jti": f"../{planted}"}, {"sub_id": planted}, {"iss": planted}):
        assert planted not in str(recipient.refusal({**CLAIMS, **change}))


def test_a_check_without_a_time_zone_is_a_mistake_of_the_caller(recipient: Recipient) -> None:
    sealed = recipient.sender.notification(CLAIMS, recipient.key.public_jwk())
    with pytest.raises(ValueError, match="time zone"):
        open_notification(
            sealed,
            decryption_keys={recipient.key.kid: recipient.key},
            sender_keys=recipient.sender_keys,
            issuer=ISSUER,
            client_id=CLIENT,
            at=AT.replace(tzinfo=None),
        )


def test_while_both_sides_rotate_old_and_new_keys_open(recipient: Recipient) -> None:
    new_key, new_sender = DecryptionKey.generate(bits=2048), Sender()
    old_and_new = KeySet.from_jwks(
        {"keys": [*recipient.sender.jwks()["keys"], *new_sender.jwks()["keys"]]}
    )
    for sender in (recipient.sender, new_sender):
        for key in (recipient.key, new_key):
            opened = open_notification(
                sender.notification(CLAIMS, key.public_jwk()),
                decryption_keys={recipient.key.kid: recipient.key, new_key.kid: new_key},
                sender_keys=old_and_new,
                issuer=ISSUER,
                client_id=CLIENT,
                at=AT,
            )
            assert opened.jti == "n-1"
