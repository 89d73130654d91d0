"""Exports of the log: asked for, looked after, fetched and deleted by the auditor who made them.

Each export and each fetch of its content is an entry before anything leaves.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log import checkpoints, erasure, kept_exports, query
from app.access_log.kept_exports import NewExport, State
from app.access_log.query import EntryFilter
from app.agencies.tokens import Caller
from app.audit.read_log import permit_and_record
from app.house import House, Refusal
from app.problems import Conflict, NotFound

NO_SUCH_EXPORT = "there is no such export of yours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an export is about to hold: rows of the log as it was at its newest checkpoint."""

    format: str
    filters: EntryFilter
    tree_size: int
    total: int


def measure(connection: Connection, export_format: str, filters: EntryFilter) -> Measured:
    """Count what is asked for; Conflict where the log has no signed checkpoint yet."""
    signed = checkpoints.latest(connection)
    if signed is None:
        raise Conflict("the log has no signed checkpoint yet")
    size = signed.checkpoint.size
    total = query.count_rows(connection, filters, tree_size=size)
    return Measured(format=export_format, filters=filters, tree_size=size, total=total)


def ask(
    connection: Connection,
    house: House,
    caller: Caller,
    measured: Measured,
    *,
    at_once: bool,
    at: datetime,
) -> Row[Any] | Refusal:
    """Keep what an auditor asks for; Conflict where it has too many already.

    `at_once`: it is claimed for whoever asks here, who then writes it. What was erased is
    explained by the entry of the erasure alone, so that must be within what is exported.
    """
    if erasure.is_unsigned(connection, measured.tree_size):
        raise Conflict("no checkpoint covers the latest erasure yet; ask again in a second")
    export_id, stated = house.new_id(), measured.filters.stated()
    refusal = permit_and_record(
        connection,
        house,
        caller,
        asked={"export": export_id, "format": measured.format, "filters": stated},
        answered={"tree_size": measured.tree_size, "rows": measured.total},
        at=at,
    )
    if refusal is not None:
        return refusal
    new = NewExport(
        export_id=export_id,
        client_id=caller.client_id,
        format=measured.format,
        filters=json.dumps(stated),
        tree_size=measured.tree_size,
        total=measured.total,
    )
    kept_exports.keep(connection, new, keys=house.log_keys(), random=house.random, at=at)
    if at_once:
        kept_exports.claim(connection, export_id, random=house.random, at=at)
    return own(connection, caller.client_id, export_id, at=at)


def own(connection: Connection, client_id: str, export_id: str, *, at: datetime) -> Row[Any]:
    """An export of this client's; NotFound for another's as for none."""
    row = kept_exports.find(connection, export_id, client_id=client_id, at=at)
    if row is None:
        raise NotFound(NO_SUCH_EXPORT)
    return row


def fetch(
    connection: Connection, house: House, caller: Caller, export_id: str, *, at: datetime
) -> Row[Any] | Refusal:
    """Record that the content of an export is about to leave; Conflict where it is not complete."""
    row = kept_exports.find(connection, export_id, client_id=caller.client_id, at=at)
    complete = row is not None and row.state == State.FINISHED
    answered: dict[str, Any] = {}
    if row is not None and complete:
        answered = {"length": row.length, "sha256": row.sha256, "rows": row.entries}
    refusal = permit_and_record(
        connection, house, caller, asked={"content": export_id}, answered=answered, at=at
    )
    if refusal is not None:
        return refusal
    if row is None:
        return Refusal(NotFound(NO_SUCH_EXPORT))
    return row if complete else Refusal(Conflict(f"the export is {row.state}, not finished"))


def forget(
    connection: Connection, house: House, caller: Caller, export_id: str, *, at: datetime
) -> Refusal | None:
    """Delete an export, finished or not."""
    row = kept_exports.find(connection, export_id, client_id=caller.client_id, at=at)
    refusal = permit_and_record(
        connection, house, caller, asked={"deleted": export_id}, answered={}, at=at
    )
    if refusal is not None:
        return refusal
    if row is None:
        return Refusal(NotFound(NO_SUCH_EXPORT))
    kept_exports.forget(connection, export_id)
    return None
