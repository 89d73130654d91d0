from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, delete, update

from app.access_log import ledger, query
from app.access_log.entry import Actor, Grounds
from app.access_log.export import entry_line
from app.access_log.ledger import ENTRY, LOOKUP, AppendedEntry
from app.access_log.opened_entry import DAMAGED, ERASED, OpenedEntry
from app.access_log.person_keys import PERSON_KEY
from app.access_log.query import EntryFilter, entries
from app.access_log.sealing import PERSONAL, RETAINED, LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome

Record = Callable[..., AppendedEntry]
Find = Callable[..., list[OpenedEntry]]
SIZE = 6


@pytest.fixture
def find(connection: Connection, log_keys: LogKeys) -> Find:
    def find(filters: EntryFilter | None = None, **page: int | None) -> list[OpenedEntry]:
        pinned = {"limit": 100, "tree_size": SIZE, "after_index": None} | page
        return entries(connection, filters or EntryFilter(), keys=log_keys, **pinned)  # type: ignore[arg-type]  # a page's own numbers

    return find


@pytest.fixture(autouse=True)
def log(connection: Connection, record: Record, at: datetime) -> None:
    """Six entries, a minute apart, each of which differs from entry 0 in one thing."""
    changes: list[dict[str, object]] = [
        {},
        {"actor": Actor(agency="agency-2", client="client-2", officer="officer-x")},
        {"grounds": Grounds(purpose="other_purpose", legal_basis="basis-2")},
        {"operation": Operation.CONSULTATION, "outcome": Outcome.REFUSED},
        {"person": "person-2"},
        {"person": None},
    ]
    for number, change in enumerate(changes):
        record(connection, number, when=at + timedelta(minutes=number), **change)
    ledger.integrate(connection)


def found(opened: list[OpenedEntry]) -> list[int]:
    return [entry.index for entry in opened]


def test_entries_come_opened_in_the_order_of_the_log(find: Find) -> None:
    opened = find()
    assert found(opened) == list(range(SIZE))
    assert opened[4].sections["subject"] == {"person": "person-2"}
    assert opened[3].sections["circumstances"] == {
        "time": "2026-03-02T08:33:00.000125Z",
        "operation": "consultation",
        "channel": "read",
        "outcome": "refused",
    }
    # An agency's own name for a person is nothing for an auditor.
    assert all(
        entry.missing == ({"reference": "withheld"} if "subject" in entry.sections else {})
        for entry in opened
    )


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (EntryFilter(agency_id="agency-2"), [1]),
        (EntryFilter(client_id="client-2"), [1]),
        (EntryFilter(officer_id="officer-0"), [0]),
        (EntryFilter(purpose="other_purpose"), [2]),
        (EntryFilter(legal_basis="basis-2"), [2]),
        (EntryFilter(operation=Operation.CONSULTATION), [3]),
        (EntryFilter(outcome=Outcome.REFUSED), [3]),
        (EntryFilter(channel=Channel.READ), list(range(SIZE))),
        (EntryFilter(channel=Channel.PAPER), []),
        (EntryFilter(agency_id="agency-1", outcome=Outcome.RELEASED), [0, 2, 4, 5]),
        (EntryFilter(agency_id="agency-9"), []),
    ],
)
def test_a_filter_finds_what_matches(find: Find, filters: EntryFilter, expected: list[int]) -> None:
    assert found(find(filters)) == expected


def test_entries_about_a_person_are_found_by_the_keyed_index(find: Find, log_keys: LogKeys) -> None:
    person = EntryFilter(subject_index=log_keys.subject_index("person-2"))
    assert found(find(person)) == [4]


def test_who_received_a_field_is_found_in_what_is_sealed(
    connection: Connection, record: Record, log_keys: LogKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a page of it opens so many entries at most, and says where to go on."""
    monkeypatch.setattr(query, "LOOKED_AT", 3)
    wanted = {"released": [{"field": "identity.full_name", "form": "full", "policies": []}]}
    others: list[dict[str, object]] = [{"released": []}, {"released": 1}, {"facts": "listed"}]
    for fields in (wanted, *others, wanted, wanted):
        record(connection, fields=fields)
    size = ledger.integrate(connection).size
    pages: list[tuple[list[int], int | None]] = []
    after = None
    while after is not None or not pages:
        page = query.find(
            connection,
            EntryFilter(field="identity.full_name"),
            keys=log_keys,
            limit=2,
            tree_size=size,
            after_index=after,
        )
        pages.append((found(list(page.entries)), page.next))
        after = page.next
    assert pages == [([], 2), ([], 5), ([6], 8), ([10, 11], 11), ([], None)]


def test_what_is_asked_for_can_be_written_down(at: datetime) -> None:
    asked = EntryFilter(agency_id="a", operation=Operation.ERASURE, channel=Channel.READ, since=at)
    assert asked.stated() == {
        "agency_id": "a",
        "operation": "erasure",
        "channel": "read",
        "since": "2026-03-02T08:30:00.000125Z",
    }
    assert EntryFilter.from_stated(asked.stated()) == asked


def test_what_is_rare_is_not_looked_for_among_what_is_frequent(
    connection: Connection, record: Record, at: datetime
) -> None:
    for number in range(SIZE, SIZE + query.PROBED):
        record(connection, number, when=at)
    ledger.integrate(connection)
    part = {"first": 0, "stop": SIZE + query.PROBED}
    frequent = {"agency_id": "agency-1", "outcome": "released", "purpose": "release_preparation"}
    for rare in ({"outcome": "refused"}, {"agency_id": "agency-2"}):
        # PostgreSQL keeps statistics of its own.
        expected = list(rare) if connection.dialect.name == "sqlite" else [None]
        assert [query.rarest(connection, frequent | rare, **part)] == expected
    assert query.rarest(connection, {"agency_id": "agency-2"}, **part) is None


def test_times_bound_from_the_first_to_before_the_last(find: Find, at: datetime) -> None:
    minutes = [at + timedelta(minutes=number) for number in range(SIZE)]
    between = EntryFilter(since=minutes[2], until=minutes[4])
    assert found(find(between)) == [2, 3]
    assert found(find(replace(between, until=None))) == [2, 3, 4, 5]


def test_pages_follow_one_another_without_gap_or_overlap(find: Find) -> None:
    first = find(limit=4)
    second = find(limit=4, after_index=first[-1].index)
    assert found(first + second) == list(range(SIZE))


def test_a_page_is_pinned_to_a_size_of_the_log(
    find: Find, connection: Connection, record: Record
) -> None:
    record(connection, 9)
    ledger.integrate(connection)
    assert found(find()) == list(range(SIZE))
    assert found(find(tree_size=3)) == [0, 1, 2]


def test_an_erased_person_leaves_who_acted_and_why(find: Find, connection: Connection) -> None:
    row = connection.execute(LOOKUP.select().where(LOOKUP.c.log_index == 4)).one()
    connection.execute(delete(PERSON_KEY).where(PERSON_KEY.c.subject_index == row.subject_index))
    connection.execute(update(ENTRY).where(ENTRY.c.entry_id == row.entry_id).values(personal=None))
    connection.execute(update(LOOKUP).where(LOOKUP.c.log_index == 4).values(subject_index=None))
    erased = find(after_index=3, limit=1)[0]
    assert erased.sections.keys() == {"circumstances", "actor", "grounds"}
    assert erased.missing == {PERSONAL: ERASED}


@pytest.mark.parametrize("group", [RETAINED, PERSONAL])
def test_a_ciphertext_that_does_not_open_is_named(
    find: Find, connection: Connection, group: str
) -> None:
    row = connection.execute(LOOKUP.select().where(LOOKUP.c.log_index == 0)).one()
    connection.execute(
        update(ENTRY).where(ENTRY.c.entry_id == row.entry_id).values({group: bytes(99)})
    )
    damaged = find(limit=1)[0]
    assert damaged.missing[group] == DAMAGED
    assert damaged.openings


def test_a_lost_or_altered_key_is_named_and_is_no_erasure(
    find: Find, connection: Connection, log_keys: LogKeys
) -> None:
    index = log_keys.subject_index("person-2")
    of_person = PERSON_KEY.c.subject_index == index
    connection.execute(update(PERSON_KEY).where(of_person).values(wrapped_key=bytes(60)))
    assert find(after_index=3, limit=1)[0].missing == {PERSONAL: DAMAGED}
    connection.execute(delete(PERSON_KEY).where(of_person))
    assert find(after_index=3, limit=1)[0].missing == {PERSONAL: DAMAGED}


def test_a_lost_entry_keeps_its_place(find: Find, connection: Connection) -> None:
    row = connection.execute(LOOKUP.select().where(LOOKUP.c.log_index == 2)).one()
    connection.execute(delete(ENTRY).where(ENTRY.c.entry_id == row.entry_id))
    opened = find()
    assert found(opened) == list(range(SIZE))
    assert opened[2].missing == {RETAINED: DAMAGED, PERSONAL: DAMAGED}


def test_what_a_decision_was_made_from_does_not_show(
    connection: Connection, record: Record, log_keys: LogKeys
) -> None:
    record(connection, inputs={"return_municipality": "XK-GJILAN", "days_to_release": 30})
    size = ledger.integrate(connection).size
    (opened,) = entries(
        connection, EntryFilter(), keys=log_keys, limit=1, tree_size=size, after_index=SIZE - 1
    )
    assert "inputs" not in opened.sections
    assert opened.missing == {"inputs": "withheld", "reference": "withheld"}
    assert b"XK-GJILAN" not in entry_line(opened)
