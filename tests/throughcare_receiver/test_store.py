"""What every store promises, in memory and in a file."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.throughcare_receiver.notices import AT, NOTICE, RECEIPT, VERIFICATION, notice
from throughcare_receiver.errors import AnsweredOtherwise, ReceiptReused
from throughcare_receiver.order import Gaps, Placement
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import (
    GIVEN_UP,
    TAKEN,
    WAITING,
    MemoryStore,
    NotificationStore,
    ReceivedNotification,
)

NO_GAPS = Gaps(of_subscription=(), about_person={})


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NotificationStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with SqliteStore.open(tmp_path) as opened:
        yield opened


def test_what_is_stored_comes_back_whole(store: NotificationStore) -> None:
    assert store.add(NOTICE, at=AT).is_new
    assert store.get("n-1") == ReceivedNotification(
        notification=NOTICE, received_at=AT, answer=None, answer_state=WAITING, answered_at=None
    )


def test_a_verification_comes_back_whole_and_has_no_place(store: NotificationStore) -> None:
    arrival = store.add(VERIFICATION, at=AT)
    assert (arrival.is_new, arrival.placement) == (True, None)
    assert store.get("v-1").notification == VERIFICATION
    assert store.gaps() == NO_GAPS


def test_a_repeated_delivery_changes_nothing(store: NotificationStore) -> None:
    assert store.add(NOTICE, at=AT).is_new
    again = store.add(replace(NOTICE, event={"other": 1}), at=AT + timedelta(hours=1))
    assert (again.is_new, again.placement) == (False, None)
    assert [received.notification for received in store.received()] == [NOTICE]


def test_what_is_not_there_is_a_key_error(store: NotificationStore) -> None:
    with pytest.raises(KeyError):
        store.get("n-1")
    with pytest.raises(KeyError):
        store.choose_answer("n-1", Acknowledgement.ACCEPTED)


def test_the_oldest_waits_in_front(store: NotificationStore) -> None:
    for place, name in enumerate(("c", "a", "b")):
        store.add(replace(NOTICE, jti=name), at=AT + timedelta(microseconds=place))
    assert store.waiting() == ("c", "a", "b")
    assert [received.notification.jti for received in store.received()] == ["c", "a", "b"]


@pytest.mark.parametrize("state", [TAKEN, GIVEN_UP])
def test_what_is_answered_waits_no_more(store: NotificationStore, state: str) -> None:
    store.add(NOTICE, at=AT)
    store.mark_answered("n-1", state=state, at=AT + timedelta(seconds=1))
    assert store.waiting() == ()
    received = store.get("n-1")
    assert (received.answer_state, received.answered_at) == (state, AT + timedelta(seconds=1))


def test_a_repeated_delivery_is_not_answered_again(store: NotificationStore) -> None:
    store.add(NOTICE, at=AT)
    store.mark_answered("n-1", state=TAKEN, at=AT)
    store.add(NOTICE, at=AT)
    assert store.waiting() == ()


def test_the_first_answer_stands(store: NotificationStore) -> None:
    store.add(NOTICE, at=AT)
    store.choose_answer("n-1", Acknowledgement.NOT_COMPETENT)
    store.choose_answer("n-1", Acknowledgement.NOT_COMPETENT)
    with pytest.raises(AnsweredOtherwise):
        store.choose_answer("n-1", Acknowledgement.ACCEPTED)
    assert store.get("n-1").answer == Acknowledgement.NOT_COMPETENT


def test_what_comes_in_order_leaves_no_gap(store: NotificationStore) -> None:
    for one in (notice(1, 1), notice(2, 1, about="ref-2"), notice(3, 2)):
        placement = store.add(one, at=AT).placement
        assert placement == Placement(
            skipped=range(0), skipped_about_person=range(0), is_late=False
        )
    assert store.gaps() == NO_GAPS


def test_a_gap_is_told_at_once_and_until_it_is_filled(store: NotificationStore) -> None:
    store.add(notice(1, 1), at=AT)
    assert store.add(notice(5, 4), at=AT).placement == Placement(
        skipped=range(2, 5), skipped_about_person=range(2, 4), is_late=False
    )
    assert store.add(notice(3, 2), at=AT).placement == Placement(
        skipped=range(0), skipped_about_person=range(0), is_late=True
    )
    assert store.gaps() == Gaps(
        of_subscription=(range(2, 3), range(4, 5)), about_person={"ref-1": (range(3, 4),)}
    )


def test_a_receipt_is_kept_once(store: NotificationStore) -> None:
    store.keep_receipt(RECEIPT)
    with pytest.raises(ReceiptReused):
        store.keep_receipt(RECEIPT)


def test_a_receipt_is_due_until_its_entry_is_proved(store: NotificationStore) -> None:
    later = replace(
        RECEIPT, leaf_hash=b"\1" * 32, entry_id="entry-2", due_at=AT + timedelta(hours=1)
    )
    store.keep_receipt(later)
    store.keep_receipt(RECEIPT)
    assert store.due_receipts(at=AT) == ()
    assert store.due_receipts(at=RECEIPT.due_at) == (RECEIPT,)
    assert store.due_receipts(at=later.due_at) == (RECEIPT, later)
    store.mark_included(RECEIPT.leaf_hash)
    assert store.due_receipts(at=later.due_at) == (later,)
    with pytest.raises(ReceiptReused):
        store.keep_receipt(RECEIPT)
