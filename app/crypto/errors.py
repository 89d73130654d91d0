"""The errors of the cryptographic foundation. No message repeats a key, a token or a plaintext."""


class CryptoError(Exception):
    """Base of everything that this package raises about what it was given."""


class Malformed(CryptoError):
    """Text is not in the one form that is accepted (canonical base64url, I-JSON, segments)."""


class DecryptionFailed(CryptoError):
    """A stored ciphertext does not open: wrong key, wrong associated data, or altered bytes."""


class SealRefused(CryptoError):
    """A message cannot be sealed as asked, or a sealed message must not or does not open."""


class UnsafeKey(CryptoError):
    """A key is missing, readable by others, private where it must be public, or too weak."""


class UnsafeBackend(CryptoError):
    """`jose` would compute with something other than the `cryptography` package."""


class SignatureRefused(CryptoError):
    """A signature or the token around it is not accepted; `reason` says why in fixed words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(SignatureRefused):
    """The token names a key that is not among those given: fetching keys anew may help."""


class ClaimsRefused(CryptoError):
    """A verified token says something that is not accepted: `claim` names it, `reason` why."""

    def __init__(self, claim: str, reason: str) -> None:
        super().__init__(f"{claim}: {reason}")
        self.claim = claim
        self.reason = reason
