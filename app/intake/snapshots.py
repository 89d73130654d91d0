"""A full snapshot of a custodian's population: what arrived, what changed, who is gone.

A snapshot is looked at whole before anything of it is applied: one that turns an implausible
share of releases, or in which an implausible share is missing, is held, and nothing of it counts.
That somebody is missing is reported to the sender and is never taken for a release.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cases import references
from app.disclosure.disclose import decide_file
from app.files.store import StoredFile
from app.house import Act, House, Refusal, record
from app.outbox import feeds
from app.outbox.competence import FILE
from app.problems import Conflict, Forbidden
from app.releases.changes import ReleaseFacts
from app.releases.plausibility import turns

RELEASE = "release"
IDENTITY = "identity"
PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a snapshot says of the population: how many of it would turn, and who is missing.

    `held`: it was implausible, and nothing of it may be applied. `reviewed`: it was, and an
    officer has let it through.
    """

    turned: int
    missing: tuple[str, ...]
    held: bool
    reviewed: bool


def reconcile(
    connection: Connection,
    house: House,
    caller: Caller,
    lines: Mapping[str, Mapping[str, Any]],
    *,
    digest: str,
    at: datetime,
) -> Reconciled | Refusal:
    """Hold a snapshot against what stands.

    `lines` are sections by reference, `digest` is the SHA-256 of the bytes, hexadecimal.
    """
    try:
        feed = _feed_of(connection, house, caller, at=at)
    except (Conflict, Forbidden) as problem:
        _record(connection, house, caller, Outcome.REFUSED, {"reason": problem.slug}, at=at)
        return Refusal(problem)
    current = _current(connection, house, caller)
    turned = sum(turns(current[name], facts_of(lines[name])) for name in lines if name in current)
    missing = tuple(sorted(current.keys() - lines.keys()))
    limits = feeds.limits_of(feed)
    implausible = limits.exceeded(turned, len(current)) or limits.exceeded(
        len(missing), len(current)
    )
    reviewed = feed.approved_snapshot == digest
    held = implausible and not reviewed
    if held:
        feeds.hold(connection, caller.client_id, snapshot=digest, at=at)
    counts = {"lines": len(lines), "turned": turned, "missing": len(missing), "held": held}
    _record(connection, house, caller, Outcome.RECORDED, counts, at=at)
    return Reconciled(turned=turned, missing=missing, held=held, reviewed=reviewed)


def facts_of(sections: Mapping[str, Any]) -> ReleaseFacts:
    """What a line says of the release."""
    release = sections.get(RELEASE, {})
    planned = _value(release, "planned_release_date")
    actual = _value(release, "actual_release_datetime")
    return ReleaseFacts(
        planned_release_date=None if planned is None else date.fromisoformat(planned),
        actual_release_datetime=None if actual is None else datetime.fromisoformat(actual),
    )


def _feed_of(connection: Connection, house: House, caller: Caller, *, at: datetime) -> Row[Any]:
    """The feed of a caller who may open files, unless it is held. Forbidden, Conflict."""
    new = StoredFile(person_id="", custodian=caller.agency_id)
    decided = decide_file(connection, house, caller, None, at=at, file=new)
    if IDENTITY not in decided.decision.contribute:
        raise Forbidden("snapshots come from custodians")
    feed = feeds.seen(connection, caller.client_id, caller.agency_id, at=at)
    if feed.held_at is not None:
        raise Conflict("this feed is held: an officer has to decide before it goes on")
    return feed


def _value(section: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - by the field's type
    envelope = section.get(name)
    return None if envelope is None else envelope["value"]


def _current(connection: Connection, house: House, caller: Caller) -> dict[str, ReleaseFacts]:
    """Whoever is in this custodian's keeping, by its own references."""
    query = select(FILE.c.person_id, FILE.c.planned_release_date).where(
        FILE.c.custodian == caller.agency_id, FILE.c.actual_release_at.is_(None)
    )
    kept = {row.person_id: row.planned_release_date for row in connection.execute(query)}
    found: dict[str, ReleaseFacts] = {}
    after: str | None = None
    while page := references.listing(
        connection, ring=house.ring, agency_id=caller.agency_id, after=after, limit=PAGE
    ):
        for one in page:
            if one.person_id in kept:
                found[one.reference] = ReleaseFacts(planned_release_date=kept[one.person_id])
        after = page[-1].reference
    return found


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    outcome: Outcome,
    fields: dict[str, Any],
    *,
    at: datetime,
) -> None:
    act = Act(
        operation=Operation.COLLECTION,
        channel=Channel.IMPORT,
        outcome=outcome,
        fields={"fact": "snapshot", **fields},
    )
    record(connection, house, caller, act, at=at)
