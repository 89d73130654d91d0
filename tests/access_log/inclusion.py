"""Inclusion as RFC 6962 defines it, written down once more: it shares nothing with the product."""

import hashlib
from base64 import b64decode


def proven(leaf: bytes, proof: str) -> int:
    """The index at which a tlog-proof proves a leaf; AssertionError where it does not."""
    head, _, note = proof.partition("\n\n")
    kind, place, *hashes = head.split("\n")
    assert kind == "c2sp.org/tlog-proof@v1"
    index = int(place.removeprefix("index "))
    _, size, root = note.split("\n")[:3]
    path = [b64decode(one) for one in hashes]
    assert _root(_hash(b"\x00" + leaf), index, int(size), path) == b64decode(root)
    return index


def _root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that follows from a leaf and its audit path (RFC 6962, section 2.1.1)."""
    if size == 1:
        assert not path
        return leaf
    half = 1
    while half * 2 < size:
        half *= 2
    if index < half:
        return _hash(b"\x01" + _root(leaf, index, half, path[:-1]) + path[-1])
    return _hash(b"\x01" + path[-1] + _root(leaf, index - half, size - half, path[:-1]))


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
