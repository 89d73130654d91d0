"""Recorded decisions are found with their inputs, the newest first, whatever has become of some."""

import pytest
from sqlalchemy import Connection, delete, event, update

from app.access_log import ledger
from app.access_log.decisions import RecordedDecision, find, newest
from app.access_log.opened_entry import DAMAGED, ENTRY, ERASED
from app.access_log.sealing import LogKeys
from app.access_log.tables import AccessLogPersonKey
from app.access_log.vocabulary import Operation
from app.rows import table_of
from tests.access_log.conftest import Record

FIELDS = {
    "released": [{"field": "identity.full_name", "form": "full", "policies": ["P", "Q"]}],
    "withheld": [{"field": "sentence.offence_category", "reason": "not_for_this_role"}],
}


@pytest.fixture
def recorded(connection: Connection, record: Record) -> list[str]:
    """The ids of five decisions, with entries of other kinds between them."""
    ids = []
    for number in range(5):
        record(connection, number, operation=Operation.CONSULTATION)
        ids.append(record(connection, number, fields=FIELDS, inputs={"version": number}).id)
    ledger.integrate(connection)
    return ids


def last(
    connection: Connection, keys: LogKeys, count: int, page: int = 2
) -> list[RecordedDecision]:
    return list(newest(connection, keys=keys, last=count, page=page))


def test_a_decision_is_found_with_what_it_was_made_from(
    connection: Connection, recorded: list[str], log_keys: LogKeys
) -> None:
    found = find(connection, recorded[3], keys=log_keys)
    assert found == RecordedDecision(
        entry_id=recorded[3],
        policy="sha256:0",
        forms={"identity.full_name": "full", "sentence.offence_category": "none"},
        reasons={"sentence.offence_category": "not_for_this_role"},
        policies={"identity.full_name": ("P", "Q")},
        inputs={"version": 3},
        missing=None,
    )
    assert "'version'" not in repr(found)


def test_nothing_is_found_where_nothing_was_decided(
    connection: Connection, record: Record, log_keys: LogKeys
) -> None:
    listed = record(connection, operation=Operation.CONSULTATION)
    ledger.integrate(connection)
    assert find(connection, listed.id, keys=log_keys) is None
    assert find(connection, "0" * 32, keys=log_keys) is None


@pytest.mark.parametrize("page", [1, 2, 5, 100])
@pytest.mark.parametrize("count", [1, 2, 4, 5, 6])
def test_the_last_ones_come_the_newest_first_in_pages_of_any_length(
    connection: Connection, recorded: list[str], log_keys: LogKeys, count: int, page: int
) -> None:
    found = last(connection, log_keys, count, page)
    assert [one.entry_id for one in found] == recorded[::-1][:count]


def test_no_more_than_a_page_is_read_ahead(
    connection: Connection, recorded: list[str], log_keys: LogKeys
) -> None:
    statements = []
    event.listen(
        connection, "before_cursor_execute", lambda *call: statements.append(call[2]), named=False
    )
    pages = newest(connection, keys=log_keys, last=5, page=2)
    assert next(pages).entry_id == recorded[4]
    queries = [one for one in statements if "access_log_lookup" in one]
    assert len(queries) == 1
    assert "LIMIT" in queries[0]


def test_what_was_erased_or_is_damaged_says_so(
    connection: Connection, recorded: list[str], log_keys: LogKeys
) -> None:
    erased = update(ENTRY).where(ENTRY.c.entry_id == recorded[1]).values(personal=None)
    connection.execute(erased)
    connection.execute(delete(ENTRY).where(ENTRY.c.entry_id == recorded[2]))
    found = {one.entry_id: one for one in last(connection, log_keys, 5)}
    assert [found[id_].missing for id_ in recorded] == [None, ERASED, DAMAGED, None, None]
    assert found[recorded[1]].inputs is None
    assert found[recorded[1]].policy == "sha256:0"
    assert (found[recorded[2]].policy, found[recorded[2]].forms) == ("", {})
    connection.execute(delete(table_of(AccessLogPersonKey)))
    assert {one.missing for one in last(connection, log_keys, 5)} == {ERASED, DAMAGED}
