"""What a log is held to, as it lies on a disk: saved checkpoints, and receipts.

A path is a file, a folder of files, or the store of a receiving agency (`throughcare receive`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from app.access_log.note import NoteRefused
from app.access_log.receipt import TITLE, from_header
from app.problems import InvalidInput
from throughcare_receiver.sqlite_store import FILE_NAME, SqliteStore

T = TypeVar("T")


def read_keys(option: str, texts: Iterable[str], read: Callable[[str], T]) -> list[T]:
    """The keys (vkey) that an option names. Raises InvalidInput, which names the option."""
    try:
        return [read(text) for text in texts]
    except NoteRefused as refused:
        raise InvalidInput(f"{option}: {refused.detail}") from None


def read_checkpoints(paths: Sequence[Path]) -> list[str]:
    """The notes of saved checkpoints: one in each file, or those of a store.

    Raises InvalidInput, as `read_receipts` does, for a folder or a file that holds nothing: what
    was meant to hold the log would not.
    """
    notes: list[str] = []
    for path in paths:
        if _is_store(path):
            with SqliteStore.open(_folder(path)) as store:
                notes += store.checkpoints()
        else:
            notes += _some(path, _texts(path))
    return notes


def read_receipts(paths: Sequence[Path]) -> list[str]:
    """The notes of receipts. A file holds one note, or values of the header, a line for each."""
    notes: list[str] = []
    for path in paths:
        if _is_store(path):
            with SqliteStore.open(_folder(path)) as store:
                notes += store.receipts()
        else:
            notes += _some(path, (note for text in _texts(path) for note in _receipts(text)))
    return notes


def _receipts(text: str) -> Iterable[str]:
    return [text] if text.startswith(TITLE) else map(from_header, text.split())


def _some(path: Path, notes: Iterable[str]) -> list[str]:
    found = list(notes)
    if not found:
        raise InvalidInput(f"{path}: nothing is in it that the log could be held to")
    return found


def _is_store(path: Path) -> bool:
    # One that is not there must not be made.
    return path.is_file() if path.name == FILE_NAME else (path / FILE_NAME).exists()


def _folder(path: Path) -> Path:
    return path.parent if path.name == FILE_NAME else path


def _texts(path: Path) -> Iterator[str]:
    """The text of a file, or of every file in a folder; bytes as they are, for notes are signed."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        try:
            yield file.read_bytes().decode()
        except UnicodeDecodeError:
            raise InvalidInput(f"{file}: not UTF-8 text") from None
