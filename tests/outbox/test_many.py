"""Many subscribers: an event costs as much for all of them as for one.

`THROUGHCARE_TEST_SUBSCRIBERS` says how many.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, Table, event, insert

from app.agencies.registry import AGENCY, CLIENT, COMPETENCE
from app.outbox import deliveries
from app.outbox.deliveries import QUEUED, SENT
from app.outbox.milestones import MILESTONE, PLANNED
from app.outbox.planning import tell_due
from app.outbox.subscriptions import SUBSCRIPTION
from tests.outbox.conftest import Office

SUBSCRIBERS = int(os.environ.get("THROUGHCARE_TEST_SUBSCRIBERS", "200"))
AT_ONCE = 64


def multiply(connection: Connection, table: Table, times: int) -> None:
    """The rows of the agency `probation`, once for each of so many others."""
    [row] = connection.execute(table.select().where(table.c.agency_id == "probation")).mappings()
    names = [column.name for column in table.columns if isinstance(row[column], str)]
    rows = [
        dict(row)
        | {name: row[name].replace("probation-", f"{n}-") for name in names if name != "role"}
        | {"agency_id": f"probation{n}"}
        for n in range(times)
    ]
    connection.execute(insert(table), rows)


@contextmanager
def statements(connection: Connection) -> Iterator[list[str]]:
    """What is asked of the database until the block ends."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement)

    event.listen(connection.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(connection.engine, "before_cursor_execute", note)


def fall_due(office: Office, person: str) -> None:
    """A person of whom a milestone is due now."""
    release = office.at.date() + timedelta(days=90)
    office.person(person, release=release)
    due = {"person_id": person, "release_date": release, "name": "T-90", "due_at": office.at}
    office.connection.execute(insert(MILESTONE), [due | {"status": PLANNED}])


def tell(office: Office) -> list[str]:
    """Have what is due become deliveries; what that took."""
    with statements(office.connection) as asked:
        tell_due(office.connection, office.planner, at=office.at, limit=9)
    return asked


def test_an_event_costs_as_many_statements_for_all_as_for_one(office: Office) -> None:
    office.subscriber("probation", "probation_service")
    fall_due(office, "first")
    for_one = tell(office)
    [row] = office.claim()
    deliveries.finish(office.connection, row.jti, lease="lease", status=SENT)
    for table in (AGENCY, COMPETENCE, CLIENT, SUBSCRIPTION):
        multiply(office.connection, table, SUBSCRIBERS - 1)
    fall_due(office, "second")
    for_all = tell(office)
    assert for_all == for_one
    assert Counter(row.status for row in office.rows()) == {SENT: 1, QUEUED: SUBSCRIBERS}
    claimed: list[str] = []
    with statements(office.connection) as asked:
        while rows := office.claim(limit=AT_ONCE):
            claimed += [row.subscription_id for row in rows]
    assert len(claimed) == len({*claimed}) == SUBSCRIBERS
    # Four for each claim, the last of which finds nothing.
    assert len(asked) <= 4 * (SUBSCRIBERS // AT_ONCE + 2)
