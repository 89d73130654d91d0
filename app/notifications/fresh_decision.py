"""The decision at the moment of an attempt: who may be told, still, and what.

What is pushed is never more than the same client could read at this moment: registry,
competence, assignments, consents, policy and keys count as they are now.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.agencies.tokens import Caller, Grant, identify
from app.crypto.errors import CryptoError
from app.crypto.sealing_keys import EncryptionKey
from app.disclosure.disclose import Decided, decide_file
from app.disclosure.project import Projection
from app.files.store import StoredFile
from app.house import House
from app.outbox import receipts, subscriptions
from app.outbox.events import is_concerned
from app.problems import Unauthenticated
from app.releases.events import EVENTS

# The event that says that somebody has left, and the section that tells of a release.
RELEASED = "released"
RELEASE = "release"


class Withdrawn(Exception):
    """There is nothing that this recipient may be told any more. The text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What one recipient may be told of one event now.

    `pushed` is the decision with the projection cut to the event, `concerned` the notices
    that an event takes back or moves, `key` what the message is sealed to.
    """

    caller: Caller
    pushed: Decided
    concerned: list[str]
    key: EncryptionKey

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
    caller = _recipient(connection, subscription)
    _require_newest(connection, delivery, event)
    decided = decide_file(connection, house, caller, delivery.person_id, at=at)
    projection = _of_event(decided.projection, event.notice["sections"])
    concerned = _concerned(connection, delivery, event)
    if not concerned:
        _require_place(connection, caller, delivery)
        _require_true(event, decided.file)
        _require_something(event, projection)
    return Fresh(
        caller=caller,
        pushed=replace(decided, projection=projection),
        concerned=concerned,
        key=_encryption_key(subscription),
    )


def _recipient(connection: Connection, subscription: Row[Any]) -> Caller:
    """The subscriber as a caller of this moment."""
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


def _encryption_key(subscription: Row[Any]) -> EncryptionKey:
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


# What an event without a past receipt needs, at each attempt anew.


def _require_place(connection: Connection, caller: Caller, delivery: Row[Any]) -> None:
    """The recipient is competent where the person will be, or has the case, still."""
    if not is_concerned(connection, agency_id=caller.agency_id, person_id=delivery.person_id):
        raise Withdrawn("no-longer-concerned")


def _require_true(event: Row[Any], file: StoredFile) -> None:
    """What it says still holds: what took it back goes to those who were told."""
    left = file.actual_release_datetime is not None
    planned = file.planned_release_date is not None
    holds = left if event.event_type == RELEASED else left or planned
    if not holds:
        raise Withdrawn("no-longer-true")


def _require_something(event: Row[Any], projection: Projection) -> None:
    """The recipient may have something of what the event tells.

    Its name and its milestones tell of the release by themselves: where it carries that
    section, having some other one is not enough.
    """
    telling = projection.released
    if RELEASE in event.notice["sections"]:
        telling = telling.get(RELEASE, {})
    if not telling:
        raise Withdrawn("nothing-permitted")


def _of_event(projection: Projection, sections: list[str]) -> Projection:
    """What of the recipient's view an event carries."""
    released = {name: projection.released[name] for name in sections if name in projection.released}
    return Projection(released, projection.withheld)
