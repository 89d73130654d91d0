"""What a recipient may see of the entry about its own disclosure: enough to hold it to its receipt.

An entry that names another recipient, another person or other fields than were disclosed shows
here: each section that is opened must fit the leaf, and the leaf the receipt.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log.opened_entry import INPUTS, LOOKUP, EntryOpener, rows_query
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.house import Act, House, Refusal, record
from app.problems import NotFound

NO_SUCH_DISCLOSURE = "no disclosure to you stands in the log under this id"
# Never `subject`: the exchange's own id would join what two agencies know of one person.
OPENED = ("circumstances", "actor", "reference", "grounds", "fields", "payload")


def openings(
    connection: Connection, house: House, caller: Caller, entry_id: str, *, at: datetime
) -> dict[str, Any] | Refusal:
    """Leaf and openings of an entry that this client caused; NotFound for every other one.

    Either is an entry itself.
    """
    query = rows_query().where(
        LOOKUP.c.entry_id == entry_id,
        LOOKUP.c.agency_id == caller.agency_id,
        LOOKUP.c.client_id == caller.client_id,
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        _record(connection, house, caller, entry_id, None, NotFound(NO_SUCH_DISCLOSURE), at=at)
        return Refusal(NotFound(NO_SUCH_DISCLOSURE))
    opened = EntryOpener(connection, house.log_keys()).open(row, hidden=[INPUTS])
    shown: Mapping[str, Any] = {
        name: opened.openings[name].to_json() for name in OPENED if name in opened.openings
    }
    person_id = opened.sections.get("subject", {}).get("person")
    _record(connection, house, caller, entry_id, person_id, None, at=at)
    return {"entry": entry_id, "leaf": opened.leaf.decode(), "openings": shown}


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    entry_id: str,
    person_id: Any,  # noqa: ANN401 - JSON of the log: a text, or nothing after an erasure
    problem: NotFound | None,
    *,
    at: datetime,
) -> None:
    said = {} if problem is None else {"reason": problem.slug}
    act = Act(
        operation=Operation.LOG_READ,
        channel=Channel.READ,
        outcome=Outcome.RELEASED if problem is None else Outcome.REFUSED,
        person_id=person_id,
        fields={"entry": entry_id, **said},
    )
    record(connection, house, caller, act, at=at)
