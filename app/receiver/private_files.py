"""Files that nobody but their owner may read: the agency's private keys."""

import os
import stat
from pathlib import Path

from app.receiver.errors import ConfigurationError

_OTHERS_MAY = 0o077  # any permission of group or world
_MAX_FILE_BYTES = 16 * 1024  # an RSA key of 8,192 bits in PEM has about 6,400


def read_private_file(path: Path) -> bytes:
    """The bytes of a key file.

    Raises:
        ConfigurationError: it cannot be read, is no plain file, or others may read it.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())  # of the file that is open, not of its name
            if not stat.S_ISREG(status.st_mode) or status.st_mode & _OTHERS_MAY:
                raise ConfigurationError(f"{path}: only its owner may read this file (0600)")
            return file.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None


def write_private_file(path: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, and wait until it is on the disk.

    Raises:
        ConfigurationError: it is there already (nothing is overwritten) or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None


def replace_private_file(path: Path, content: bytes) -> None:
    """Put a file that only its owner may read in the place of what is there, and wait for the disk.

    Whenever it is broken off, the old file stands there or the new one, whole. One writer at a
    time.

    Raises:
        ConfigurationError: it cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        write_private_file(fresh, content)
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # else a power cut could undo the renaming
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None


def make_private_folder(path: Path) -> None:
    """Make a folder, with those above it, that only its owner may enter; one that is there stays.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
