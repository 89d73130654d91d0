"""Verification of a log at its address, from what it publishes (C2SP tlog-tiles). Pure.

Every tile of hashes is read and held to the one above it, up to the signed root. Tiles of higher
levels tell which tile below was tampered with, leaves tell which entry.
"""

from collections.abc import Callable, Iterator

from app.access_log import tile_paths
from app.access_log.findings import Finding, LogRefused, Report, Watch, unwatched
from app.access_log.leaf_hashes import LeafHashes
from app.access_log.merkle import HASH_BYTES, leaf_hash, root, split_hashes
from app.access_log.succession import Names
from app.access_log.tile_paths import TILE_WIDTH, Place
from app.access_log.vouching import (
    Evidence,
    check_predecessors,
    check_promises,
    find_disagreement,
    open_evidence,
    witnessed,
)

# Reads what a log has under a path below its prefix, `tile/0/000` for one; None: it has nothing.
Fetch = Callable[[str], bytes | None]

LENGTH_BYTES = 2


def verify_published(
    fetch: Fetch, evidence: Evidence, *, with_entries: bool, watch: Watch = unwatched
) -> Report:
    """Verify a log as it is published, and report the first finding, if there is one.

    Args:
        fetch: reads from the log's address.
        evidence: what the log is held to.
        with_entries: read the leaves as well, which a log gives to its auditors alone.
        watch: is told how far it is; with entries twice, for hashes and for leaves.
    """
    try:
        return _verify(fetch, evidence, watch, with_entries=with_entries)
    except LogRefused as refused:
        return Report.of(refused)


def _verify(fetch: Fetch, evidence: Evidence, watch: Watch, *, with_entries: bool) -> Report:
    vouched = open_evidence(_read_checkpoint(fetch), evidence)
    size = vouched.checkpoint.size
    hashes = LeafHashes()
    for place in _places(size):
        watch(place.start, size)
        hashes.extend(_read_tile(fetch, 0, place))
    disagreement = find_disagreement(hashes, vouched)
    if with_entries:
        _check_leaves(fetch, hashes, watch)
    _check_levels(fetch, hashes)
    if disagreement is not None:
        raise disagreement
    # Leaves do not show what they commit to, so that earlier names of the log are not known here.
    names = Names()
    here = check_predecessors(hashes, vouched, names)
    return Report(
        origin=vouched.checkpoint.origin,
        size=size,
        promises=check_promises(hashes, vouched, names),
        witnessed=witnessed(vouched, here),
    )


def _read_checkpoint(fetch: Fetch) -> str:
    try:
        return (fetch("checkpoint") or b"").decode()
    except UnicodeDecodeError:
        raise LogRefused(Finding.BAD_SIGNATURE, "the checkpoint is no text") from None


def _places(size: int) -> Iterator[Place]:
    """The tiles of a level of so many hashes; the last may be a part of one."""
    for start in range(0, size, TILE_WIDTH):
        yield Place(start // TILE_WIDTH, min(TILE_WIDTH, size - start))


def _read_tile(fetch: Fetch, level: int, place: Place) -> bytes:
    data = fetch(f"tile/{level}/{tile_paths.format_place(place)}")
    if data is None or len(data) != place.width * HASH_BYTES:
        detail = f"tile {place.index} of level {level} is missing or cut"
        raise LogRefused(Finding.BAD_TILE, detail, **_covered(level, place.start, place.stop))
    return data


def _check_levels(fetch: Fetch, hashes: LeafHashes) -> None:
    """Hold each tile to the hash of it in the tile above."""
    level, below = 1, _roots(hashes)
    while len(below) > 0:
        for place in _places(len(below)):
            stored = split_hashes(_read_tile(fetch, level, place))
            for index, found in enumerate(stored, start=place.start):
                if found != below[index]:
                    detail = f"tiles of level {level - 1} and {level} disagree"
                    raise LogRefused(Finding.BAD_TILE, detail, **_covered(level, index, index + 1))
        level, below = level + 1, _roots(below)


def _roots(hashes: LeafHashes) -> LeafHashes:
    """The root of each full tile."""
    roots = LeafHashes()
    for start in range(0, len(hashes) - TILE_WIDTH + 1, TILE_WIDTH):
        roots.extend(root(hashes.part(start, start + TILE_WIDTH)))
    return roots


def _covered(level: int, start: int, stop: int) -> dict[str, int]:
    """The entries under the hashes [start, stop) of a level."""
    width = TILE_WIDTH**level
    return {"index": start * width, "last": stop * width - 1}


def _check_leaves(fetch: Fetch, hashes: LeafHashes, watch: Watch) -> None:
    """Hold each leaf to its hash."""
    for place in _places(len(hashes)):
        watch(place.start, len(hashes))
        leaves = _read_bundle(fetch, place)
        for index, leaf in enumerate(leaves, start=place.start):
            if leaf_hash(leaf) != hashes[index]:
                raise LogRefused(Finding.EDITED_LEAF, "leaf and hash disagree", index=index)


def _read_bundle(fetch: Fetch, place: Place) -> list[bytes]:
    """The leaves of a bundle, each behind its length in two bytes, big-endian."""
    data = fetch(f"tile/entries/{tile_paths.format_place(place)}") or b""
    leaves, at = [], 0
    while at < len(data):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(data[at:start])
        leaves.append(data[start:at])
    if len(leaves) != place.width or at != len(data):
        detail = f"the bundle of leaves {place.index} is missing or cut"
        raise LogRefused(Finding.TRUNCATED, detail, index=place.start, last=place.stop - 1)
    return leaves
