"""Control messages at their attempt: they rest on the past receipt, and nothing is decided.

INVARIANT: no file is read here and no policy asked, so neither a consent that has ended nor a
file that does not open can keep a recall from whoever has to obey it. What goes out names what
was sent by its id, and says what to do with it.
"""

from typing import Any

from sqlalchemy import Connection, Row

from app.notifications.bare import Bare
from app.notifications.fresh_decision import Withdrawn, recipient_of
from app.outbox import take_backs
from app.releases.event_types import Kind
from app.releases.events import EVENTS


def is_control(event: Row[Any]) -> bool:
    """Whether an event is a control message."""
    return EVENTS[event.event_type].kind is Kind.CONTROL


def rest_on_receipt(
    connection: Connection, delivery: Row[Any], event: Row[Any], subscription: Row[Any]
) -> Bare:
    """The message of one delivery. Raises Withdrawn where nobody is there to take it."""
    row = take_backs.of_message(connection, delivery.jti)
    if row is None:
        raise Withdrawn("nothing-received")
    control = EVENTS[event.event_type].control or event.event_type
    content = {
        "control": control,
        "priority": event.priority,
        "acknowledgement_hours": event.notice["acknowledgement_hours"],
        "concerns": row.notices,
        "reads": row.reads,
    }
    return Bare(
        caller=recipient_of(connection, subscription),
        content=content,
        on_record={"control": control},
    )
