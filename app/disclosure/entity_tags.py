"""Entity tags of what a caller sees, and conditions on them (RFC 9110, 8.8.3 and 13.1). Pure."""

import hashlib
import re

# A tag, and whether it is a weak one. Proxies that compress make ours weak.
TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
ANY = "*"


def etag_of(body: bytes) -> str:
    """A strong entity tag from the exact bytes of a projection."""
    return etag_from(hashlib.sha256(body).digest())


def etag_from(digest: bytes) -> str:
    """The same from the SHA-256 of these bytes."""
    return f'"{digest.hex()[:32]}"'


def names(condition: str, etag: str | None, *, weak: bool = False) -> bool:
    """Whether a condition, a list of tags or `*`, names this state; None is no state at all.

    `weak`: a weak tag names it too, as If-None-Match has it and If-Match has not.
    """
    if condition.strip() == ANY:
        return etag is not None
    return any(tag == etag and (weak or not mark) for mark, tag in TAG.findall(condition))
