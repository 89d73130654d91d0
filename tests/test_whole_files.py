"""Files that are whole or not there."""

import os
from pathlib import Path

import pytest

from app.whole_files import UNFINISHED, written


def names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_what_was_broken_off_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), written(tmp_path / "a") as file:
        file.write(bytes(1 // 0))
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == ({"a"}, b"old")
    with written(tmp_path / "a") as file:
        file.write(b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == ({"a"}, b"new")
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0


def test_of_two_new_files_of_one_name_the_first_that_is_whole_stays(tmp_path: Path) -> None:
    def write_two(path: Path) -> None:
        with written(path, new=True) as slow:
            slow.write(b"slow")
            with written(path, new=True) as fast:
                fast.write(b"fast")

    with pytest.raises(FileExistsError):
        write_two(tmp_path / "a")
    assert (names(tmp_path), (tmp_path / "a").read_bytes()) == ({"a"}, b"fast")


def test_a_new_file_that_was_taken_away_meanwhile_leaves_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), written(tmp_path / "a", new=True) as file:
        Path(file.name).unlink()
    assert names(tmp_path) == set()


def test_what_somebody_left_who_was_killed_goes_with_the_next_file(tmp_path: Path) -> None:
    left = tmp_path / f".b.1{UNFINISHED}"
    others = (left, Path(f"{left}-wal"), tmp_path / ".of-somebody-else")
    for one in others:
        one.write_text("half")
    with written(tmp_path / "a"):
        pass
    assert left.exists()  # somebody may be writing it
    for one in others:
        os.utime(one, (0, 0))
    with written(tmp_path / "a"):
        pass
    assert names(tmp_path) == {"a", ".of-somebody-else"}
