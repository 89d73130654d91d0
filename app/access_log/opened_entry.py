"""Entries as an auditor reads them: the leaf, and the sections that keys still open."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, RowMapping, Select, select

from app.access_log import person_keys
from app.access_log.canonical_json import JsonObject
from app.access_log.sealing import PERSONAL, RETAINED, LogKeys, Opening, open_group
from app.access_log.tables import AccessLogEntry, AccessLogLookup
from app.crypto.errors import DecryptionFailed
from app.rows import table_of

ENTRY = table_of(AccessLogEntry)
LOOKUP = table_of(AccessLogLookup)

# What `rows_query` finds, by the names of its columns.
Row: TypeAlias = Mapping[str, Any] | RowMapping

# Why a group of sections does not open, or a section does not show.
ERASED = "erased"
DAMAGED = "damaged"
WITHHELD = "withheld"
# What a decision was made from: a municipality, days to a release. It is kept to explain and to
# replay decisions; an auditor gets no field value (invariant 22), so it does not show.
INPUTS = "inputs"
# An agency's own name for a person is that agency's: its receipt may open it.
REFERENCE = "reference"
HIDDEN = (INPUTS, REFERENCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEntry:
    """An entry in its place. `missing` says why a section, or a group of them, is not here."""

    index: int
    id: str
    leaf: bytes
    openings: Mapping[str, Opening] = field(repr=False)
    missing: Mapping[str, str]

    @property
    def sections(self) -> dict[str, JsonObject]:
        """The content of each section that opens."""
        return {name: orjson.loads(part.content) for name, part in self.openings.items()}


def rows_query() -> Select[Any]:
    """Look-up rows with their entries, in the order of the log. A lost entry shows as no leaf."""
    return (
        select(LOOKUP, ENTRY.c.leaf, ENTRY.c.retained, ENTRY.c.personal)
        .join_from(LOOKUP, ENTRY, LOOKUP.c.entry_id == ENTRY.c.entry_id, isouter=True)
        .order_by(LOOKUP.c.log_index)
    )


class EntryOpener:
    """Opens rows of `rows_query`; a person's key is read and unwrapped once."""

    def __init__(self, connection: Connection, keys: LogKeys) -> None:
        self._connection = connection
        self._keys = keys
        self._person_keys: dict[tuple[str, int], bytes | None] = {}

    def read_keys(self, rows: Iterable[Row]) -> None:
        """Read the keys of all persons of a page at once."""
        subjects = {row["subject_index"] for row in rows if row["subject_index"] is not None}
        self._person_keys |= person_keys.find_all(self._connection, subjects, keys=self._keys)

    @property
    def opened_with(self) -> list[tuple[str, int]]:
        """Whose keys of which year have opened something, as `person_keys.hold` takes them."""
        return sorted(place for place, key in self._person_keys.items() if key is not None)

    def open(self, row: Row, *, hidden: Collection[str] = HIDDEN) -> OpenedEntry:
        """The entry of a row. What does not open is named in `missing`, never an error.

        `hidden` are sections that do not show; an entry with less hidden is not for an auditor.
        """
        openings: dict[str, Opening] = {}
        missing: dict[str, str] = {}
        for group in (RETAINED, PERSONAL):
            try:
                openings |= self._open_group(row, group)
            except DecryptionFailed:
                missing[group] = DAMAGED
        # An erasure destroys key and ciphertext; a ciphertext that stands has to open.
        if not missing and row[PERSONAL] is None and _committed(row["leaf"]) - openings.keys():
            missing[PERSONAL] = ERASED
        for name in hidden:
            if openings.pop(name, None) is not None:
                missing[name] = WITHHELD
        return OpenedEntry(
            index=row["log_index"],
            id=row["entry_id"],
            leaf=_leaf(row),
            openings=openings,
            missing=missing,
        )

    def _open_group(self, row: Row, group: str) -> dict[str, Opening]:
        if row["leaf"] is None:
            raise DecryptionFailed("the entry is lost")
        if row[group] is None:
            return {}
        key = self._keys.log_retention if group == RETAINED else self._person_key(row)
        if key is None:
            raise DecryptionFailed("the key is lost")
        return open_group(row["entry_id"], group, row[group], key)

    def _person_key(self, row: Row) -> bytes | None:
        subject_index = row["subject_index"]
        if subject_index is None:
            return None
        place = (subject_index, row["recorded_at"].year)
        if place not in self._person_keys:
            found = person_keys.find(self._connection, *place, keys=self._keys)
            self._person_keys[place] = found
        return self._person_keys[place]


def _leaf(row: Row) -> bytes:
    """The bytes of a leaf; SQLite keeps text in a column of bytes, if somebody puts it there."""
    leaf = row["leaf"] or b""
    return leaf.encode() if isinstance(leaf, str) else bytes(leaf)


def _committed(leaf: bytes) -> frozenset[str]:
    """The sections that a leaf commits to; none for an altered leaf, which verification names."""
    try:
        return frozenset(orjson.loads(leaf)["commitments"])
    except (ValueError, KeyError, TypeError):
        return frozenset()
