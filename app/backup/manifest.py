"""The manifest of a backup: what is in it, signed by the log that is in it (C2SP signed-note).

    throughcare backup 1
    {"database", "key_ids", "made_at", "origin", "parts", "product", "root", "size", "tables"}

    — <origin> <signature>

The first line keeps it from ever passing as a checkpoint of the log. Pure.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import orjson

from app.access_log.checkpoint import Checkpoint
from app.access_log.note import NoteRefused, Verifier, decode_base64, open_note, sign_note
from app.crypto.log_signing import LogSigningKey

FIRST_LINE: Final = "throughcare backup 1"


class ManifestRefused(NoteRefused):
    """The manifest is signed but of another form, or it is not that of what came with it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a backup: bytes, and SHA-256 in hexadecimal."""

    name: str
    length: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds.

    Attributes:
        made_at: when it was begun.
        product: version of the program that made it.
        tables: the revision of the tables.
        database: `sqlite` or `postgresql`.
        checkpoint: name, size and root of the log in the copy of the database.
        key_ids: names of the key-encryption keys that rows of the copy may hang on.
        parts: what is in the file, in its order.
    """

    made_at: datetime
    product: str
    tables: str
    database: str
    checkpoint: Checkpoint
    key_ids: tuple[str, ...]
    parts: tuple[Part, ...]

    def to_note(self, key: LogSigningKey) -> str:
        """The manifest, signed by the log."""
        members = {
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            "product": self.product,
            "tables": self.tables,
            "database": self.database,
            "origin": self.checkpoint.origin,
            "size": self.checkpoint.size,
            "root": b64encode(self.checkpoint.root).decode(),
            "key_ids": self.key_ids,
            "parts": [
                {"name": one.name, "length": one.length, "sha256": one.sha256} for one in self.parts
            ],
        }
        line = orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()
        return sign_note(f"{FIRST_LINE}\n{line}\n", name=self.checkpoint.origin, key=key)

    @classmethod
    def from_note(cls, note: str, verifiers: Sequence[Verifier]) -> Self:
        """The manifest of a note that a key of the log has signed.

        Raises:
            NoteRefused: none of these keys has signed it, or it was altered.
            ManifestRefused: it is no manifest.
        """
        opened = open_note(note, verifiers)
        first, _, line = opened.text.partition("\n")
        if first != FIRST_LINE:
            raise ManifestRefused("this is signed, and it is no manifest of a backup")
        try:
            manifest = cls._read(orjson.loads(line))
        except (ValueError, KeyError, TypeError, NoteRefused):
            raise ManifestRefused("the manifest is of another form") from None
        if manifest.checkpoint.origin not in opened.signers:
            raise ManifestRefused("the manifest is of another log than the key that signed it")
        return manifest

    @classmethod
    def _read(cls, members: Any) -> Self:  # noqa: ANN401 - JSON can be anything
        return cls(
            made_at=datetime.fromisoformat(members["made_at"]),
            product=str(members["product"]),
            tables=str(members["tables"]),
            database=str(members["database"]),
            checkpoint=Checkpoint(
                str(members["origin"]), int(members["size"]), decode_base64(members["root"])
            ),
            key_ids=tuple(map(str, members["key_ids"])),
            parts=tuple(
                Part(str(one["name"]), int(one["length"]), str(one["sha256"]))
                for one in members["parts"]
            ),
        )

    def check(self, parts: Sequence[Part]) -> None:
        """ManifestRefused unless these are its parts."""
        if tuple(parts) != self.parts:
            raise ManifestRefused("the parts of the backup are not those of its manifest")
