"""A proof that an entry is in the access log (C2SP tlog-proof). Pure.

    c2sp.org/tlog-proof@v1
    index <place of the entry, from 0>
    <base64 of a hash, one to a line>

    <the checkpoint, a signed note>

An `extra` line after the first is left alone: nobody has signed it.
"""

from collections.abc import Sequence
from typing import Final

from throughcare_receiver.errors import InclusionRefused
from throughcare_receiver.merkle import verify_inclusion
from throughcare_receiver.note import Checkpoint, LogKey, open_checkpoint, read_decimal, read_hash

HEADER: Final = "c2sp.org/tlog-proof@v1"


def check_inclusion(proof: str, *, leaf_hash: bytes, log: Sequence[LogKey]) -> Checkpoint:
    """Check that the log has signed a tree with this entry in it; the tree's checkpoint.

    Keep the checkpoint: a log that later denies it has been cut or rewritten.

    Args:
        proof: the text of the proof.
        leaf_hash: of the entry, from its receipt.
        log: names and keys from the agreement.

    Raises:
        InclusionRefused: it is no proof, or not of this entry.
        NoteRefused: the checkpoint in it is not the log's.
    """
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    if lines.pop(0) != HEADER:
        raise InclusionRefused("this is no proof of this form")
    if lines and lines[0].startswith("extra "):
        del lines[0]
    if not lines or not lines[0].startswith("index "):
        raise InclusionRefused("the proof names no index")
    index = read_decimal(lines.pop(0).removeprefix("index "))
    checkpoint = open_checkpoint(note, log)
    verify_inclusion(
        leaf_hash,
        index=index,
        size=checkpoint.size,
        proof=[read_hash(line) for line in lines],
        root=checkpoint.root,
    )
    return checkpoint
