"""The manifest: what the log signs of a backup."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.access_log.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint
from app.access_log.note import NoteRefused, Verifier, sign_note
from app.backup.manifest import FIRST_LINE, Manifest, ManifestRefused, Part
from app.crypto.log_signing import LogSigningKey

ORIGIN = "exchange.example/log"
KEY, OTHER = (LogSigningKey.from_seed(bytes([one]) * 32) for one in (1, 2))
LOG = [Verifier.of(ORIGIN, KEY)]
PART = Part(name="database", length=3, sha256="00" * 32)
MANIFEST = Manifest(
    made_at=datetime(2027, 3, 3, 9, 0, tzinfo=UTC),
    product="0.1.0",
    tables="0019",
    database="sqlite",
    checkpoint=Checkpoint(ORIGIN, 7, bytes(32)),
    key_ids=("a", "b"),
    parts=(PART,),
)


def test_what_was_signed_is_read() -> None:
    assert Manifest.from_note(MANIFEST.to_note(KEY), LOG) == MANIFEST


def test_one_that_the_log_did_not_sign_or_that_was_changed_is_refused() -> None:
    note = MANIFEST.to_note(KEY)
    for wrong in (MANIFEST.to_note(OTHER), note.replace('"size":7', '"size":8'), ""):
        with pytest.raises(NoteRefused):
            Manifest.from_note(wrong, LOG)


def test_no_signature_of_the_log_counts_for_something_else() -> None:
    with pytest.raises(CheckpointRefused):
        open_checkpoint(MANIFEST.to_note(KEY), LOG)
    for text in ("another thing\n{}\n", f"{FIRST_LINE}\n{{}}\n", f"{FIRST_LINE}\nnothing\n"):
        with pytest.raises(ManifestRefused):
            Manifest.from_note(sign_note(text, name=ORIGIN, key=KEY), LOG)
    theirs = replace(MANIFEST, checkpoint=Checkpoint("other.example/log", 7, bytes(32)))
    text = theirs.to_note(KEY).partition("\n\n")[0] + "\n"
    with pytest.raises(ManifestRefused, match="another log"):
        Manifest.from_note(sign_note(text, name=ORIGIN, key=KEY), LOG)


def test_other_parts_than_those_are_refused() -> None:
    MANIFEST.check([PART])
    for wrong in ([], [PART, PART], [replace(PART, sha256="11" * 32)]):
        with pytest.raises(ManifestRefused):
            MANIFEST.check(wrong)
