"""Size classes: signed content grows to one of a few lengths before it is sealed.

Encryption hides what is said, not how much. Without padding the length of a notice would tell
its category to whoever watches the network. The signed claims carry a member `pad` of as many
zeros as bring the token to its size class, so that the sealed content stays a plain token that
every library can read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.crypto.encoding import encoded_length, write_json
from app.crypto.errors import SealRefused
from app.crypto.signing import SigningKey, overhead, sign

SIZE_CLASSES = (2_048, 4_096, 8_192, 16_384, 32_768, 65_536)
"""Lengths of a padded token, in characters."""

PAD = "pad"
"""The claim that carries the padding. It says nothing; a reader ignores it."""


def size_class(length: int, *, size_classes: Sequence[int] = SIZE_CLASSES) -> int:
    """The smallest class that holds so many characters.

    Raises:
        SealRefused: the largest class is too small.
    """
    for size in sorted(size_classes):
        if length <= size:
            return size
    raise SealRefused("the content is larger than the largest size class")


def is_padded(length: int, *, size_classes: Sequence[int] = SIZE_CLASSES) -> bool:
    """Whether a token of this length fills a class.

    One character may stay free: base64url never has a length of four times n plus one. Which
    of the two lengths it is depends on the header alone, never on the claims.
    """
    return any(size - length in (0, 1) for size in size_classes)


def pad_claims(
    claims: Mapping[str, Any],
    *,
    overhead: int,
    size_classes: Sequence[int] = SIZE_CLASSES,
) -> dict[str, Any]:
    """The claims and a `pad` with which their token fills the smallest class that holds it.

    Args:
        claims: without a `pad` of their own.
        overhead: characters of the token that are not its payload segment.
        size_classes: allowed lengths of the token, in characters.

    Raises:
        SealRefused: the claims are too large for every class, or hold a `pad` already.
    """
    if PAD in claims:
        raise SealRefused(f"the claim {PAD} is reserved for the padding")
    bare = len(write_json({**claims, PAD: ""}))
    size = size_class(overhead + encoded_length(bare), size_classes=size_classes)
    room = (size - overhead) * 3 // 4
    return {**claims, PAD: "0" * (room - bare)}


def sign_padded(
    claims: Mapping[str, Any],
    key: SigningKey,
    *,
    typ: str,
    size_classes: Sequence[int] = SIZE_CLASSES,
) -> str:
    """Sign claims so that the token fills a size class, ready to be sealed.

    Raises:
        SealRefused: as `pad_claims`.
    """
    padded = pad_claims(claims, overhead=overhead(key, typ=typ), size_classes=size_classes)
    return sign(padded, key, typ=typ)
