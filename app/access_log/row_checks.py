"""The rows of a log: each leaf, each section, and who erased what does not show. Pure.

A row whose personal sections are gone is explained by the entry of an erasure behind it, which
names the entries that it erased. What no erasure names is missing, and nobody said why.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.access_log.export_reader import Row
from app.access_log.findings import Finding, LogRefused
from app.access_log.note import NoteRefused, decode_base64
from app.access_log.succession import Names

LEAF_VERSION = 1
# What an erasure takes away; every other section must show for as long as the log stands.
PERSONAL_SECTIONS = frozenset({"subject", "reference", "fields", "payload", "inputs"})
# What a row may say of sections that it leaves out: all that an erasure took, or these alone.
_ERASED: Mapping[str, str] = {"personal": "erased"}
_WITHHELD = frozenset({"inputs", "reference"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a leaf says: of which log it is, its entry's id, and a commitment for each section."""

    origin: str
    entry_id: str
    commitments: Mapping[str, bytes]


class RowChecker:
    """Checks rows in the order of the log, and remembers what waits for an erasure's entry."""

    def __init__(self) -> None:
        self._names = Names()
        self._waiting: dict[str, int] = {}
        self._erasures: dict[int, tuple[int, ...]] = {}

    def check(self, row: Row, index: int) -> None:
        """Check what stands around a leaf that is the right one. Raises LogRefused."""
        if row.index != index:
            raise LogRefused(
                Finding.MALFORMED_LINE, f"the entry says that it is {row.index}", index=index
            )
        leaf = _read_leaf(row.leaf, index)
        for name, (content, salt) in row.sections.items():
            if hmac.digest(salt, content, "sha256") != leaf.commitments.get(name):
                raise LogRefused(
                    Finding.EDITED_SECTION, f"the section {name!a} was edited", index=index
                )
        fields = row.sections.get("fields")
        if not self._names.follow(index, leaf.origin, None if fields is None else fields[0]):
            raise LogRefused(Finding.OTHER_ORIGIN, "the entry is of another log", index=index)
        if _is_erased(row, index, leaf.commitments.keys() - row.sections.keys()):
            # Else one erasure would explain both, and list one of them.
            if leaf.entry_id in self._waiting:
                raise LogRefused(
                    Finding.MALFORMED_LINE, "another entry bears the same id", index=index
                )
            self._waiting[leaf.entry_id] = index
        self._note_erasure(row, index)

    def names(self, origin: str) -> Names:
        """The names that the log has had; to be asked at the end.

        Raises LogRefused unless the last of them is this one, under which it was signed.
        """
        last = self._names.last()
        if last is not None and last[1] != origin:
            raise LogRefused(Finding.OTHER_ORIGIN, "the entry is of another log", index=last[0])
        return self._names

    def erasures(self) -> Mapping[int, tuple[int, ...]]:
        """By the index of an erasure, the entries that it explains; to be asked at the end.

        Raises LogRefused where an entry is left that no erasure explains.
        """
        for index in self._waiting.values():
            raise LogRefused(
                Finding.UNEXPLAINED,
                "personal sections are missing, and no erasure names the entry "
                f"(such entries: {len(self._waiting)})",
                index=index,
            )
        return self._erasures

    def _note_erasure(self, row: Row, index: int) -> None:
        """Take the entries that this one says it erased from those that wait."""
        named = _erased_entries(row, index)
        if not named:
            return
        for entry_id in named:
            if entry_id not in self._waiting:
                raise LogRefused(
                    Finding.NOT_ERASED,
                    f"it erased entry {entry_id!a}, which still shows or is not there",
                    index=index,
                )
        self._erasures[index] = tuple(sorted(self._waiting.pop(entry_id) for entry_id in named))


def _read_leaf(leaf: bytes, index: int) -> Leaf:
    try:
        members = orjson.loads(leaf)
        version, origin, entry_id = members["version"], members["origin"], members["id"]
        commitments = {
            name: decode_base64(commitment) for name, commitment in members["commitments"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, NoteRefused):
        raise LogRefused(
            Finding.MALFORMED_LINE, "the leaf is of another form", index=index
        ) from None
    if version != LEAF_VERSION or not isinstance(entry_id, str):
        raise LogRefused(Finding.MALFORMED_LINE, "the leaf is of another version", index=index)
    return Leaf(origin, entry_id, commitments)


def _erased_entries(row: Row, index: int) -> frozenset[str]:
    """The ids of the entries that an erasure's entry says it erased; none for any other entry."""
    circumstances = _content(row, "circumstances", index)
    if circumstances.get("operation") != "erasure":
        return frozenset()
    named = _content(row, "fields", index).get("erased_entries", [])
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise LogRefused(Finding.MALFORMED_LINE, "the erasure names no entries", index=index)
    return frozenset(named)


def _content(row: Row, section: str, index: int) -> Mapping[str, Any]:
    """A section as JSON; nothing where it does not show, which is judged elsewhere."""
    opened = row.sections.get(section)
    try:
        content = {} if opened is None else orjson.loads(opened[0])
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise LogRefused(Finding.MALFORMED_LINE, "a section is no JSON object", index=index)
    return content


def _is_erased(row: Row, index: int, absent: set[str]) -> bool:
    """Whether an erasure took the sections that are absent; they must be fit for that.

    Sections may be absent only where the row says so, and as an erasure takes them.
    """
    if "damaged" in row.missing.values():
        raise LogRefused(
            Finding.DAMAGED_SECTION, "sections in the log do not open any more", index=index
        )
    excused = _excused(row.missing)
    if excused is None:
        raise LogRefused(
            Finding.MALFORMED_LINE, "the reason for missing sections is unknown", index=index
        )
    erased = row.missing == _ERASED
    # An entry about nobody has no subject: no erasure takes the rest of it.
    fits = {"subject"} <= absent <= excused if erased else absent == excused
    if not fits or row.sections.keys() & excused:
        raise LogRefused(
            Finding.MISSING_SECTION, "sections that must show are missing", index=index
        )
    return erased


def _excused(missing: Mapping[str, str]) -> frozenset[str] | None:
    """The sections that a row may leave out by what it says of them; None: it says nonsense."""
    if missing == _ERASED:
        return PERSONAL_SECTIONS
    withheld = frozenset(name for name, reason in missing.items() if reason == "withheld")
    return withheld if withheld == missing.keys() and withheld <= _WITHHELD else None
