import pytest

from app.crypto.errors import SignatureRefused, UnsafeKey
from app.crypto.log_signing import LogSigningKey, LogVerifyingKey
from app.crypto.signing import SigningKey

# RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e397"
            "01cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f361"
            "3d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76"
            "0984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_signatures_follow_the_published_vectors(
    seed: str, public: str, message: str, signature: str
) -> None:
    key = LogSigningKey.from_seed(bytes.fromhex(seed))
    assert key.public_bytes == bytes.fromhex(public)
    assert key.sign(bytes.fromhex(message)) == bytes.fromhex(signature)
    key.verifying_key.verify(bytes.fromhex(message), bytes.fromhex(signature))


def test_an_altered_message_or_signature_is_refused() -> None:
    key = LogSigningKey.from_seed(bytes(32))
    signature = key.sign(b"message")
    for message, presented in (
        (b"messages", signature),
        (b"message", signature[:-1]),
        (b"message", bytes(64)),
        (b"message", b""),
    ):
        with pytest.raises(SignatureRefused):
            key.verifying_key.verify(message, presented)


def test_a_key_survives_its_file() -> None:
    key = LogSigningKey.from_seed(bytes(32))
    assert LogSigningKey.from_pem(key.to_pem()).public_bytes == key.public_bytes


def test_what_is_no_ed25519_key_is_refused(signing_key: SigningKey) -> None:
    for pem in (b"", b"no key", signing_key.to_pem()):
        with pytest.raises(UnsafeKey):
            LogSigningKey.from_pem(pem)
    with pytest.raises(UnsafeKey):
        LogSigningKey.from_seed(bytes(31))
    with pytest.raises(UnsafeKey):
        LogVerifyingKey(bytes(31))


def test_a_key_never_shows_its_secret_when_printed() -> None:
    assert repr(LogSigningKey.from_seed(bytes(32))) == "LogSigningKey()"
