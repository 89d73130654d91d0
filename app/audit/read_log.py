"""Queries and exports of the access log. Whoever may read it is decided by the same policy.

Reading runs on a snapshot, away from the writer; only then is the read recorded, and what
was read leaves after that is committed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log import checkpoints, erasure, ledger, query
from app.access_log.export import export
from app.access_log.opened_entry import OpenedEntry
from app.access_log.query import EntryFilter
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.house import Act, House, Refusal, record
from app.policy.errors import DecisionFailed
from app.policy.request import Request
from app.problems import Conflict, Forbidden, ThroughcareError


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Entries of the log as it was at `tree_size`; `next` is the index to go on after."""

    entries: tuple[OpenedEntry, ...]
    tree_size: int
    next: int | None

    @property
    def searched_to(self) -> int:
        """Entries before this index were looked at."""
        return self.tree_size if self.next is None else self.next + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What an auditor asks: which entries, and which page of them."""

    filters: EntryFilter
    after: int | None
    limit: int
    tree_size: int | None


def search(connection: Connection, house: House, asked: Search) -> Page:
    """One page of the entries that match, as the log was at one size."""
    size = ledger.read_head(connection).size
    tree_size = size if asked.tree_size is None else min(asked.tree_size, size)
    found = query.find(
        connection,
        asked.filters,
        keys=house.log_keys(),
        limit=asked.limit,
        tree_size=tree_size,
        after_index=asked.after,
    )
    return Page(entries=found.entries, tree_size=tree_size, next=found.next)


def whole_log(connection: Connection, house: House) -> bytes:
    """The export of the log up to its newest signed checkpoint: lines of JSON."""
    signed = checkpoints.latest(connection)
    if signed is None:
        raise Conflict("the log has no signed checkpoint yet")
    if erasure.is_unsigned(connection, signed.checkpoint.size):
        raise Conflict("no checkpoint covers the latest erasure yet; ask again in a second")
    return b"".join(export(connection, signed, keys=house.log_keys()))


def permit_and_record(
    connection: Connection,
    house: House,
    caller: Caller,
    *,
    asked: dict[str, Any],
    answered: dict[str, Any],
    at: datetime,
) -> Refusal | None:
    """Write the entry of an auditor's read, or of its refusal.

    `asked` and `answered` describe query and answer; no field value is in either.
    """
    problem = objection(house, caller, at=at)
    permitted = problem is None
    act = Act(
        operation=Operation.LOG_READ,
        channel=Channel.AUDIT,
        outcome=Outcome.RELEASED if permitted else Outcome.REFUSED,
        fields=asked,
        payload=answered if permitted else None,
    )
    record(connection, house, caller, act, at=at)
    return None if problem is None else Refusal(problem)


def may_read(house: House, caller: Caller, *, at: datetime) -> bool:
    """Whether the policy lets this caller read the log; not where it cannot be decided."""
    return objection(house, caller, at=at) is None


def objection(house: House, caller: Caller, *, at: datetime) -> ThroughcareError | None:
    """Why this caller may not read the log: Forbidden, or DecisionFailed; None where it may."""
    request = Request(
        role=caller.role,
        agency=caller.agency_id,
        client=caller.client_id,
        purpose=caller.purpose,
        custodian="",
        officer_assurance=caller.assurance,
    )
    try:
        decision = house.bundle.decide(request, at=house.legal_date(at))
    except DecisionFailed as failure:
        return failure
    permitted = decision.may_read_access_log
    return None if permitted else Forbidden("the access log is for its auditors")
