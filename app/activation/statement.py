"""What a policy officer signs, and how a signature is read: a JWS over one exact statement."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from app.crypto.errors import CryptoError
from app.crypto.signing import SigningKey, VerifyingKey, sign, verify
from app.problems import ThroughcareError

# A token for something else must never pass for an approval.
TYPE = "policy-approval+jws"
ALGORITHMS = ("ES256",)
_NUMBERS = frozenset({"after", "gains", "losses"})


class Kind(StrEnum):
    """How a bundle took effect."""

    INITIAL = "initial"
    ACTIVATION = "activation"
    EMERGENCY_REVOCATION = "emergency_revocation"


# How many officers have to sign.
SIGNATURES: Mapping[Kind, int] = {
    Kind.INITIAL: 0,
    Kind.ACTIVATION: 2,
    Kind.EMERGENCY_REVOCATION: 1,
}


class ApprovalRefused(ThroughcareError):
    """An approval does not count. The message says why."""

    status = 409
    title = "The approval does not count"
    slug = "approval-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One officer's word: `new` may follow `old`, having read what that changes.

    Attributes:
        kind: `activation` or `emergency_revocation`.
        after: number of the activation of `old`: the word counts once, not each time that
            the same bundle is in force.
        old: digest of the bundle in force, `new`: of the one that is signed for.
        report: SHA-256 of the canonical report of what changes.
        gains: findings of the report by which somebody receives more, `losses`: less.
        effective_from: RFC 3339 date before which the bundle may not take effect, or None.
        country: country of the bundle.
        made_at: RFC 3339 time of the signature.
    """

    kind: str
    after: int
    old: str
    new: str
    report: str
    gains: int
    losses: int
    effective_from: str | None
    country: str
    made_at: str

    def to_json(self) -> dict[str, Any]:
        """The statement as it is signed."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def signed(self, key: SigningKey) -> str:
        """The statement as a compact JWS of this key."""
        return sign(self.to_json(), key, typ=TYPE)

    @classmethod
    def verified(cls, token: str, key: VerifyingKey) -> Self:
        """The statement that the holder of the key has signed.

        Raises:
            ApprovalRefused: somebody else signed, or something else was signed.
        """
        try:
            claims = verify(token, {key.kid: key}, typ=TYPE, algorithms=ALGORITHMS)
        except CryptoError as error:
            raise ApprovalRefused(f"the signature is not the officer's: {error}") from error
        names = {field.name for field in fields(cls)}
        if claims.keys() != names or not all(map(_fits, claims.items())):
            raise ApprovalRefused("the signed statement is not one about a bundle")
        return cls(**claims)


def _fits(member: tuple[str, Any]) -> bool:
    name, value = member
    if name in _NUMBERS:
        return type(value) is int
    return isinstance(value, str) or (name == "effective_from" and value is None)
