"""The part of RFC 6962 (section 2.1) that a holder of an entry needs: hashes, and inclusion. Pure.

Checking a proof follows RFC 9162, section 2.1.3.2, and raises.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from throughcare_receiver.errors import InclusionRefused

HASH_BYTES: Final = 32


def leaf_hash(entry: bytes) -> bytes:
    """Leaf hash: SHA-256 over 0x00 and the entry. 32 bytes."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Node hash: SHA-256 over 0x01 and the hashes of both children. 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf hash stands at `index` of the tree of `size` with this root.

    Raises InclusionRefused.
    """
    if not 0 <= index < size:
        raise InclusionRefused("the index lies outside the tree")
    if any(len(node) != HASH_BYTES for node in (leaf, *proof)):
        # Two children of odd lengths could hash to what two whole hashes do.
        raise InclusionRefused("a proof consists of hashes of 32 bytes")
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise InclusionRefused("the proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while position and not position & 1:  # no sibling on these levels
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or node != root:
        raise InclusionRefused("the proof does not lead to the root")
