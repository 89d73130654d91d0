"""Verification of an export without server, database or secret: what an auditor trusts.

It shares with the writer only the arithmetic of the tree and the format of notes, and holds an
export to the log's public key and to every checkpoint that was saved elsewhere. The signed root
vouches for the leaf hashes in the tiles, these for the leaves, and these for the sections; so the
first entry that disagrees can be named. Pure.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence

import orjson

from app.access_log.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint
from app.access_log.export_reader import TILE_WIDTH, ExportReader, Header, Row
from app.access_log.findings import ExportRefused, Finding, Report
from app.access_log.merkle import Frontier, leaf_hash
from app.access_log.note import NoteRefused, Verifier, decode_base64
from app.access_log.succession import Names

LEAF_VERSION = 1
# What an erasure takes away; every other section must show for as long as the log stands.
PERSONAL_SECTIONS = frozenset({"subject", "reference", "fields", "payload", "inputs"})
# What a row may say of sections that it leaves out: all that an erasure took, or these alone.
_ERASED: Mapping[str, str] = {"personal": "erased"}
_WITHHELD = frozenset({"inputs", "reference"})


def verify_export(
    lines: Iterable[bytes],
    *,
    verifiers: Sequence[Verifier],
    saved_checkpoints: Sequence[str] = (),
) -> Report:
    """Verify an export and report the first finding, if there is one.

    Args:
        lines: the lines of the export, each with its newline, as a file opened for bytes
            gives them.
        verifiers: the log's key, and those of witnesses if wanted.
        saved_checkpoints: notes that were kept elsewhere; the log must extend each of them.
    """
    try:
        return _verify(ExportReader(lines), verifiers, saved_checkpoints)
    except ExportRefused as refusal:
        return Report(finding=refusal.finding, index=refusal.index, detail=refusal.detail)


def _verify(
    reader: ExportReader, verifiers: Sequence[Verifier], saved_checkpoints: Sequence[str]
) -> Report:
    checkpoint = _open_header(reader.header(), verifiers)
    hashes = _read_tiles(reader, checkpoint.size)
    if Frontier().extend(hashes).root != checkpoint.root:
        raise _explain_root(reader, hashes)
    saved = [_open_saved(note, verifiers) for note in saved_checkpoints]
    _check_saved([one for one in saved if one.origin == checkpoint.origin], hashes)
    erased = 0
    names = Names()
    for index, expected in enumerate(hashes):
        row = reader.row(index)
        if row is None:
            raise ExportRefused(Finding.TRUNCATED, "entries at the end are missing", index=index)
        if leaf_hash(row.leaf) != expected:
            raise _explain_leaf(reader, row, index, hashes)
        erased += _check_row(row, index, names)
    if reader.row(checkpoint.size) is not None:
        raise ExportRefused(
            Finding.SURPLUS_ROW, "there are more entries than were signed", index=checkpoint.size
        )
    _check_name(names, checkpoint.origin)
    _check_predecessors([one for one in saved if one.origin != checkpoint.origin], hashes, names)
    return Report(
        origin=checkpoint.origin,
        size=checkpoint.size,
        erased=erased,
        successions=tuple(names.successions),
    )


def _open_header(header: Header, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint that vouches for the export."""
    try:
        checkpoint = open_checkpoint(header.checkpoint, verifiers)
    except CheckpointRefused as error:
        raise ExportRefused(Finding.OTHER_ORIGIN, error.detail) from None
    except NoteRefused as error:
        raise ExportRefused(Finding.BAD_SIGNATURE, error.detail) from None
    if checkpoint.origin != header.origin:
        raise ExportRefused(Finding.OTHER_ORIGIN, "the checkpoint is of another log")
    if checkpoint.size != header.size:
        raise ExportRefused(Finding.MALFORMED_LINE, "header and checkpoint differ in size")
    return checkpoint


def _read_tiles(reader: ExportReader, size: int) -> list[bytes]:
    """All leaf hashes, in order."""
    hashes: list[bytes] = []
    for start in range(0, size, TILE_WIDTH):
        width = min(TILE_WIDTH, size - start)
        hashes.extend(reader.tile(start // TILE_WIDTH, width))
    return hashes


def _explain_root(reader: ExportReader, hashes: Sequence[bytes]) -> ExportRefused:
    """The tiles do not lead to the signed root: say from where on, as far as leaves can tell."""
    leaves = [leaf_hash(row.leaf) for row in reader.rest(0)]
    for index, (stored, leaf) in enumerate(zip(hashes, leaves, strict=False)):
        if stored != leaf:
            return ExportRefused(
                Finding.BAD_TILE, "a tile does not hold the hash of its leaf", index=index
            )
    return ExportRefused(Finding.ROOT_MISMATCH, "the entries are not those that were signed")


def _check_name(names: Names, origin: str) -> None:
    """The name that the entries end with must be that of the checkpoint."""
    last = names.last()
    if last is not None and last[1] != origin:
        raise ExportRefused(Finding.OTHER_ORIGIN, "the entry is of another log", index=last[0])


def _check_predecessors(saved: Sequence[Checkpoint], hashes: Sequence[bytes], names: Names) -> None:
    """Hold the log to checkpoints of its earlier names: what is here, and what is declared lost."""
    here = []
    for checkpoint in saved:
        ended = names.after(checkpoint.origin)
        if ended is None:
            raise ExportRefused(
                Finding.SAVED_CHECKPOINT_REFUSED, "a saved checkpoint is of another log"
            )
        if checkpoint.size <= ended.kept:
            here.append(checkpoint)
        elif checkpoint.origin != ended.previous.origin or checkpoint.size > ended.previous.size:
            raise ExportRefused(
                Finding.BEHIND_SAVED_CHECKPOINT,
                f"a saved checkpoint vouches for {checkpoint.size} entries, and fewer are here "
                "or declared lost",
                index=ended.kept,
            )
        elif checkpoint.size == ended.previous.size and checkpoint != ended.previous:
            raise ExportRefused(
                Finding.FORKED, "a saved checkpoint contradicts the one declared", index=ended.kept
            )
    _check_saved(here, hashes)


def _check_saved(saved: Sequence[Checkpoint], hashes: Sequence[bytes]) -> None:
    """Hold the log to every saved checkpoint, in the order of their sizes."""
    frontier = Frontier()
    for checkpoint in sorted(saved, key=lambda checkpoint: checkpoint.size):
        if checkpoint.size > len(hashes):
            raise ExportRefused(
                Finding.BEHIND_SAVED_CHECKPOINT,
                f"a saved checkpoint vouches for {checkpoint.size} entries",
                index=len(hashes),
            )
        grown = frontier.extend(hashes[frontier.size : checkpoint.size])
        if grown.root != checkpoint.root:
            raise ExportRefused(
                Finding.FORKED,
                f"a saved checkpoint vouches for {checkpoint.size} other entries",
                index=frontier.size,
            )
        frontier = grown


def _open_saved(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    try:
        return open_checkpoint(note, verifiers)
    except NoteRefused as error:
        raise ExportRefused(Finding.SAVED_CHECKPOINT_REFUSED, error.detail) from None


def _explain_leaf(
    reader: ExportReader, row: Row, index: int, hashes: Sequence[bytes]
) -> ExportRefused:
    """Another leaf stands where one was signed: say what happened to the right one."""
    if leaf_hash(row.leaf) not in hashes:
        return ExportRefused(Finding.EDITED_LEAF, "the leaf was edited", index=index)
    if any(leaf_hash(later.leaf) == hashes[index] for later in reader.rest(index)):
        return ExportRefused(
            Finding.REORDERED_ROWS, "the entry stands in another place", index=index
        )
    return ExportRefused(Finding.DELETED_ROW, "the entry is missing", index=index)


def _check_row(row: Row, index: int, names: Names) -> int:
    """Check what stands around a leaf that is the right one; 1 if the person was erased."""
    if row.index != index:
        raise ExportRefused(
            Finding.MALFORMED_LINE, f"the entry says that it is {row.index}", index=index
        )
    origin, commitments = _read_leaf(row.leaf, index)
    for name, (content, salt) in row.sections.items():
        if hmac.digest(salt, content, "sha256") != commitments.get(name):
            raise ExportRefused(
                Finding.EDITED_SECTION, f"the section {name!a} was edited", index=index
            )
    fields, _ = row.sections.get("fields", (None, None))
    if not names.follow(index, origin, fields):
        raise ExportRefused(Finding.OTHER_ORIGIN, "the entry is of another log", index=index)
    return _check_missing(row, index, commitments.keys() - row.sections.keys())


def _read_leaf(leaf: bytes, index: int) -> tuple[str, Mapping[str, bytes]]:
    """The name of the log in a leaf, and its commitments by section."""
    try:
        members = orjson.loads(leaf)
        version, origin = members["version"], str(members["origin"])
        commitments = {
            name: decode_base64(commitment) for name, commitment in members["commitments"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, NoteRefused):
        raise ExportRefused(
            Finding.MALFORMED_LINE, "the leaf is of another form", index=index
        ) from None
    if version != LEAF_VERSION:
        raise ExportRefused(Finding.MALFORMED_LINE, "the leaf is of another version", index=index)
    return origin, commitments


def _check_missing(row: Row, index: int, absent: set[str]) -> int:
    """Sections may be absent only where the row says so, and as an erasure takes them."""
    if "damaged" in row.missing.values():
        raise ExportRefused(
            Finding.DAMAGED_SECTION, "sections in the log do not open any more", index=index
        )
    excused = _excused(row.missing)
    if excused is None:
        raise ExportRefused(
            Finding.MALFORMED_LINE, "the reason for missing sections is unknown", index=index
        )
    erased = row.missing == _ERASED
    fits = absent <= excused if erased and absent else absent == excused
    if not fits or row.sections.keys() & excused:
        raise ExportRefused(
            Finding.MISSING_SECTION, "sections that must show are missing", index=index
        )
    return int(erased)


def _excused(missing: Mapping[str, str]) -> frozenset[str] | None:
    """The sections that a row may leave out by what it says of them; None: it says nonsense."""
    if missing == _ERASED:
        return PERSONAL_SECTIONS
    withheld = frozenset(name for name, reason in missing.items() if reason == "withheld")
    return withheld if withheld == missing.keys() and withheld <= _WITHHELD else None
