"""The envelope, opened with another library."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import ECKey

from app.crypto.errors import SealRefused
from app.crypto.sealing_keys import EncryptionKey
from app.crypto.signing_keys import SigningKey
from app.notifications.envelope import Message, enclose
from tests.notifications.agency import SEALING_KEY

ISSUER = "https://exchange.example"
SIGNER = SigningKey.generate()
RECIPIENT = EncryptionKey.from_jwk(
    {**SEALING_KEY.as_dict(private=False), "kid": SEALING_KEY.thumbprint()}
)
AT = datetime(2027, 3, 3, 9, 0, 0, 999_999, tzinfo=UTC)


def message(event: object) -> Message:
    return Message(
        audience="probation-1",
        jti="a" * 32,
        txn="b" * 32,
        event_type="release_planned",
        event={"released": event},
        reference="c" * 32,
        sequence={"subscriber": 7, "person": 2},
    )


def sealed(what: Message) -> str:
    return enclose(what, issuer=ISSUER, signer=SIGNER, recipient=RECIPIENT, at=AT)


def test_joserfc_reads_what_was_enclosed() -> None:
    outer = jwe.decrypt_compact(
        sealed(message({"x": "ë"})), SEALING_KEY, algorithms=["RSA-OAEP-256", "A256GCM"]
    )
    assert outer.plaintext is not None
    key = ECKey.import_key({**SIGNER.public_jwk()})
    inner = jws.deserialize_compact(outer.plaintext, key, algorithms=["ES256"])
    assert inner.headers() == {"alg": "ES256", "kid": SIGNER.kid, "typ": "secevent+jwt"}
    claims = json.loads(inner.payload)
    assert set(claims.pop("pad")) == {"0"}
    assert claims == {
        "iss": ISSUER,
        "aud": "probation-1",
        "iat": int(datetime(2027, 3, 3, 9, tzinfo=UTC).timestamp()),
        "jti": "a" * 32,
        "txn": "b" * 32,
        "events": {"urn:throughcare:event:release_planned": {"released": {"x": "ë"}}},
        "sub_id": {"format": "opaque", "id": "c" * 32},
        "seq": {"subscriber": 7, "person": 2},
    }


@given(st.text(max_size=600), st.text(max_size=600))
def test_length_tells_nothing_within_a_size_class(one: str, other: str) -> None:
    lengths = {len(sealed(message(text[:400]))) for text in (one, other)}
    assert len(lengths) == 1 or max(map(len, (one, other))) > 100


def test_what_fits_no_size_class_is_not_sent_unpadded() -> None:
    with pytest.raises(SealRefused):
        sealed(message("x" * 60_000))
