"""The decision at the moment of an attempt: who may be told, still, and what.

What is pushed is never more than the same client could read at this moment: registry,
competence, assignments, consents, policy and keys count as they are now.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.disclosed import disclosed
from app.agencies.tokens import Caller, Grant, identify
from app.cases import custody
from app.cases.custody import Custody
from app.crypto.errors import CryptoError
from app.crypto.sealing_keys import EncryptionKey
from app.disclosure.disclose import Decided, decide_file
from app.disclosure.project import Projection
from app.files.store import StoredFile
from app.house import House
from app.outbox import receipts, subscriptions
from app.outbox.competence import is_concerned
from app.problems import Unauthenticated
from app.releases.event_types import EventType, Holds
from app.releases.events import EVENTS
from app.releases.leaves import overdue_at

DEATH = "died_in_custody"
ANNOUNCEMENT = "release_planned"


class Withdrawn(Exception):
    """There is nothing that this recipient may be told any more. The text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What one recipient may be told of one event now.

    `pushed` is the decision with the projection cut to the event, `concerned` the notices
    that an event takes back or moves.
    """

    caller: Caller
    pushed: Decided
    concerned: list[str]

    @property
    def projection(self) -> Projection:
        """What of the recipient's view this event carries."""
        return self.pushed.projection


def decide_anew(
    connection: Connection,
    house: House,
    delivery: Row[Any],
    event: Row[Any],
    subscription: Row[Any],
    *,
    at: datetime,
) -> Fresh:
    """Decide about one delivery as things are now. Raises Withdrawn, DecisionFailed."""
    caller = recipient_of(connection, subscription)
    _require_newest(connection, delivery, event)
    decided = decide_file(connection, house, caller, delivery.person_id, at=at)
    concerned = _concerned(connection, delivery, event)
    projection = _of_event(decided.projection, event, event.notice["sections"])
    beside = {*EVENTS[event.event_type].if_unheard}
    if beside and concerned and not projection.empty:
        # Whoever may never have heard what is changed hears it with the change.
        beside &= _unheard(connection, house, caller, decided.file, concerned, at=at)
        projection = _of_event(decided.projection, event, beside | {*event.notice["sections"]})
    if not (concerned and EVENTS[event.event_type].bare):
        state = custody.of(connection, delivery.person_id, ring=house.ring)
        _require_place(connection, caller, delivery.person_id)
        _require_open(connection, event)
        _require_true(house, EVENTS[event.event_type], decided.file, state, at=at)
        _require_something(event, projection)
    return Fresh(
        caller=caller,
        pushed=replace(decided, projection=projection),
        concerned=concerned,
    )


def recipient_of(connection: Connection, subscription: Row[Any]) -> Caller:
    """The subscriber as a caller of this moment. Raises Withdrawn."""
    grant = Grant(
        client_id=subscription.client_id,
        officer_id=subscription.officer_id,
        purpose=subscription.purpose,
        legal_basis=subscription.legal_basis,
        case=None,
        token_id="",
    )
    if subscription.status != subscriptions.ACTIVE:
        raise Withdrawn("recipient-not-active")
    try:
        return identify(connection, grant)
    except Unauthenticated as error:
        raise Withdrawn("recipient-not-active") from error


def _require_newest(connection: Connection, delivery: Row[Any], event: Row[Any]) -> None:
    """No newer date waits behind it. One that may have arrived is not taken out of the order."""
    newer = EVENTS[event.event_type].superseded_by
    if receipts.is_superseded(connection, delivery, by=newer):
        raise Withdrawn("superseded")


def key_of(subscription: Row[Any]) -> EncryptionKey:
    """What a message to a subscriber is sealed to. Raises Withdrawn."""
    try:
        return EncryptionKey.from_jwk(subscription.encryption_jwk)
    except CryptoError as error:
        raise Withdrawn("no-usable-key") from error


def _concerned(connection: Connection, delivery: Row[Any], event: Row[Any]) -> list[str]:
    """For an event that rests on the past receipt, the notices sent before.

    Who was told of a date must learn that it changed, also when nothing else may be told.
    """
    if not event.notice["only_those_told"]:
        return []
    return receipts.of_event(connection, event, subscription_id=delivery.subscription_id)


def _unheard(
    connection: Connection,
    house: House,
    caller: Caller,
    file: StoredFile,
    concerned: Collection[str],
    *,
    at: datetime,
) -> frozenset[str]:
    """The sections of these notices that the recipient has in none which is known to have arrived.

    One that was tried is cancelled when nothing of it may be told any more, and its milestone is
    over then: if the date comes near again, nobody announces it anew. None where it could not be
    announced now: the change goes to them all the same, and what it changes does not.
    """
    arrived, tried = receipts.arrival(connection, concerned)
    if not tried:
        return tried
    state = custody.of(connection, file.person_id, ring=house.ring)
    try:
        _require_place(connection, caller, file.person_id)
        _require_true(house, EVENTS[ANNOUNCEMENT], file, state, at=at)
    except Withdrawn:
        return frozenset()
    if not arrived:
        return tried
    # What an attempt carried stands in the log alone; of several the last one counts.
    keys = house.log_keys()
    received = disclosed(
        connection,
        keys.subject_index(file.person_id),
        keys=keys,
        agency_id=caller.agency_id,
    )
    carried = {one.notification: one.fields or () for one in received}
    heard = {path.partition(".")[0] for jti in arrived for path in carried.get(jti, ())}
    return tried - heard


# What an event without a past receipt needs, at each attempt anew.


def _require_place(connection: Connection, caller: Caller, person_id: str) -> None:
    """The recipient is competent where the person will be, or has the case, still."""
    if not is_concerned(connection, agency_id=caller.agency_id, person_id=person_id):
        raise Withdrawn("no-longer-concerned")


def _require_open(connection: Connection, event: Row[Any]) -> None:
    """What it tells of did not end since: somebody who flees anew has been found before.

    The end of the next flight, or of the next release, goes to those who were told of that one.
    """
    if receipts.is_over(connection, event):
        raise Withdrawn("no-longer-true")


def _require_true(
    house: House, event: EventType, file: StoredFile, state: Custody, *, at: datetime
) -> None:
    """What it says still holds: what took it back goes to those who were told."""
    dead = state.died and event.name != DEATH
    if dead or not _holds(house, event.holds, file, state, at=at):
        raise Withdrawn("no-longer-true")


def _holds(house: House, what: Holds, file: StoredFile, state: Custody, *, at: datetime) -> bool:
    left = file.actual_release_datetime is not None
    grace = house.profile.leave_grace_hours
    match what:
        case Holds.ALWAYS:
            return True
        case Holds.RELEASE_IN_VIEW:
            return left or file.planned_release_date is not None
        case Holds.LEFT:
            return left
        case Holds.LEAVE_GRANTED:
            return file.leave_end is not None and at < overdue_at(file.leave_end, grace_hours=grace)
        case Holds.AT_LARGE:
            return state.is_at_large(at=at, grace_hours=grace)


def _require_something(event: Row[Any], projection: Projection) -> None:
    """The recipient may have something of what the event tells.

    Its name and its milestones tell of it by themselves: of what the name speaks of, the
    recipient has to be allowed something, and some other section is not enough.
    """
    tells = EVENTS[event.event_type].tells or event.notice["sections"]
    if not any(_has(projection, part) for part in tells):
        raise Withdrawn("nothing-permitted")


def _has(projection: Projection, part: str) -> bool:
    section, _, name = part.partition(".")
    fields = projection.released.get(section, {})
    return name in fields if name else bool(fields)


def _of_event(projection: Projection, event: Row[Any], sections: Collection[str]) -> Projection:
    """What of these sections of the recipient's view an event carries: all, or its fields."""
    only = event.notice.get("fields")
    released = {
        section: {
            name: value
            for name, value in projection.released[section].items()
            if only is None or f"{section}.{name}" in only
        }
        for section in projection.released
        if section in sections
    }
    kept = {section: fields for section, fields in released.items() if fields}
    return Projection(kept, projection.withheld)
