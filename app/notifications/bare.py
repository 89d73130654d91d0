"""Messages without a field of the file: control messages, and what is told to overseers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log.canonical_json import Json
from app.access_log.ledger import AppendedEntry
from app.access_log.vocabulary import Operation
from app.agencies.tokens import Caller
from app.house import Act, House, record
from app.notifications.attempts import Leaving


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """What one recipient is told; `on_record` says in the log which it is.

    `reference` stands for the person where the recipient has no reference of its own.
    """

    caller: Caller
    content: dict[str, Any]
    on_record: Mapping[str, Json]
    reference: str | None = None


def record_bare_attempt(
    connection: Connection,
    house: House,
    bare: Bare,
    leaving: Leaving,
    *,
    person_id: str,
    at: datetime,
) -> AppendedEntry:
    """The intent: what is about to leave, with no field of the file in it."""
    act = Act(
        operation=Operation.DELIVERY,
        channel=leaving.channel,
        outcome=leaving.outcome,
        person_id=person_id,
        reference=leaving.message.reference,
        fields={"released": [], "withheld": [], **bare.on_record},
        payload={
            "notification": leaving.message.jti,
            "media_type": leaving.media_type,
            "length": len(leaving.body),
            "sha256": hashlib.sha256(leaving.body).hexdigest(),
        },
    )
    return record(connection, house, bare.caller, act, at=at)
