"""Tokens with a good signature over something that must not be accepted, or with none at all.

Made by hand, so that no library stands between a test and what it wants to send.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from app.crypto.encoding import decode_base64url
from app.crypto.signing_keys import SigningKey

CANARY = "Quokka"
Members = Mapping[str, Any]
Forge = Callable[[Members, Members, SigningKey], str]


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: Members | str, claims: Members | str, key: SigningKey) -> str:
    """A token whose header and claims may be any text."""
    segments = [
        encoded((one if isinstance(one, str) else json.dumps(one)).encode())
        for one in (header, claims)
    ]
    signing_input = ".".join(segments)
    return f"{signing_input}.{encoded(key.prepared.sign(signing_input.encode()))}"


def _with_header(**extra: object) -> Forge:
    return lambda header, claims, key: signed({**header, **extra}, claims, key)


def with_claims(**extra: object) -> Forge:
    """Claims with others in place, and without those that are None."""
    return lambda header, claims, key: signed(
        header, {n: v for n, v in {**claims, **extra}.items() if v is not None}, key
    )


def _with_text(name: str, text: str) -> Forge:
    """A claim whose value is this text of JSON, which no serialiser would write."""
    return lambda header, claims, key: signed(
        header,
        f'{json.dumps({n: v for n, v in claims.items() if n != name})[:-1]}, "{name}": {text}}}',
        key,
    )


def _twice(header: Members, claims: Members, key: SigningKey) -> str:
    first = next(iter(claims))
    return signed(header, f'{{"{first}": "{CANARY}", {json.dumps(claims)[1:]}', key)


def _by_shared_secret(header: Members, claims: Members, key: SigningKey) -> str:
    """The public key, which everybody has, as the secret of an HMAC."""
    token = signed({**header, "alg": "HS256"}, claims, key).rsplit(".", 1)[0]
    public = key.private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"{token}.{encoded(hmac.digest(public, token.encode(), hashlib.sha256))}"


def _unsigned(header: Members, claims: Members, key: SigningKey) -> str:
    return signed({**header, "alg": "none"}, claims, key).rsplit(".", 1)[0] + "."


def _cut(header: Members, claims: Members, key: SigningKey) -> str:
    return signed(header, claims, key)[:-2]


def _padded(header: Members, claims: Members, key: SigningKey) -> str:
    return signed(header, claims, key) + "=="


def _deep(header: Members, claims: Members, key: SigningKey) -> str:
    deep = f"{'[' * 2500}{']' * 2500}"
    return signed(f'{json.dumps(header)[:-1]}, "x": {deep}}}', claims, key)


def _empty_signature(header: Members, claims: Members, key: SigningKey) -> str:
    return signed(header, claims, key).rpartition(".")[0] + "."


def _der_signature(header: Members, claims: Members, key: SigningKey) -> str:
    """The signature as X.509 writes it, which some libraries take as well."""
    signing_input, _, signature = signed(header, claims, key).rpartition(".")
    raw = decode_base64url(signature)
    half = len(raw) // 2
    numbers = (int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
    return f"{signing_input}.{encoded(encode_dss_signature(*numbers))}"


def _in_json(header: Members, claims: Members, key: SigningKey) -> str:
    """The other serialisation of RFC 7515."""
    protected, payload, signature = signed(header, claims, key).split(".")
    return json.dumps({"protected": protected, "payload": payload, "signature": signature})


def _five_segments(header: Members, claims: Members, key: SigningKey) -> str:
    return f"{signed(header, claims, key)}.{CANARY}.{CANARY}"


def _other_key(header: Members, claims: Members, key: SigningKey) -> str:  # noqa: ARG001 - one shape for all
    return signed(header, claims, SigningKey.generate())


# What no token of any kind may be.
OF_ANY_TOKEN: dict[str, Forge] = {
    "an unknown critical extension": _with_header(crit=[CANARY]),
    "an unencoded payload": _with_header(b64=False, crit=["b64"]),
    "keys at an address": _with_header(jku=f"https://{CANARY}.example/jwks.json"),
    "a certificate at an address": _with_header(x5u=f"https://{CANARY}.example/chain.pem"),
    "a certificate": _with_header(x5c=[CANARY]),
    "an unknown member of the header": _with_header(quokka=CANARY),
    "another type": _with_header(typ="logout+jwt"),
    "a type in other letters": _with_header(typ="AT+JWT"),
    "a number as type": _with_header(typ=7),
    "a list of algorithms": _with_header(alg=["ES256"]),
    "an algorithm whose name holds ours": _with_header(alg="ES256K"),
    "the algorithm of another curve": _with_header(alg="ES384"),
    "no algorithm": _unsigned,
    "no algorithm in other letters": _with_header(alg="nOnE"),
    "an unencoded payload that is not critical": _with_header(b64=False),
    "a compressed payload": _with_header(zip="DEF"),
    "a key that is a path": _with_header(kid="../../dev/null"),
    "a key that is a query": _with_header(kid="' OR '1'='1"),
    "a shared secret": _by_shared_secret,
    "an empty signature": _empty_signature,
    "a signature in DER": _der_signature,
    "the serialisation in JSON": _in_json,
    "another key": _other_key,
    "a signature too short": _cut,
    "padding": _padded,
    "five segments": _five_segments,
    "a deeply nested header": _deep,
    "a claim named twice": _twice,
    "too long": with_claims(more="x" * 8000),
    "claims that are a list": lambda header, claims, key: signed(header, "[]", key),  # noqa: ARG005 - as above
    "claims that are no JSON": lambda header, claims, key: signed(header, CANARY, key),  # noqa: ARG005 - as above
    "a lone surrogate": _with_text("more", '"\\ud800"'),
    "not a number": _with_text("more", "NaN"),
    "no token": lambda header, claims, key: CANARY,  # noqa: ARG005 - as above
    "three words": lambda header, claims, key: f"{CANARY}.{CANARY}.{CANARY}",  # noqa: ARG005 - as above
}
# What no token that ends may be.
OF_A_TOKEN_THAT_ENDS: dict[str, Forge] = {
    "no end": with_claims(exp=None),
    "an end as text": with_claims(exp="9999999999"),
    "an end in exponent form": _with_text("exp", "1e30"),
    "an end that never comes": _with_text("exp", "Infinity"),
    "an end beyond numbers": _with_text("exp", "9" * 4000),
    "an end as a fraction": _with_text("exp", "1804064460.5"),
    "an end as a truth": with_claims(exp=True),
    "an end before 1970": with_claims(exp=-1),
    "an end long ago": with_claims(exp=1_700_000_000),
    "an end far ahead": with_claims(exp=9_999_999_999),
    "made in the future": with_claims(iat=9_999_999_999),
    "made as text": with_claims(iat="now"),
    "not good yet": with_claims(nbf=9_999_999_999),
    "no issuer": with_claims(iss=None),
    "another issuer": with_claims(iss=f"https://{CANARY}.example"),
    "an issuer in a list": with_claims(iss=[CANARY]),
    "no audience": with_claims(aud=None),
    "another audience": with_claims(aud=f"https://{CANARY}.example"),
    "several audiences": with_claims(aud=[CANARY, "other"]),
    "no subject": with_claims(sub=None),
    "a subject that is a number": with_claims(sub=7),
}
# What no proof of possession may be.
OF_A_PROOF: dict[str, Forge] = {
    "no moment": with_claims(iat=None),
    "a moment as text": with_claims(iat="now"),
    "a moment in exponent form": _with_text("iat", "1e30"),
    "a moment that never comes": _with_text("iat", "Infinity"),
    "a moment as a truth": with_claims(iat=True),
    "made long ago": with_claims(iat=1_700_000_000),
    "made in the future": with_claims(iat=9_999_999_999),
    "no number": with_claims(jti=None),
    "an empty number": with_claims(jti=""),
    "a number with a line break": with_claims(jti="a\nb"),
    "a number with a NUL": with_claims(jti="a\x00b"),
    "a long number": with_claims(jti="x" * 201),
    "a number that is one": with_claims(jti=7),
    "no method": with_claims(htm=None),
    "another method": with_claims(htm="DELETE"),
    "a method in other letters": with_claims(htm="get"),
    "no address": with_claims(htu=None),
    "another address": with_claims(htu=f"https://{CANARY}.example/v1/cases"),
    "an address in a list": with_claims(htu=[CANARY]),
    "a path alone": with_claims(htu="/v1/cases"),
    "an address with a port that is none": with_claims(htu="http://127.0.0.1:99999/v1/cases"),
    "an address with a user": with_claims(htu=f"http://{CANARY}@127.0.0.1/v1/cases"),
    "no key": lambda header, claims, key: signed(
        {name: value for name, value in header.items() if name != "jwk"}, claims, key
    ),
    "a name of a key": _with_header(kid=CANARY),
    "a key that is text": _with_header(jwk=CANARY),
    "a key that is nothing": _with_header(jwk={}),
    "a key of another kind": _with_header(jwk={"kty": "oct", "k": "AAAA"}),
    "a key that is not on its curve": _with_header(
        jwk={"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
    ),
    "a private key": lambda header, claims, key: signed(
        {**header, "jwk": {**header["jwk"], "d": CANARY}}, claims, key
    ),
    "a key for sealing": lambda header, claims, key: signed(
        {**header, "jwk": {**header["jwk"], "use": "enc"}}, claims, key
    ),
}
