"""Files that stand under their name once they are whole and on the disk, and never half of them."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

# How the name of a file ends that is being written. Nobody is silent for so long who writes one.
UNFINISHED: Final = ".throughcare-unfinished"
LEFT_SECONDS: Final = 3_600.0


@contextmanager
def written(path: Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """A file for its owner alone, which takes the place of what is there when the block ends well.

    Where it does not, nothing is left of it; what others left who were killed goes as well. One
    that is `new` takes nobody's place: FileExistsError where something stands there at the end.
    """
    _tidy(path.parent)
    descriptor, name = tempfile.mkstemp(UNFINISHED, f".{path.name}.", path.parent)
    os.close(descriptor)
    fresh = Path(name)
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if new:
            _put_new(fresh, path)
        else:
            fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _put_new(fresh: Path, path: Path) -> None:
    """Give it a name that nobody has: of two at once the second is refused, on any file system."""
    path.touch(0o600, exist_ok=False)
    try:
        fresh.replace(path)
    except OSError:
        path.unlink()  # nothing stands in it
        raise


def _tidy(folder: Path) -> None:
    """Take away what was left half-written, with what SQLite puts beside it."""
    for left in folder.glob(f".*{UNFINISHED}*"):
        with suppress(OSError):  # another one tidies, too, or it is of somebody else
            if left.stat().st_mtime < time.time() - LEFT_SECONDS:
                left.unlink()


def _sync(folder: Path) -> None:
    """Have names in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
