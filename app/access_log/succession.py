"""A log that goes on under a new name, because its database or its key was lost. Pure.

The tree goes on: entries keep their indices and proofs, and those of before keep the old name in
their leaves. The first entry under the new name says so, in its section `fields`:

    fact       "log-name"
    id         the new name
    kept       how many entries of the old log are here: the index of this entry
    previous   {"origin", "size", "root", "checkpoint"}: the last checkpoint of the old log that is
               known, and its signed note
    reasons    why: `Reason`
    key        the key under the new name, as verifiers know it

Entries from `kept` to the size of that checkpoint are lost for good, and declared so.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import orjson

from app.access_log.checkpoint import Checkpoint
from app.access_log.note import NoteRefused, decode_base64

FACT = "log-name"


class Reason(StrEnum):
    """Why a log could not go on under its name."""

    RESTORED = "restored-from-backup"
    NO_CHECKPOINT = "checkpoint-lost"
    KEY_REPLACED = "key-replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Succession:
    """What the first entry under a new name states; `note` is that of the previous checkpoint."""

    origin: str
    kept: int
    previous: Checkpoint
    note: str

    @property
    def lost(self) -> int:
        """How many entries of the old log are declared lost."""
        return max(0, self.previous.size - self.kept)

    @classmethod
    def read(cls, fields: bytes) -> Self | None:
        """The statement in a section `fields`; None where it says something else."""
        try:
            members: Any = orjson.loads(fields)
            if members["fact"] != FACT:
                return None
            previous = members["previous"]
            return cls(
                origin=str(members["id"]),
                kept=int(members["kept"]),
                previous=Checkpoint(
                    str(previous["origin"]), int(previous["size"]), decode_base64(previous["root"])
                ),
                note=str(previous["checkpoint"]),
            )
        except (ValueError, KeyError, TypeError, NoteRefused):
            return None

    def to_json(self, *, reasons: Sequence[Reason], key: str) -> dict[str, Any]:
        """What `read` reads, with the evidence of it."""
        return {
            "fact": FACT,
            "id": self.origin,
            "status": "opened",
            "kept": self.kept,
            "previous": {
                "origin": self.previous.origin,
                "size": self.previous.size,
                "root": base64.b64encode(self.previous.root).decode(),
                "checkpoint": self.note,
            },
            "reasons": [reason.value for reason in reasons],
            "key": key,
        }


class Names:
    """Follows the names in the leaves of one log, in their order."""

    def __init__(self) -> None:
        self.successions: list[Succession] = []
        # Where each name begins, in the order of the log.
        self._begins: list[tuple[int, str]] = []

    def follow(self, index: int, name: str, fields: bytes | None) -> bool:
        """Whether this leaf may bear its name: that of the one before, or one that it opens.

        `fields` are the content of that section, which was held to the leaf before.
        """
        if not self._begins:
            self._begins.append((index, name))
        if name == self._begins[-1][1]:
            return True
        opens = None if fields is None else Succession.read(fields)
        if opens is None or (opens.origin, opens.kept) != (name, index):
            return False
        self.successions.append(opens)
        self._begins.append((index, name))
        return True

    def last(self) -> tuple[int, str] | None:
        """Where the name begins that the log ends with; None for an empty log."""
        return self._begins[-1] if self._begins else None

    def after(self, name: str) -> Succession | None:
        """What ended the log of this name; None where none such is known here."""
        for (_, ended), succession in zip(self._begins, self.successions, strict=False):
            if name in (ended, succession.previous.origin):
                return succession
        return None
