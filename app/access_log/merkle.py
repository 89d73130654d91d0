"""Merkle tree arithmetic of the access log (RFC 6962, section 2.1). Pure.

A tree is known by its leaf hashes in order. A proof is a list of subtree hashes; which
subtrees it takes is arithmetic on indices alone (`inclusion_ranges`, `consistency_ranges`),
so the same functions serve a list in memory and tiles in a database. Checking a proof
follows RFC 9162, sections 2.1.3.2 and 2.1.4.2, and raises.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from app.problems import ThroughcareError

HASH_BYTES = 32
# RFC 6962, 2.1: the hash of an empty list is the hash of an empty string.
EMPTY_ROOT = sha256().digest()

Range = tuple[int, int]


class ProofRefused(ThroughcareError):
    """A proof does not lead from what is claimed to the root that is held."""


def leaf_hash(entry: bytes) -> bytes:
    """Leaf hash: SHA-256 over 0x00 and the entry. 32 bytes."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Node hash: SHA-256 over 0x01 and the hashes of both children. 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a growing tree: roots of its complete subtrees, the largest first.

    Enough to append and to know the root, in space that grows with the logarithm of the size.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError("a frontier holds one peak for each set bit of its size")

    def append(self, leaf: bytes) -> Self:
        """The frontier with one more leaf hash."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Self:
        """The frontier with more leaf hashes, in order."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            node, carry = leaf, size
            while carry & 1:  # as in binary addition: two equal subtrees make one
                node = node_hash(peaks.pop(), node)
                carry >>= 1
            peaks.append(node)
            size += 1
        return type(self)(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        """The root of the tree so far (RFC 6962: MTH)."""
        return join_peaks(self.peaks)

    def to_bytes(self) -> bytes:
        """The peaks one after another, 32 bytes each; the size is kept beside them."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Self:
        """What `to_bytes` wrote. Raises ValueError when the length does not fit the size."""
        if len(data) != HASH_BYTES * size.bit_count():
            raise ValueError("the stored peaks do not fit the size of the tree")
        return cls(size, split_hashes(data))


def split_hashes(data: bytes) -> tuple[bytes, ...]:
    """Hashes that stand one after another, 32 bytes each."""
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))


def join_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees that stand side by side, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    joined = peaks[-1]
    for peak in reversed(peaks[:-1]):
        joined = node_hash(peak, joined)
    return joined


def root(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaf hashes."""
    return Frontier().extend(leaves).root


def inclusion_ranges(index: int, size: int) -> tuple[Range, ...]:
    """The subtrees [start, stop) of an inclusion proof, the lowest first (RFC 6962: PATH)."""
    if not 0 <= index < size:
        raise ValueError("the index lies outside the tree")
    ranges: list[Range] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    return tuple(reversed(ranges))


def consistency_ranges(old_size: int, new_size: int) -> tuple[Range, ...]:
    """The subtrees [start, stop) of a consistency proof, in its order (RFC 6962: SUBPROOF)."""
    if not 0 <= old_size <= new_size:
        raise ValueError("the older tree is the larger one")
    ranges: list[Range] = []
    start, stop = 0, new_size
    while start < old_size < stop:
        middle = start + _split(stop - start)
        if old_size <= middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    # The verifier holds the older root; it needs the last complete part only where that
    # part is not the older tree itself.
    if start > 0:
        ranges.append((start, stop))
    return tuple(reversed(ranges))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The proof that leaf `index` stands in the tree over these leaf hashes."""
    return tuple(root(leaves[a:b]) for a, b in inclusion_ranges(index, len(leaves)))


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """The proof that the tree over these leaf hashes extends its first `old_size` leaves."""
    return tuple(root(leaves[a:b]) for a, b in consistency_ranges(old_size, len(leaves)))


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that a leaf hash stands at `index` of the tree of `size` with this root.

    Raises ProofRefused.
    """
    if not 0 <= index < size:
        raise ProofRefused("the index lies outside the tree")
    _check_lengths((leaf, *proof))
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            position, last = _climb(position, last)
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or node != root:
        raise ProofRefused("the proof does not lead to the root")


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `new_size` begins with the tree of `old_size`.

    Every tree extends the empty one, and a tree extends itself; both need an empty proof.
    Raises ProofRefused.
    """
    if not 0 <= old_size <= new_size:
        raise ProofRefused("the older tree is the larger one")
    _check_lengths((old_root, new_root, *proof))
    if old_size in (0, new_size):
        _verify_trivial(old_size, new_size, old_root, new_root, proof)
        return
    old, new = proven_roots(old_size=old_size, new_size=new_size, old_root=old_root, proof=proof)
    if old != old_root or new != new_root:
        raise ProofRefused("the newer tree does not extend the older one")


def proven_roots(
    *, old_size: int, new_size: int, old_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """Both roots to which a consistency proof leads, for 0 < old_size < new_size.

    Where the newer one is the root of a tree, the older one is the root that this tree had: the
    hash binds every subtree that the proof names. Raises ProofRefused for a wrong length.
    """
    _check_lengths((old_root, *proof))
    # A complete older tree is its own first subtree: its root then stands for the first hash.
    path = (old_root, *proof) if old_size & (old_size - 1) == 0 else tuple(proof)
    if not path:
        raise ProofRefused("the proof is too short")
    return _walk_consistency(old_size, new_size, path)


def _walk_consistency(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Both roots as the proof gives them (RFC 9162, 2.1.4.2, steps 3 to 6)."""
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            position, last = _climb(position, last)
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofRefused("the proof is too short")
    return old, new


def _verify_trivial(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise ProofRefused("the proof is too long")
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise ProofRefused("the root of the empty tree is another one")
    if old_size == new_size and old_root != new_root:
        raise ProofRefused("two roots of one size")


def _climb(position: int, last: int) -> tuple[int, int]:
    """Skip the levels on which a node at the right edge has no sibling and moves up unchanged."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _check_lengths(proof: Sequence[bytes]) -> None:
    """Two children of odd lengths could hash to what two whole hashes do."""
    if any(len(node) != HASH_BYTES for node in proof):
        raise ProofRefused("a proof consists of hashes of 32 bytes")


def _split(size: int) -> int:
    """The largest power of two below `size` (RFC 6962: k)."""
    return 1 << (size - 1).bit_length() - 1
