"""Control messages at their attempt: they rest on the past receipt, and nothing is decided.

INVARIANT: no file is read here and no policy asked, so neither a consent that has ended nor a
file that does not open can keep a recall from whoever has to obey it. What goes out names what
was sent by its id, and says what to do with it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.crypto.sealing_keys import EncryptionKey
from app.house import Act, House, receipt_of, record
from app.notifications.envelope import MEDIA_TYPE, Message
from app.notifications.fresh_decision import Withdrawn, key_of, recipient_of
from app.outbox import take_backs
from app.releases.event_types import Kind
from app.releases.events import EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What one recipient is told to do with what it got; `key` seals the message."""

    caller: Caller
    key: EncryptionKey
    content: dict[str, Any]


def is_control(event: Row[Any]) -> bool:
    """Whether an event is a control message."""
    return EVENTS[event.event_type].kind is Kind.CONTROL


def rest_on_receipt(
    connection: Connection, delivery: Row[Any], event: Row[Any], subscription: Row[Any]
) -> Control:
    """The message of one delivery. Raises Withdrawn where nobody is there to take it."""
    row = take_backs.of_message(connection, delivery.jti)
    if row is None:
        raise Withdrawn("nothing-received")
    content = {
        "control": EVENTS[event.event_type].control or event.event_type,
        "priority": event.priority,
        "acknowledgement_hours": event.notice["acknowledgement_hours"],
        "concerns": row.notices,
        "reads": row.reads,
    }
    return Control(
        caller=recipient_of(connection, subscription), key=key_of(subscription), content=content
    )


def record_attempt(
    connection: Connection,
    house: House,
    control: Control,
    message: Message,
    sealed: str,
    *,
    channel: Channel,
    person_id: str,
    at: datetime,
) -> str:
    """The intent: what is about to leave, with no field of the file in it; and its receipt."""
    body = sealed.encode()
    act = Act(
        operation=Operation.DELIVERY,
        channel=channel,
        # What is polled leaves as the answer to whoever asked, like a read.
        outcome=Outcome.RELEASED if channel is Channel.INBOX else Outcome.ATTEMPTED,
        person_id=person_id,
        reference=message.reference,
        fields={"released": [], "withheld": [], "control": control.content["control"]},
        payload={
            "notification": message.jti,
            "media_type": MEDIA_TYPE,
            "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        },
    )
    appended = record(connection, house, control.caller, act, at=at)
    return receipt_of(house, appended, body, at=at)
