"""Files that a command writes for its caller: whole, for the caller alone, in nobody's place."""

import os
from pathlib import Path

from app.problems import InvalidInput


def require_place(path: Path) -> None:
    """Before anything is asked or recorded: the file is not there yet, and its folder is.

    Raises:
        InvalidInput: what is wrong with the place.
    """
    # It may be shown with what must not be lost to a name that cannot be printed.
    if not str(path).isprintable():
        raise InvalidInput("expected a file name of printable characters")
    if path.exists():
        raise InvalidInput(f"{path}: expected a file that is not there yet")
    require_folder(path.parent)


def require_folder(folder: Path) -> None:
    """InvalidInput, which names the folder, unless files can be made in it."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidInput(f"{folder}: expected a folder that can be written to")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that its owner alone may read, whole or not at all. OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        # Made by us and by nobody before us: what stands there under this name is not followed.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
