from pathlib import Path

import pytest

from app.receiver.errors import ConfigurationError
from app.receiver.private_files import (
    make_private_folder,
    read_private_file,
    replace_private_file,
    write_private_file,
)


def test_what_is_written_is_read_and_private(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_private_file(path, b"secret")
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_private_file(path) == b"secret"


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o601])
def test_a_file_with_a_right_for_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    write_private_file(path, b"secret")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="only its owner") as refusal:
        read_private_file(path)
    assert "secret" not in str(refusal.value)


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        read_private_file(tmp_path)


def test_a_folder_cannot_stand_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(ConfigurationError, match="File exists"):
        make_private_folder(tmp_path / "store")


def test_a_file_is_replaced_whole_whatever_an_earlier_attempt_left(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    for content in (b"first", b"second, and longer", b"3"):
        path.with_name(".memory.json.new").write_bytes(b"half of")
        replace_private_file(path, content)
        assert read_private_file(path) == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_replaced_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "memory.json").mkdir()
    with pytest.raises(ConfigurationError, match=r"memory\.json"):
        replace_private_file(tmp_path / "memory.json", b"new")
    assert (tmp_path / "memory.json").is_dir()
