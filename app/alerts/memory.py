"""What the rules remember between two looks: facts of a month, counts of a quarter, last alerts.

INVARIANT: everything that one look changes is written in one transaction with the position, which
is replaced only if it is the one that the look began at. So no entry is looked at twice or never.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update

from app.access_log.opened_entry import LOOKUP
from app.agencies.registry import AGENCY
from app.alerts.alert import Alert
from app.alerts.fact import Fact
from app.alerts.look import Last, Raised, day_bounds
from app.alerts.rules import LONGEST_PAST, LONGEST_WINDOW
from app.alerts.tables import AlertDay, AlertFact, AlertPosition, AlertRaised
from app.problems import Unavailable
from app.releases.profile import Profile
from app.rows import insert_new, table_of

POSITION = table_of(AlertPosition)
FACT = table_of(AlertFact)
DAY = table_of(AlertDay)
RAISED = table_of(AlertRaised)

THE_ONE = 1
# Far more than any rule needs to fire: a bound on what one look holds in memory.
MOST_FACTS = 20_000
# Rows that one look forgets at most: on SQLite everybody waits for the one writer.
FORGOTTEN_AT_ONCE = 2_000
WHOLE_AGENCY = ""

Days = Mapping[tuple[str, str, date], int]


class AlreadyLookedAt(Unavailable):
    """Somebody else looked at these entries meanwhile: this transaction must not commit."""


def position(connection: Connection) -> int:
    """The index from which on entries have not been looked at."""
    return connection.scalar(select(POSITION.c.next_index)) or 0


def advance(connection: Connection, *, start: int, stop: int) -> None:
    """Replace the position that a look began at. AlreadyLookedAt."""
    insert_new(connection, AlertPosition, position_id=THE_ONE, next_index=0)
    swapped = connection.execute(
        update(POSITION).where(POSITION.c.next_index == start).values(next_index=stop)
    )
    if swapped.rowcount != 1:
        raise AlreadyLookedAt("the log was looked at meanwhile")


def raised(connection: Connection) -> Raised:
    """The last alert of each rule about each actor."""
    rows = connection.execute(select(RAISED)).all()
    return {(row.rule_id, row.about): Last(row.until, row.last_count) for row in rows}


def remember(connection: Connection, facts: Sequence[Fact], days: Days) -> None:
    """Keep new facts and the counts of their days."""
    if facts:
        connection.execute(insert(FACT), [_row(fact) for fact in facts])
    for (agency, officer, day), persons in days.items():
        key = {"agency_id": agency, "officer_id": officer, "day": day}
        if not insert_new(connection, AlertDay, **key, persons=persons):
            _where(connection, DAY, key, {"persons": persons})


def remember_raised(connection: Connection, alert: Alert) -> None:
    """Keep when an alert was raised last."""
    rule_id, about = alert.key
    key = {"rule_id": rule_id, "about": about}
    values = {"until": alert.until, "last_count": alert.count}
    if not insert_new(connection, AlertRaised, **key, **values):
        _where(connection, RAISED, key, values)


def forget(connection: Connection, *, at: datetime, today: date) -> None:
    """Drop what no rule can look back to any more, the oldest first."""
    oldest = select(FACT.c.log_index).order_by(FACT.c.log_index).limit(FORGOTTEN_AT_ONCE)
    connection.execute(
        delete(FACT).where(FACT.c.log_index.in_(oldest), FACT.c.recorded_at < at - LONGEST_WINDOW)
    )
    connection.execute(delete(DAY).where(DAY.c.day < today - LONGEST_PAST))
    connection.execute(delete(RAISED).where(RAISED.c.until < at - LONGEST_WINDOW))


class Remembered:
    """The past of a batch, as the database has it, and the batch itself.

    `days` are the counts of the days that the batch has a part in, to be kept with it.
    """

    def __init__(self, connection: Connection, batch: Sequence[Fact], profile: Profile) -> None:
        self._connection = connection
        self._batch = batch
        self.days: Days = self._count(profile)

    def facts(
        self,
        agency: str,
        *,
        since: datetime,
        until: datetime,
        officer: str | None = None,
        case: str | None = None,
        refused: bool | None = None,
    ) -> Sequence[Fact]:
        """As `Past` says; the newest `MOST_FACTS` of them."""
        equal = {"officer_id": officer, "case_index": case, "refused": refused}
        query = (
            select(FACT, LOOKUP.c.purpose, LOOKUP.c.subject_index)
            .join_from(FACT, LOOKUP, FACT.c.log_index == LOOKUP.c.log_index)
            .where(
                FACT.c.agency_id == agency,
                FACT.c.recorded_at.between(since, until),
                *(FACT.c[name] == value for name, value in equal.items() if value is not None),
            )
            .order_by(FACT.c.log_index.desc())
            .limit(MOST_FACTS)
        )
        kept = [_fact(row) for row in self._connection.execute(query).mappings()]
        new = [
            one
            for one in self._batch
            if one.agency == agency
            and since <= one.at <= until
            and officer in (None, one.officer)
            and case in (None, one.case)
            and refused in (None, one.refused)
        ]
        return [*reversed(kept), *new]

    def persons(
        self, agency: str, officer: str | None, *, first: date, last: date
    ) -> Mapping[date, int]:
        """As `Past` says."""
        name = WHOLE_AGENCY if officer is None else officer
        query = select(DAY.c.day, DAY.c.persons).where(
            DAY.c.agency_id == agency, DAY.c.officer_id == name, DAY.c.day.between(first, last)
        )
        known = {row.day: row.persons for row in self._connection.execute(query)}
        new = {
            day: persons
            for (one, other, day), persons in self.days.items()
            if (one, other) == (agency, name) and first <= day <= last
        }
        return known | new

    def role(self, agency: str) -> str:
        """As `Past` says."""
        query = select(AGENCY.c.role).where(AGENCY.c.agency_id == agency)
        return self._connection.scalar(query) or ""

    def _count(self, profile: Profile) -> Days:
        """The days that the batch touches, counted with what was there before."""
        reads = [(profile.local_date(one.at), one) for one in self._batch if not one.refused]
        days: dict[tuple[str, str, date], int] = {}
        for agency, day in sorted({(one.agency, day) for day, one in reads}):
            new = [one for at, one in reads if (one.agency, at) == (agency, day)]
            pairs = {(one.officer, one.subject) for one in new if one.subject is not None}
            pairs |= self._read_on(agency, day, profile)
            persons = Counter(officer for officer, _ in pairs)
            days[agency, WHOLE_AGENCY, day] = len({subject for _, subject in pairs})
            days |= {
                (agency, officer, day): persons[officer] for officer in {o.officer for o in new}
            }
        return days

    def _read_on(self, agency: str, day: date, profile: Profile) -> set[tuple[str, str]]:
        """Which officers of an agency had read the file of whom on a day."""
        query = (
            select(FACT.c.officer_id, LOOKUP.c.subject_index)
            .join_from(FACT, LOOKUP, FACT.c.log_index == LOOKUP.c.log_index)
            .where(
                FACT.c.agency_id == agency,
                FACT.c.recorded_at.between(*day_bounds(day, profile)),
                FACT.c.refused.is_(False),
                LOOKUP.c.subject_index.is_not(None),
            )
            .distinct()
            .limit(MOST_FACTS)
        )
        return {(row.officer_id, row.subject_index) for row in self._connection.execute(query)}


def _where(
    connection: Connection,
    table: Table,
    key: Mapping[str, object],
    values: Mapping[str, object],
) -> None:
    conditions = [table.c[name] == value for name, value in key.items()]
    connection.execute(update(table).where(*conditions).values(**values))


def _row(fact: Fact) -> dict[str, object]:
    return {
        "log_index": fact.index,
        "recorded_at": fact.at,
        "agency_id": fact.agency,
        "officer_id": fact.officer,
        "refused": fact.refused,
        "known": fact.subject is not None,
        "case_index": fact.case,
        "emergency": fact.emergency,
    }


def _fact(row: RowMapping) -> Fact:
    # Who has been erased is somebody still, of whom nothing else is known.
    erased = f"erased {row['log_index']}" if row["known"] else None
    return Fact(
        index=row["log_index"],
        at=row["recorded_at"],
        agency=row["agency_id"],
        officer=row["officer_id"],
        refused=row["refused"],
        purpose=row["purpose"],
        subject=row["subject_index"] or erased,
        case=row["case_index"],
        emergency=row["emergency"],
    )
