"""What a recipient may see of the entry about its own disclosure: enough to hold it to its receipt.

An entry that names another recipient, another person or other fields than were disclosed shows
here: each section that is opened must fit the leaf, and the leaf the receipt.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from app.access_log.opened_entry import INPUTS, LOOKUP, EntryOpener, rows_query
from app.agencies.tokens import Caller
from app.house import House
from app.problems import NotFound

# Never `subject`: the exchange's own id would join what two agencies know of one person.
OPENED = ("circumstances", "actor", "reference", "grounds", "fields", "payload")


def openings(connection: Connection, house: House, caller: Caller, entry_id: str) -> dict[str, Any]:
    """Leaf and openings of an entry that this client caused; NotFound for every other one."""
    query = rows_query().where(
        LOOKUP.c.entry_id == entry_id,
        LOOKUP.c.agency_id == caller.agency_id,
        LOOKUP.c.client_id == caller.client_id,
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound("no disclosure to you stands in the log under this id")
    opened = EntryOpener(connection, house.log_keys()).open(row, hidden=[INPUTS])
    shown: Mapping[str, Any] = {
        name: opened.openings[name].to_json() for name in OPENED if name in opened.openings
    }
    return {"entry": entry_id, "leaf": opened.leaf.decode(), "openings": shown}
