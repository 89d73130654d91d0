"""Holds a row of activation against the entry of the access log that it names.

The sections of an entry are sealed with keys that the database does not have: whoever can only
write to the database can neither make such an entry nor change what one says.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, literal, select

from app.access_log.canonical_json import JsonObject
from app.access_log.opened_entry import ENTRY, EntryOpener
from app.access_log.sealing import LogKeys
from app.problems import ThroughcareError


class NotBorneOut(ThroughcareError):
    """The database says something that signatures or the access log do not bear out."""

    title = "The policy in the database is not borne out"
    slug = "policy-not-borne-out"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The access log, to be asked what an entry says."""

    connection: Connection
    keys: LogKeys

    def require(self, entry_id: str, fact: JsonObject, *, what: str) -> None:
        """The entry says exactly this.

        Raises:
            NotBorneOut: there is no such entry, it does not open, or it says something else.
        """
        if self._fields(entry_id) != fact:
            raise NotBorneOut(f"{what}: the access log does not say so")

    def _fields(self, entry_id: str) -> JsonObject | None:
        # An entry that waits for its index counts too: it stands in the same transaction.
        query = select(
            ENTRY, literal(0).label("log_index"), literal(None).label("subject_index")
        ).where(ENTRY.c.entry_id == entry_id)
        row = self.connection.execute(query).mappings().first()
        if row is None:
            return None
        return EntryOpener(self.connection, self.keys).open(row).sections.get("fields")
