"""How much may wait, and whose: nobody keeps another one out, and what is urgent has room."""

import threading
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from app.capacity import SHARES, TOTAL, URGENT_PART, Capacity
from app.database import Database
from app.problems import Overloaded

PATIENCE = 60


def fill(capacity: Capacity, client: str, *, urgent: bool = False) -> int:
    """Let a client put in as much as it may; how much that is."""
    entered = 0
    with suppress(Overloaded):
        while True:
            capacity.enter(client, urgent=urgent)
            entered += 1
    return entered


def test_one_client_has_a_quarter_and_a_quarter_of_what_is_kept() -> None:
    capacity = Capacity()
    assert fill(capacity, "one") == (TOTAL - TOTAL // URGENT_PART) // SHARES
    capacity.enter("another", urgent=False)
    assert fill(capacity, "one", urgent=True) == TOTAL // URGENT_PART // SHARES


def test_many_clients_fill_all_but_what_is_kept_for_what_is_urgent() -> None:
    capacity = Capacity()
    taken = sum(fill(capacity, f"client-{number}") for number in range(10))
    assert taken == TOTAL - TOTAL // URGENT_PART
    assert fill(capacity, "prison") == 0
    assert fill(capacity, "prison", urgent=True) == TOTAL - taken
    capacity.leave("prison")
    capacity.enter("another prison", urgent=True)


def test_there_is_room_as_soon_as_something_leaves() -> None:
    capacity = Capacity(total=16)
    fill(capacity, "one")
    capacity.leave("one")
    capacity.enter("one", urgent=False)
    with pytest.raises(Overloaded):
        capacity.enter("one", urgent=False)


def test_entries_that_wait_for_their_place_count_like_what_waits_for_its_commit() -> None:
    capacity = Capacity(total=64)
    capacity.late = {"one": 10}
    assert fill(capacity, "one") == 4
    capacity.late = {"gone": 60}
    assert fill(capacity, "another") == 0
    capacity.late = {}
    assert fill(capacity, "another") == 14


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.booleans()), max_size=120))
def test_whatever_comes_and_goes_the_bounds_hold(steps: list[tuple[str, bool, bool]]) -> None:
    capacity, inside = Capacity(total=32), Counter[str]()
    for client, urgent, leaves in steps:
        if leaves and inside[client]:
            capacity.leave(client)
            inside[client] -= 1
            continue
        room = 32 if urgent else 28
        expected = inside[client] < room // SHARES and inside.total() < room
        try:
            capacity.enter(client, urgent=urgent)
        except Overloaded:
            assert not expected
        else:
            assert expected
            inside[client] += 1


def test_beyond_the_bound_a_client_is_refused_at_once_and_the_service_itself_never(
    database: Database,
) -> None:
    database.capacity = Capacity(total=16)
    leave = threading.Event()
    # As many as PostgreSQL's pool has threads, so that on both what comes next has to wait.
    held = [database.submit(lambda _: leave.wait(PATIENCE)) for _ in range(8)]
    ran: list[str] = []

    def submit(client: str | None, *, urgent: bool = False) -> Future[None]:
        def work(_: Connection) -> None:
            ran.append(str(client))

        return database.submit(work, client=client, urgent=urgent)

    waiting = [submit("one") for _ in range(3)]
    refused = submit("one")
    assert isinstance(refused.exception(0), Overloaded)
    waiting += [submit("one", urgent=True), submit("another"), *(submit(None) for _ in range(20))]
    leave.set()
    everything: list[Future[Any]] = [*held, *waiting]
    assert [future.exception(PATIENCE) for future in everything] == [None] * 33
    assert Counter(ran) == {"one": 4, "another": 1, "None": 20}
    # Nobody restarted anything.
    submit("one").result(PATIENCE)


def test_what_fails_or_goes_away_leaves_its_room_to_others(database: Database) -> None:
    database.capacity = Capacity(total=64)

    def broken(_: Connection) -> None:
        raise ValueError("broken")

    for _ in range(30):
        assert isinstance(database.submit(broken, client="one").exception(PATIENCE), ValueError)
    database.close()
    for _ in range(30):
        assert not isinstance(database.submit(broken, client="one").exception(0), Overloaded)
