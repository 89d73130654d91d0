"""One agency that receives: taken once, answered the same each time."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from app.access_log.note import Verifier
from app.access_log.receipt import Receipt, sign_receipt, to_header
from app.crypto.log_signing import LogSigningKey
from tests.receiver.service_stand_in import Sender
from tests.throughcare_receiver.make_vectors import CLAIMS, CLIENT, ISSUER, NOW, VERIFICATION
from tests.throughcare_receiver.test_evidence import KEY, LOG, ORIGIN
from throughcare_receiver.errors import (
    AnsweredOtherwise,
    NotificationRefused,
    NotOnRecord,
    TryLater,
)
from throughcare_receiver.keys import DecryptionKey, KeySet, SigningKey, public_jwks
from throughcare_receiver.note import LogKey
from throughcare_receiver.receiver import Receiver, utc_now
from throughcare_receiver.sender_keys import SenderKeys
from throughcare_receiver.signed import verify
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import MemoryStore

SIGNING = SigningKey.generate()
Making = Callable[..., Receiver]


@pytest.fixture
def receiver(decryption_key: DecryptionKey, sender_keys: KeySet) -> Receiver:
    return Receiver(
        issuer=ISSUER,
        client_id=CLIENT,
        signing_key=SIGNING,
        decryption_keys={decryption_key.kid: decryption_key},
        sender_keys=SenderKeys(lambda: sender_keys),
        store=MemoryStore(),
        clock=lambda: NOW,
    )


@pytest.fixture
def strict(receiver: Receiver) -> Receiver:
    """One that knows the log's key."""
    return replace(receiver, log=LOG)


def receipt_of(sealed: str, *, leaf: bytes = bytes(32), key: LogSigningKey = KEY) -> str:
    """The log's receipt of a message, as the header has it."""
    receipt = Receipt(
        origin=ORIGIN,
        entry_id="0" * 32,
        leaf_hash=leaf,
        body_sha256=sha256(sealed.encode()).digest(),
        expected_by=NOW + timedelta(hours=1),
    )
    return to_header(sign_receipt(receipt, key))


def said(token: str, typ: str) -> dict[str, Any]:
    return verify(token, KeySet.from_jwks(public_jwks([SIGNING])), typ=typ)


def test_a_notice_is_taken_once(
    receiver: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    recipient = decryption_key.public_jwk()
    for is_new in (True, False):
        arrival = receiver.take(sender.notification(CLAIMS, recipient))
        assert arrival.is_new is is_new
    assert [one.notification.jti for one in receiver.store.received()] == [CLAIMS["jti"]]


def test_with_the_key_of_the_log_nothing_about_a_person_is_taken_without_a_receipt(
    strict: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    recipient = decryption_key.public_jwk()
    sealed, other = sender.notification(CLAIMS, recipient), sender.notification(CLAIMS, recipient)
    stranger = LogSigningKey.from_seed(bytes(32))
    for wrong in (None, "", receipt_of(other), receipt_of(sealed, key=stranger)):
        with pytest.raises(NotOnRecord):
            strict.take(sealed, receipt=wrong)
    assert strict.store.received() == ()
    assert strict.store.due_receipts(at=NOW + timedelta(days=1)) == ()
    receipt = receipt_of(sealed)
    assert strict.take(sealed, receipt=receipt).is_new
    assert len(strict.store.due_receipts(at=NOW + timedelta(days=1))) == 1
    # The very same again is a repetition; the receipt is good for nothing else.
    assert not strict.take(sealed, receipt=receipt).is_new
    another = sender.notification({**CLAIMS, "jti": "another"}, recipient)
    with pytest.raises(NotOnRecord, match="another message"):
        strict.take(another, receipt=receipt_of(another))
    assert strict.take(another, receipt=receipt_of(another, leaf=b"x" * 32)).is_new


def test_a_receiver_that_knows_both_keys_takes_what_either_key_of_the_log_vouches_for(
    strict: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    following = LogSigningKey.from_seed(bytes(range(1, 33)))
    newer = LogKey.from_vkey(Verifier.of(ORIGIN, following).to_vkey())
    at_work = [KEY, replace(KEY, successor=following), following]
    for number, key in enumerate(at_work):
        claims = {**CLAIMS, "jti": f"notice-{number}"}
        sealed = sender.notification(claims, decryption_key.public_jwk())
        receipt = receipt_of(sealed, leaf=bytes([number]) * 32, key=key)
        for known in [LOG] * (number < 2) + [[newer]] * (number > 0) + [[*LOG, newer]]:
            taken = replace(strict, log=known, store=MemoryStore()).take(sealed, receipt=receipt)
            assert taken.is_new
    with pytest.raises(NotOnRecord):
        strict.take(sealed, receipt=receipt)


def test_by_a_clock_that_is_wrong_nothing_is_refused_for_good(
    strict: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    sealed = sender.notification(CLAIMS, decryption_key.public_jwk())
    fast = replace(strict, clock=lambda: NOW + timedelta(hours=2))
    with pytest.raises(TryLater):
        fast.take(sealed, receipt=receipt_of(sealed))
    assert strict.take(sealed, receipt=receipt_of(sealed)).is_new


def test_what_is_about_nobody_needs_no_receipt(
    strict: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    assert strict.take(sender.notification(VERIFICATION, decryption_key.public_jwk())).is_new


def test_what_is_refused_is_not_stored(receiver: Receiver) -> None:
    with pytest.raises(NotificationRefused):
        receiver.take("something else")
    assert receiver.store.received() == ()


def test_a_key_that_is_very_new_is_asked_for_before_it_is_refused(
    receiver: Receiver, decryption_key: DecryptionKey
) -> None:
    sealed = Sender().notification(CLAIMS, decryption_key.public_jwk())
    with pytest.raises(TryLater):
        receiver.take(sealed)


def test_a_notice_from_the_future_is_taken_once_the_clock_is_right(
    receiver: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    sealed = sender.notification(CLAIMS, decryption_key.public_jwk())
    slow = replace(receiver, clock=lambda: NOW - timedelta(minutes=10))
    # Said 400, it would be put aside by the service and never come again.
    with pytest.raises(TryLater, match="our clock"):
        slow.take(sealed)
    fast = replace(receiver, clock=lambda: NOW + timedelta(minutes=10))
    assert fast.take(sealed).is_new
    assert not receiver.take(sealed).is_new


def test_an_answer_can_be_repeated_and_not_changed(
    receiver: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    receiver.take(sender.notification(CLAIMS, decryption_key.public_jwk()))
    jti = CLAIMS["jti"]
    for _ in range(2):
        statement = receiver.acknowledge(jti, Acknowledgement.NEED_MORE_DETAIL)
        assert said(statement, "throughcare-acknowledgement+jwt") == {
            "iss": CLIENT,
            "aud": ISSUER,
            "iat": int(NOW.timestamp()),
            "jti": jti,
            "kind": "need_more_detail",
        }
    with pytest.raises(AnsweredOtherwise):
        receiver.acknowledge(jti, Acknowledgement.ACCEPTED)
    with pytest.raises(KeyError):
        receiver.acknowledge("other", Acknowledgement.ACCEPTED)


def test_a_handshake_is_answered_with_its_nonce(
    receiver: Receiver, sender: Sender, decryption_key: DecryptionKey
) -> None:
    arrival = receiver.take(sender.notification(VERIFICATION, decryption_key.public_jwk()))
    answer = said(receiver.answer_handshake(arrival.notification), "throughcare-verification+jwt")
    assert (answer["subscription_id"], answer["nonce"]) == ("sub-1", "bm9uY2U")
    notice = receiver.take(sender.notification(CLAIMS, decryption_key.public_jwk())).notification
    with pytest.raises(ValueError, match="verification"):
        receiver.answer_handshake(notice)


def test_the_clock_of_the_machine_is_in_utc() -> None:
    assert abs(utc_now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_receiver_shows_no_secret_when_printed(receiver: Receiver) -> None:
    secret = json.dumps(base64.b64encode(SIGNING.to_pem()).decode())
    assert "SigningKey" not in repr(receiver)
    assert secret not in repr(receiver)
