"""Recorded decisions with what they were made from: to explain or to repeat them, never to show.

Read from the newest back, in pages: a log of any length takes the memory of one page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, Select

from app.access_log.canonical_json import JsonObject
from app.access_log.opened_entry import (
    DAMAGED,
    INPUTS,
    LOOKUP,
    EntryOpener,
    OpenedEntry,
    rows_query,
)
from app.access_log.sealing import PERSONAL, LogKeys
from app.access_log.vocabulary import Operation

PAGE = 256
WITHHELD_FORM = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDecision:
    """A decision as its entry has it.

    `policy` is the digest of the bundle that decided, `forms` the form of each field that the
    entry speaks of, `policies` what released it. `inputs` are the facts of the decision; where
    they are None, `missing` says why: erased, or damaged.
    """

    entry_id: str
    policy: str
    forms: Mapping[str, str]
    reasons: Mapping[str, str]
    policies: Mapping[str, tuple[str, ...]]
    inputs: JsonObject | None = field(repr=False)
    missing: str | None


def find(connection: Connection, entry_id: str, *, keys: LogKeys) -> RecordedDecision | None:
    """The decision of this entry; None where there is no such entry, or it decided nothing."""
    row = connection.execute(_decisions().where(LOOKUP.c.entry_id == entry_id)).mappings().first()
    return None if row is None else _decision(EntryOpener(connection, keys), row)


def newest(
    connection: Connection, *, keys: LogKeys, last: int, page: int = PAGE
) -> Iterator[RecordedDecision]:
    """The last so many decisions, the newest first."""
    before: int | None = None
    while last > 0:
        query = _decisions().order_by(None).order_by(LOOKUP.c.log_index.desc())
        if before is not None:
            query = query.where(LOOKUP.c.log_index < before)
        rows = connection.execute(query.limit(min(page, last))).mappings().all()
        # A key is kept for a page, not for the log.
        opener = EntryOpener(connection, keys)
        yield from (_decision(opener, row) for row in rows)
        if len(rows) < page:
            return
        before, last = rows[-1]["log_index"], last - len(rows)


def _decisions() -> Select[tuple[object, ...]]:
    return rows_query().where(LOOKUP.c.operation == Operation.DISCLOSURE.value)


def _decision(opener: EntryOpener, row: RowMapping) -> RecordedDecision:
    entry = opener.open(row, hidden=())
    sections = entry.sections
    fields: Any = sections.get("fields") or {}
    released, withheld = fields.get("released", ()), fields.get("withheld", ())
    inputs = sections.get(INPUTS)
    return RecordedDecision(
        entry_id=entry.id,
        policy=_policy(entry),
        forms={
            **{one["field"]: one["form"] for one in released},
            **{one["field"]: WITHHELD_FORM for one in withheld},
        },
        reasons={one["field"]: one["reason"] for one in withheld},
        policies={one["field"]: tuple(one["policies"]) for one in released},
        inputs=inputs,
        missing=None if inputs is not None else entry.missing.get(PERSONAL, DAMAGED),
    )


def _policy(entry: OpenedEntry) -> str:
    """The digest in the leaf; empty where the leaf is altered, which verification names."""
    try:
        return str(orjson.loads(entry.leaf)["policy"])
    except (ValueError, KeyError, TypeError):
        return ""
