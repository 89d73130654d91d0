"""Verification of an export without server, database or secret: what an auditor trusts.

It shares with the writer only the arithmetic of the tree and the format of notes, and holds an
export to the log's public key and to all that was saved elsewhere (`vouching`). The signed root
vouches for the leaf hashes in the tiles, these for the leaves, and these for the sections
(`row_checks`); so the first entry that disagrees can be named. Pure.
"""

from collections.abc import Iterable

from app.access_log.export_reader import TILE_WIDTH, ExportReader, Row
from app.access_log.findings import Finding, LogRefused, Report, Watch, unwatched
from app.access_log.leaf_hashes import LeafHashes
from app.access_log.merkle import leaf_hash
from app.access_log.row_checks import RowChecker
from app.access_log.vouching import (
    Evidence,
    Vouched,
    check_predecessors,
    check_promises,
    find_disagreement,
    open_evidence,
    witnessed,
)


def verify_export(
    lines: Iterable[bytes], evidence: Evidence, *, watch: Watch = unwatched
) -> Report:
    """Verify an export and report the first finding, if there is one.

    Rows are read one at a time; of a million entries 32 MB of hashes are kept.

    Args:
        lines: the lines of the export, each with its newline, as a file opened for bytes
            gives them.
        evidence: what the log is held to.
        watch: is told how far it is.
    """
    try:
        return _verify(ExportReader(lines), evidence, watch)
    except LogRefused as refused:
        return Report.of(refused)


def _verify(reader: ExportReader, evidence: Evidence, watch: Watch) -> Report:
    vouched = _open_header(reader, evidence)
    checkpoint = vouched.checkpoint
    hashes = _read_tiles(reader, checkpoint.size)
    disagreement = find_disagreement(hashes, vouched)
    if disagreement is not None:
        raise _explain(disagreement, reader, hashes)
    rows = RowChecker()
    for index, expected in enumerate(hashes):
        if index % TILE_WIDTH == 0:
            watch(index, checkpoint.size)
        row = reader.row(index)
        if row is None:
            raise LogRefused(
                Finding.TRUNCATED,
                "entries at the end are missing",
                index=index,
                last=checkpoint.size - 1,
            )
        if leaf_hash(row.leaf) != expected:
            raise _explain_leaf(reader, row, index, hashes)
        rows.check(row, index)
    if reader.row(checkpoint.size) is not None:
        raise LogRefused(
            Finding.SURPLUS_ROW, "there are more entries than were signed", index=checkpoint.size
        )
    names = rows.names(checkpoint.origin)
    here = check_predecessors(hashes, vouched, names)
    return Report(
        origin=checkpoint.origin,
        size=checkpoint.size,
        erasures=rows.erasures(),
        promises=check_promises(hashes, vouched, names),
        witnessed=witnessed(vouched, here),
        successions=tuple(names.successions),
    )


def _open_header(reader: ExportReader, evidence: Evidence) -> Vouched:
    """The checkpoint that vouches for the export, and what it is held to."""
    header = reader.header()
    vouched = open_evidence(header.checkpoint, evidence)
    if vouched.checkpoint.origin != header.origin:
        raise LogRefused(Finding.OTHER_ORIGIN, "the checkpoint is of another log")
    if vouched.checkpoint.size != header.size:
        raise LogRefused(Finding.MALFORMED_LINE, "header and checkpoint differ in size")
    return vouched


def _read_tiles(reader: ExportReader, size: int) -> LeafHashes:
    """All leaf hashes, in order."""
    hashes = LeafHashes()
    for start in range(0, size, TILE_WIDTH):
        width = min(TILE_WIDTH, size - start)
        hashes.extend(reader.tile(start // TILE_WIDTH, width))
    return hashes


def _explain(disagreement: LogRefused, reader: ExportReader, hashes: LeafHashes) -> LogRefused:
    """Where tiles miss the root of their own checkpoint, leaves may tell the very entry."""
    if disagreement.finding is Finding.ROOT_MISMATCH:
        rows = reader.rest(0)
        for index, (stored, row) in enumerate(zip(hashes, rows, strict=False)):
            if stored != leaf_hash(row.leaf):
                return LogRefused(
                    Finding.BAD_TILE, "a tile does not hold the hash of its leaf", index=index
                )
    return disagreement


def _explain_leaf(reader: ExportReader, row: Row, index: int, hashes: LeafHashes) -> LogRefused:
    """Another leaf stands where one was signed: say what happened to the right one."""
    if leaf_hash(row.leaf) not in hashes:
        return LogRefused(Finding.EDITED_LEAF, "the leaf was edited", index=index)
    if any(leaf_hash(later.leaf) == hashes[index] for later in reader.rest(index)):
        return LogRefused(Finding.REORDERED_ROWS, "the entry stands in another place", index=index)
    return LogRefused(Finding.DELETED_ROW, "the entry is missing", index=index)
