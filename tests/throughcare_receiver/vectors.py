"""The published test vectors, and the keys in them as each library wants them."""

import json
from functools import cache
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from tests.throughcare_receiver.make_vectors import FOLDER, Case
from throughcare_receiver.keys import DecryptionKey, KeySet, SigningKey


@cache
def published(name: str) -> dict[str, Any]:
    """The content of one file."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def cases(name: str, *, which: str = "name") -> list[Case]:
    """The cases of a file that have this member."""
    return [case for case in published(name)["cases"] if which in case]


@cache
def decryption_keys() -> dict[str, DecryptionKey]:
    """The agency's keys to open with, by kid."""
    pems = [
        RSAKey.import_key(jwk).as_pem(private=True) for jwk in published("keys")["decryption_keys"]
    ]
    return {key.kid: key for key in map(DecryptionKey.from_pem, pems)}


@cache
def sender_keys() -> KeySet:
    """The sender's keys."""
    return KeySet.from_jwks(published("keys")["sender_jwks"])


@cache
def signing_key() -> SigningKey:
    """The agency's key to sign with."""
    return SigningKey.from_pem(
        ECKey.import_key(published("keys")["signing_key"]).as_pem(private=True)
    )
