"""Every way that python-jose alone would have let a token through, and its refusal here."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from jose import jwk, jws

from app.crypto.encoding import decode_base64url, encode_base64url
from app.crypto.errors import SignatureRefused, UnknownKey
from app.crypto.signing import (
    MAX_TOKEN_LENGTH,
    KeySet,
    SigningKey,
    VerifyingKey,
    overhead,
    public_jwks,
    sign,
    unverified_claims,
    verify,
)

TYP = "at+jwt"
CLAIMS: dict[str, Any] = {"iss": "https://as.example", "sub": "client-1", "exp": 1_800_000_000}


@pytest.fixture(scope="module")
def keys(signing_key: SigningKey) -> KeySet:
    return KeySet.from_jwks(public_jwks([signing_key]))


def _header(key: SigningKey, **changes: object) -> dict[str, object]:
    header = {"alg": key.algorithm, "typ": TYP, "kid": key.kid, **changes}
    return {name: value for name, value in header.items() if value is not None}


def _forge(key: SigningKey, header: bytes, payload: bytes) -> str:
    """A token with a good signature over whatever header and payload, right or wrong."""
    signing_input = f"{encode_base64url(header)}.{encode_base64url(payload)}"
    return f"{signing_input}.{encode_base64url(key.prepared.sign(signing_input.encode()))}"


def _forge_header(key: SigningKey, **changes: object) -> str:
    return _forge(key, json.dumps(_header(key, **changes)).encode(), json.dumps(CLAIMS).encode())


def _forge_payload(key: SigningKey, payload: str) -> str:
    return _forge(key, json.dumps(_header(key)).encode(), payload.encode())


def test_a_token_gives_back_its_claims(signing_key: SigningKey, keys: KeySet) -> None:
    assert verify(sign(CLAIMS, signing_key, typ=TYP), keys, typ=TYP) == CLAIMS


def test_the_forged_tokens_of_these_tests_are_good_where_nothing_is_changed(
    signing_key: SigningKey, keys: KeySet
) -> None:
    assert verify(_forge_header(signing_key), keys, typ=TYP) == CLAIMS


def test_text_of_every_script_survives(signing_key: SigningKey, keys: KeySet) -> None:
    claims = {"municipality": "Prishtinë / Приштина"}
    assert verify(sign(claims, signing_key, typ=TYP), keys, typ=TYP) == claims


def test_es384_is_accepted_where_asked_for_and_nowhere_else(p384_key: SigningKey) -> None:
    keys = {p384_key.kid: p384_key.verifying_key}
    token = sign(CLAIMS, p384_key, typ=TYP)
    assert verify(token, keys, typ=TYP, algorithms=("ES256", "ES384")) == CLAIMS
    with pytest.raises(SignatureRefused, match="algorithm is not accepted"):
        verify(token, keys, typ=TYP)


def test_the_overhead_is_all_of_a_token_but_its_payload(
    signing_key: SigningKey, p384_key: SigningKey
) -> None:
    for key in (signing_key, p384_key):
        token = sign(CLAIMS, key, typ="secevent+jwt")
        assert len(token) - len(token.split(".")[1]) == overhead(key, typ="secevent+jwt")


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["unknown"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
        {"jku": "https://keys.example/jwks.json"},
        {"x5u": "https://keys.example/chain.pem"},
        {"x5c": ["AAAA"]},
        {"x5t": "AAAA"},
        {"jwk": {"kty": "EC"}},
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"unknown": 1},
    ],
)
def test_a_header_with_any_other_member_is_refused(
    signing_key: SigningKey, keys: KeySet, extra: dict[str, object]
) -> None:
    with pytest.raises(SignatureRefused, match="nothing else"):
        verify(_forge_header(signing_key, **extra), keys, typ=TYP)


def test_a_key_inside_the_token_is_never_used(signing_key: SigningKey, keys: KeySet) -> None:
    thief = SigningKey.generate()
    token = _forge_header(thief, jwk=thief.public_jwk(), kid=signing_key.kid)
    with pytest.raises(SignatureRefused, match="nothing else"):
        verify(token, keys, typ=TYP)


@pytest.mark.parametrize("member", ["alg", "typ", "kid"])
def test_a_header_without_a_member_is_refused(
    signing_key: SigningKey, keys: KeySet, member: str
) -> None:
    with pytest.raises(SignatureRefused, match="must hold alg, typ and kid"):
        verify(_forge_header(signing_key, **{member: None}), keys, typ=TYP)


@pytest.mark.parametrize("typ", ["JWT", "AT+JWT", "at+jwt ", "application/at+jwt", 7, ["at+jwt"]])
def test_a_token_of_any_other_type_is_refused(
    signing_key: SigningKey, keys: KeySet, typ: object
) -> None:
    with pytest.raises(SignatureRefused, match="another type"):
        verify(_forge_header(signing_key, typ=typ), keys, typ=TYP)


@pytest.mark.parametrize(
    "alg", ["none", "None", "nOnE", "", "ES25", "es256", "HS256", "RS256", "ES512", 7, ["ES256"]]
)
def test_any_other_algorithm_is_refused(signing_key: SigningKey, keys: KeySet, alg: object) -> None:
    with pytest.raises(SignatureRefused, match="algorithm is not accepted"):
        verify(_forge_header(signing_key, alg=alg), keys, typ=TYP)


def test_alg_none_without_a_signature_is_refused(signing_key: SigningKey, keys: KeySet) -> None:
    header = json.dumps(_header(signing_key, alg="none")).encode()
    token = f"{encode_base64url(header)}.{encode_base64url(json.dumps(CLAIMS).encode())}."
    with pytest.raises(SignatureRefused, match="algorithm is not accepted"):
        verify(token, keys, typ=TYP)


def test_a_der_public_key_used_as_an_hmac_secret_is_refused(
    signing_key: SigningKey, keys: KeySet
) -> None:
    der = signing_key.private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    hmac_key = jwk.construct(der, "HS256")
    token = jws.sign(CLAIMS, hmac_key, headers={"typ": TYP, "kid": signing_key.kid})
    assert jws.verify(token, der, algorithms=["ES256", "HS256"])  # what jose alone says to it
    with pytest.raises(SignatureRefused, match="algorithm is not accepted"):
        verify(token, keys, typ=TYP)
    with pytest.raises(TypeError, match="tuple of ES256 or ES384"):
        verify(token, keys, typ=TYP, algorithms=("ES256", "HS256"))


@pytest.mark.parametrize("algorithms", ["ES256", "ES256 ES384", ["ES256"], None, ("none",)])
def test_algorithms_in_any_form_but_a_tuple_of_known_names_are_a_mistake_of_the_caller(
    signing_key: SigningKey,
    keys: KeySet,
    algorithms: Any,  # noqa: ANN401 - wrong on purpose
) -> None:
    token = sign(CLAIMS, signing_key, typ=TYP)
    with pytest.raises(TypeError, match="tuple of ES256 or ES384"):
        verify(token, keys, typ=TYP, algorithms=algorithms)
    with pytest.raises(TypeError, match="tuple of ES256 or ES384"):
        unverified_claims(token, typ=TYP, algorithms=algorithms)


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"k"}',
        '{"alg":"ES256","typ":"at+jwt","kid":"k","kid":"k"}',
        '{"alg":"ES256","typ":"at+jwt","kid":NaN}',
        '["ES256"]',
        '"ES256"',
        "null",
        "",
        "not json",
        '{"alg":' * 500 + "1" + "}" * 500,
        '{"alg":' + "[" * 2_900 + "]" * 2_900 + "}",
    ],
)
def test_a_header_that_readers_disagree_about_is_refused(
    signing_key: SigningKey, keys: KeySet, header: str
) -> None:
    token = _forge(signing_key, header.encode(), json.dumps(CLAIMS).encode())
    assert len(token) <= MAX_TOKEN_LENGTH
    with pytest.raises(SignatureRefused, match="not "):
        verify(token, keys, typ=TYP)


@pytest.mark.parametrize(
    "payload",
    [
        '{"sub":"a","sub":"b"}',
        '{"exp":Infinity}',
        '{"exp":NaN}',
        '{"exp":1e999}',
        '{"exp":' + "9" * 400 + "}",
        '{"a":' * 500 + "1" + "}" * 500,
        '["list"]',
        "text",
        "",
    ],
)
def test_claims_that_readers_disagree_about_are_refused(
    signing_key: SigningKey, keys: KeySet, payload: str
) -> None:
    with pytest.raises(SignatureRefused, match="not "):
        verify(_forge_payload(signing_key, payload), keys, typ=TYP)


def test_a_token_that_is_too_long_is_refused_unless_the_caller_raises_the_limit(
    signing_key: SigningKey, keys: KeySet
) -> None:
    claims = {"note": "a" * MAX_TOKEN_LENGTH}
    token = sign(claims, signing_key, typ=TYP)
    with pytest.raises(SignatureRefused, match="longer than 8192"):
        verify(token, keys, typ=TYP)
    assert verify(token, keys, typ=TYP, max_length=len(token)) == claims


def _alter_last(segment: str) -> str:
    """The same bytes in another spelling: the unused bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


def test_a_signature_in_another_spelling_is_refused(signing_key: SigningKey, keys: KeySet) -> None:
    token = sign(CLAIMS, signing_key, typ=TYP)
    respelled = _alter_last(token)
    key = keys[signing_key.kid].prepared
    assert jws.verify(respelled, key, algorithms=["ES256"])  # what jose alone says to it
    with pytest.raises(SignatureRefused, match="not canonical base64url"):
        verify(respelled, keys, typ=TYP)


def test_a_payload_in_another_spelling_is_refused(signing_key: SigningKey, keys: KeySet) -> None:
    header = encode_base64url(json.dumps(_header(signing_key)).encode())
    for payload in ("e30 ", "e30=", "e3 0", "e31"):
        signing_input = f"{header}.{payload}"
        signature = encode_base64url(signing_key.prepared.sign(signing_input.encode()))
        with pytest.raises(SignatureRefused, match="base64url"):
            verify(f"{signing_input}.{signature}", keys, typ=TYP)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a.b.c.d", "....", "e30..", "é.é.é", " . . ", "\x00.\x00.\x00"]
)
def test_what_is_no_token_is_refused(keys: KeySet, token: str) -> None:
    with pytest.raises(SignatureRefused):
        verify(token, keys, typ=TYP)


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{0,20}){2}\Z"))
def test_whatever_is_sent_is_refused_and_never_another_error(token: str) -> None:
    with pytest.raises(SignatureRefused):
        verify(token, {}, typ=TYP)
    with pytest.raises(SignatureRefused):
        unverified_claims(token, typ=TYP)


@pytest.mark.parametrize("length", [0, 63, 65, 70, 96, 128])
def test_a_signature_of_any_other_length_is_refused(
    signing_key: SigningKey, keys: KeySet, length: int
) -> None:
    token = sign(CLAIMS, signing_key, typ=TYP)
    cut = f"{token.rpartition('.')[0]}.{encode_base64url(b'1' * length)}"
    with pytest.raises(SignatureRefused, match="wrong length"):
        verify(cut, keys, typ=TYP)


def test_a_signature_of_zeros_is_refused(signing_key: SigningKey, keys: KeySet) -> None:
    token = sign(CLAIMS, signing_key, typ=TYP)
    with pytest.raises(SignatureRefused, match="does not fit"):
        verify(f"{token.rpartition('.')[0]}.{encode_base64url(bytes(64))}", keys, typ=TYP)


def test_an_altered_token_is_refused_wherever_it_was_altered(
    signing_key: SigningKey, keys: KeySet
) -> None:
    token = sign({"a": 1}, signing_key, typ=TYP)
    for place, character in enumerate(token):
        changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        with pytest.raises(SignatureRefused):
            verify(changed, keys, typ=TYP)


def test_the_signature_of_another_key_is_refused(signing_key: SigningKey, keys: KeySet) -> None:
    other = SigningKey.generate()
    with pytest.raises(SignatureRefused, match="does not fit"):
        verify(_forge_header(other, kid=signing_key.kid), keys, typ=TYP)


@pytest.mark.parametrize("kid", ["unknown", "", 7, ["k"], {"k": 1}])
def test_an_unknown_key_has_a_refusal_of_its_own(
    signing_key: SigningKey, keys: KeySet, kid: object
) -> None:
    with pytest.raises(UnknownKey):
        verify(_forge_header(signing_key, kid=kid), keys, typ=TYP)


def test_a_key_is_never_used_with_the_algorithm_of_another(
    signing_key: SigningKey, p384_key: SigningKey
) -> None:
    mixed: Mapping[str, VerifyingKey] = {signing_key.kid: p384_key.verifying_key}
    with pytest.raises(SignatureRefused, match="not for the algorithm"):
        verify(sign(CLAIMS, signing_key, typ=TYP), mixed, typ=TYP, algorithms=("ES256", "ES384"))


def test_claims_can_be_read_to_find_the_keys_of_the_signer(signing_key: SigningKey) -> None:
    token = sign(CLAIMS, signing_key, typ=TYP)
    unsigned = f"{token.rpartition('.')[0]}."
    assert unverified_claims(token, typ=TYP) == CLAIMS
    assert unverified_claims(unsigned, typ=TYP) == CLAIMS


def test_claims_are_not_read_from_a_token_that_no_key_could_save(signing_key: SigningKey) -> None:
    for token in (
        _forge_header(signing_key, alg="none"),
        _forge_header(signing_key, crit=["exp"]),
        _forge_header(signing_key, typ="JWT"),
        _forge_payload(signing_key, '{"sub":"a","sub":"b"}'),
        "a" * (MAX_TOKEN_LENGTH + 1),
    ):
        with pytest.raises(SignatureRefused):
            unverified_claims(token, typ=TYP)


def test_a_refusal_never_repeats_the_token(signing_key: SigningKey, keys: KeySet) -> None:
    token = _forge_payload(signing_key, '{"name":"Planted Name","name":"Planted Name"}')
    with pytest.raises(SignatureRefused) as refusal:
        verify(token, keys, typ=TYP)
    assert "Planted" not in str(refusal.value)
    assert refusal.value.reason == "the token is not I-JSON"


def test_a_token_holds_the_three_header_members_and_no_spaces(signing_key: SigningKey) -> None:
    header, payload, _ = sign({"a": 1}, signing_key, typ=TYP).split(".")
    assert json.loads(decode_base64url(header)) == _header(signing_key)
    assert decode_base64url(payload) == b'{"a":1}'


def test_nan_is_never_signed(signing_key: SigningKey) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        sign({"a": float("inf")}, signing_key, typ=TYP)
