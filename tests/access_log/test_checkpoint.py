"""The published example of the checkpoint format, and what must not pass."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log.checkpoint import (
    Checkpoint,
    CheckpointRefused,
    open_checkpoint,
    sign_checkpoint,
)
from app.access_log.note import NoteRefused, Verifier, sign_note
from app.crypto.log_signing import LogSigningKey

ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"
KEY = LogSigningKey.from_seed(bytes(range(32)))


def test_the_published_text_is_read_and_written() -> None:
    checkpoint = Checkpoint.from_text(TEXT)
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20852163, base64.b64decode(ROOT))
    assert checkpoint.to_text() == TEXT


@given(size=st.integers(0, 2**62), root=st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_opens_to_itself(size: int, root: bytes) -> None:
    checkpoint = Checkpoint("example.org/log", size, root)
    note = sign_checkpoint(checkpoint, KEY)
    assert open_checkpoint(note, [Verifier.of("example.org/log", KEY)]) == checkpoint


def test_extension_lines_are_allowed() -> None:
    assert Checkpoint.from_text(TEXT + "extension\n").size == 20852163


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "origin\n1\n",
        f"\n1\n{ROOT}\n",
        f"origin\n\n{ROOT}\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n+1\n{ROOT}\n",
        f"origin\n1 \n{ROOT}\n",
        f"origin\n٣\n{ROOT}\n",
        f"origin\n{'9' * 20}\n{ROOT}\n",
        f"origin\n1\n{ROOT[:-1]}\n",
        "origin\n1\nAAAA\n",
        f"origin\n1\n{ROOT}\n\nextension\n",
    ],
)
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        Checkpoint.from_text(text)


def test_a_checkpoint_is_signed_by_a_key_of_its_own_name() -> None:
    note = sign_note(TEXT, name="witness.example", key=KEY)
    with pytest.raises(CheckpointRefused, match="another origin"):
        open_checkpoint(note, [Verifier.of("witness.example", KEY)])
