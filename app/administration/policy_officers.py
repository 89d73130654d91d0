"""Who may sign for a policy bundle. Each change is on record, with the key."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log.canonical_json import JsonObject
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.activation import officers
from app.administration.registry import OPERATOR
from app.house import Act, House, record


def register_policy_officer(
    connection: Connection, house: House, officer_id: str, jwk: Mapping[str, Any], *, at: datetime
) -> None:
    """Register a policy officer with the public part of a key that is nobody else's."""
    key = officers.public_key(jwk)
    entry_id = _record(connection, house, officers.fact(officer_id, key), at=at)
    officers.add(connection, officer_id, key, entry_id=entry_id, at=at)


def end_policy_officer(
    connection: Connection, house: House, officer_id: str, *, at: datetime
) -> None:
    """From now on this officer's word counts no more; what was signed and took effect stands."""
    officers.end(connection, officer_id, at=at)
    _record(connection, house, {"fact": officers.ENDED, "id": officer_id}, at=at)


def _record(connection: Connection, house: House, fact: JsonObject, *, at: datetime) -> str:
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields=fact,
    )
    return record(connection, house, OPERATOR, act, at=at).id
