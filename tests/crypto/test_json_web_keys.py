import pytest

from app.crypto.errors import UnsafeKey
from app.crypto.json_web_keys import (
    bytes_member,
    key_id,
    public_jwks,
    require_public,
    require_use,
    thumbprint,
)
from app.crypto.signing import SigningKey
from throughcare_receiver.keys import DecryptionKey

# RFC 7638 section 3.1
RFC_7638_KEY = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"
        "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWh"
        "AI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
}


def test_a_thumbprint_follows_the_published_vector() -> None:
    assert thumbprint(RFC_7638_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_member_is_refused_by_name_and_never_shown(member: str) -> None:
    with pytest.raises(UnsafeKey, match=rf"members {member}$") as refusal:
        require_public({**RFC_7638_KEY, member: "planted-secret"})
    assert "planted-secret" not in str(refusal.value)


def test_a_key_is_held_to_its_declared_use_and_algorithm() -> None:
    require_use({}, use="sig", algorithm="ES256")
    require_use({"use": "sig", "alg": "ES256"}, use="sig", algorithm="ES256")
    with pytest.raises(UnsafeKey, match="use"):
        require_use({"use": "enc"}, use="sig", algorithm="ES256")
    with pytest.raises(UnsafeKey, match="alg"):
        require_use({"alg": "HS256"}, use="sig", algorithm="ES256")


@pytest.mark.parametrize("value", [None, "", 7, ["AQAB"], "AQAB=", "AQ AB"])
def test_a_member_must_be_canonical_base64url(value: object) -> None:
    with pytest.raises(UnsafeKey, match="member e"):
        bytes_member({"e": value}, "e")


@pytest.mark.parametrize("kid", ["", "a" * 129, "with space", "new\nline", "é", 7, None])
def test_a_key_id_must_be_short_and_visible(kid: object) -> None:
    with pytest.raises(UnsafeKey, match="kid"):
        key_id({"kid": kid}, default="default")


def test_a_key_without_an_id_gets_the_default() -> None:
    assert key_id({}, default="default") == "default"
    assert key_id({"kid": "2026-1"}, default="default") == "2026-1"


def test_a_key_set_shows_public_members_only(
    signing_key: SigningKey, decryption_key: DecryptionKey
) -> None:
    shown = public_jwks([signing_key, decryption_key])["keys"]
    assert [jwk["use"] for jwk in shown] == ["sig", "enc"]
    assert set(shown[0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert set(shown[1]) == {"kty", "n", "e", "kid", "use", "alg"}
