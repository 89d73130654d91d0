"""What a witness remembers: of each log the largest checkpoint that it cosigned. One file.

The notes stand in it as they were signed, with the witness's own cosignature: what was held
yesterday can be shown to anybody. A witness without its memory would cosign a fork, so a file
that is gone is a refusal to start.
"""

import json
from pathlib import Path

from app.access_log.cosignature import Witness, cosignatures
from app.access_log.note import NoteRefused
from app.receiver.errors import ConfigurationError
from app.receiver.private_files import replace_private_file


class Memory:
    """The file, and what stands in it. One process at a time; its callers take turns."""

    def __init__(self, file: Path, witness: Witness) -> None:
        self._file = file
        self._notes = _read(file)
        for note in self._notes.values():
            _check_own(file, note, witness)

    @staticmethod
    def create(file: Path) -> None:
        """A memory of nothing. Raises ConfigurationError."""
        replace_private_file(file, b"{}\n")

    def held(self, origin: str) -> str | None:
        """The note that was cosigned last of this log."""
        return self._notes.get(origin)

    def hold(self, origin: str, note: str) -> None:
        """Put a note in the place of the last one; when this returns it outlives a power cut.

        Raises ConfigurationError where it cannot be written.
        """
        notes = {**self._notes, origin: note}
        replace_private_file(self._file, json.dumps(notes, ensure_ascii=False, indent=1).encode())
        self._notes = notes


def _read(file: Path) -> dict[str, str]:
    try:
        notes = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file}: gone, and without its memory a witness would cosign a fork: put the file "
            "back, or make a new witness"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise _damaged(file) from None
    if not isinstance(notes, dict) or not all(isinstance(one, str) for one in notes.values()):
        raise _damaged(file)
    return notes


def _check_own(file: Path, note: str, witness: Witness) -> None:
    """What we did not cosign we do not remember."""
    try:
        cosigned = cosignatures(note, [witness])
    except NoteRefused:
        cosigned = ()
    if not cosigned:
        raise _damaged(file)


def _damaged(file: Path) -> ConfigurationError:
    return ConfigurationError(f"{file}: not what this witness remembered")
