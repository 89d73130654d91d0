"""Messages without a field of the file: control messages, and what is told to overseers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log.canonical_json import Json
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.crypto.sealing_keys import EncryptionKey
from app.house import Act, House, receipt_of, record
from app.notifications.envelope import MEDIA_TYPE, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """What one recipient is told; `key` seals the message, `on_record` says in the log which it is.

    `reference` stands for the person where the recipient has no reference of its own.
    """

    caller: Caller
    key: EncryptionKey
    content: dict[str, Any]
    on_record: Mapping[str, Json]
    reference: str | None = None


def record_bare_attempt(
    connection: Connection,
    house: House,
    bare: Bare,
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
        fields={"released": [], "withheld": [], **bare.on_record},
        payload={
            "notification": message.jti,
            "media_type": MEDIA_TYPE,
            "length": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        },
    )
    appended = record(connection, house, bare.caller, act, at=at)
    return receipt_of(house, appended, body, at=at)
