"""The file of a backup: whole, or refused."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backup import archive
from app.backup.archive import ArchiveRefused, ArchiveWriter, Found, Frame
from app.crypto.sealing_keys import EncryptionKey
from tests.effort import examples
from tests.world import sealing_keys
from throughcare_receiver.keys import DecryptionKey

KEYS = sealing_keys()
MINE, OTHER = next(KEYS), next(KEYS)
LARGE = "database"
CHECKPOINT, PIECES = b"a checkpoint\n", (b"one", b"two" * 50, b"three")


def written(*recipients: EncryptionKey, manifest: str | None = "signed") -> bytes:
    file = BytesIO()
    to = recipients or (EncryptionKey.from_jwk(MINE.public_jwk()),)
    writer = ArchiveWriter.begin(file, to, random=secrets.token_bytes)
    writer.add("checkpoint", [CHECKPOINT])
    writer.add(LARGE, PIECES)
    if manifest is not None:
        writer.finish(manifest)
    return file.getvalue()


def frames_in(content: bytes, key: DecryptionKey = MINE) -> Iterator[Frame]:
    head = archive.open_head(BytesIO(content), key.kid, key.private)
    return archive.frames(BytesIO(content), head)


def read(content: bytes) -> Found:
    return archive.survey(frames_in(content), large=LARGE)


WHOLE = written()


def test_what_was_written_is_read() -> None:
    found = read(WHOLE)
    assert found.manifest == "signed"
    assert found.small == {"checkpoint": CHECKPOINT}
    lengths = [(one.name, one.length) for one in found.parts]
    assert lengths == [("checkpoint", len(CHECKPOINT)), (LARGE, len(b"".join(PIECES)))]
    assert tuple(archive.content_of(LARGE, frames_in(WHOLE))) == PIECES


def test_each_recipient_opens_it_alone() -> None:
    public = [EncryptionKey.from_jwk(one.public_jwk()) for one in (MINE, OTHER)]
    content = written(*public)
    for key in (MINE, OTHER):
        assert archive.survey(frames_in(content, key), large=LARGE).manifest == "signed"


def test_nobody_else_opens_it_and_nothing_shows() -> None:
    for private in (OTHER, replace(OTHER, kid=MINE.kid)):
        with pytest.raises(ArchiveRefused):
            list(frames_in(WHOLE, private))
    assert CHECKPOINT.strip() not in WHOLE


@given(st.integers(min_value=0, max_value=len(WHOLE) - 1))
@examples(40)
def test_a_file_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(ArchiveRefused):
        read(WHOLE[:length])


@given(st.integers(min_value=0, max_value=len(WHOLE) - 1), st.integers(1, 255))
@examples(60)
def test_a_file_in_which_one_byte_was_changed_is_refused(place: int, change: int) -> None:
    altered = bytearray(WHOLE)
    altered[place] ^= change
    with pytest.raises(ArchiveRefused):
        read(bytes(altered))


def test_a_file_that_was_never_finished_is_refused() -> None:
    with pytest.raises(ArchiveRefused, match="ends before its end"):
        read(written(manifest=None))


def test_frames_cannot_be_exchanged_nor_taken_from_another_file() -> None:
    first, second = frames_of(WHOLE), frames_of(written())
    head, body = first[0], first[1:]
    for wrong in ([body[1], body[0], *body[2:]], body[1:], [*body[:-1], second[-1]]):
        with pytest.raises(ArchiveRefused):
            read(b"".join([head, *wrong]))
    assert read(b"".join(first)).manifest == "signed"


def frames_of(content: bytes) -> list[bytes]:
    """The head of a file, and each frame."""
    file = BytesIO(content)
    found = [file.readline() + file.readline()]
    while length := file.read(4):
        found.append(length + file.read(int.from_bytes(length, "big")))
    return found


def test_another_file_is_not_read_in_the_place_of_one_that_was_surveyed() -> None:
    head = archive.open_head(BytesIO(WHOLE), MINE.kid, MINE.private)
    with pytest.raises(ArchiveRefused, match="another file"):
        list(archive.frames(BytesIO(written()), head))


def test_nothing_may_stand_behind_the_end() -> None:
    with pytest.raises(ArchiveRefused, match="behind the end"):
        read(WHOLE + b"\n")


def test_small_parts_are_small() -> None:
    file = BytesIO()
    recipient = EncryptionKey.from_jwk(MINE.public_jwk())
    writer = ArchiveWriter.begin(file, [recipient], random=secrets.token_bytes)
    writer.add("checkpoint", [bytes(archive.PIECE_BYTES)] * 2)
    with pytest.raises(ArchiveRefused, match="another form"):
        read(file.getvalue())
