"""Tokens that were read before: the same grant, and never longer than the token says."""

from datetime import UTC, datetime, timedelta

import pytest

from app.agencies import known_tokens, tokens
from app.agencies.known_tokens import KnownTokens
from app.agencies.tokens import ACCESS_TOKEN_TYPE, TOKEN_SECONDS
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing import sign
from app.crypto.signing_keys import KeySet, SigningKey
from app.problems import Unauthenticated

AT = datetime(2027, 3, 3, 9, tzinfo=UTC)
ISSUER = "https://exchange.example"
KEY = SigningKey.generate()
KEYS = KeySet.from_jwks(public_jwks([KEY.verifying_key]))


def token(number: int = 0, *, at: datetime = AT) -> str:
    details = {
        "type": "inmate-file",
        "officer": "officer",
        "purpose": "supervision",
        "legal_basis": "law-1",
    }
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "client",
        "client_id": "client",
        "iat": int(at.timestamp()),
        "exp": int(at.timestamp()) + TOKEN_SECONDS,
        "jti": str(number),
        "authorization_details": [details],
    }
    return sign(claims, KEY, typ=ACCESS_TOKEN_TYPE)


@pytest.fixture
def known() -> KnownTokens:
    return KnownTokens(KEYS, ISSUER)


def test_a_token_reads_the_same_each_time(known: KnownTokens) -> None:
    one = token()
    first, again = known.read(one, at=AT), known.read(one, at=AT + timedelta(seconds=1))
    assert again is first
    assert first == tokens.read(one, keys=KEYS, issuer=ISSUER, at=AT)


def test_a_token_that_was_read_ends_when_it_says(known: KnownTokens) -> None:
    one = token()
    known.read(one, at=AT)
    with pytest.raises(Unauthenticated):
        known.read(one, at=AT + timedelta(seconds=TOKEN_SECONDS + 10))


def test_before_the_moment_it_was_read_a_token_is_read_anew(known: KnownTokens) -> None:
    one = token()
    known.read(one, at=AT)
    with pytest.raises(Unauthenticated):
        known.read(one, at=AT - timedelta(minutes=1))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_another_text_is_another_token(known: KnownTokens, place: int) -> None:
    one = token()
    known.read(one, at=AT)
    parts = one.split(".")
    parts[place] = parts[place][:-2] + ("AA" if parts[place][-2:] != "AA" else "BB")
    with pytest.raises(Unauthenticated):
        known.read(".".join(parts), at=AT)


def test_what_is_no_token_is_refused_each_time(known: KnownTokens) -> None:
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            known.read("\udcff", at=AT)


def test_no_more_are_remembered_than_the_bound(
    known: KnownTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_tokens, "REMEMBERED", 2)
    texts = [token(number) for number in range(3)]
    first, second, third = (known.read(text, at=AT) for text in texts)
    assert known.read(texts[1], at=AT) is second
    assert known.read(texts[2], at=AT) is third
    assert known.read(texts[0], at=AT) is not first
