"""The dispatcher at work: retries, order, leases, and what must not stop it."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Row, delete, func, insert, select, text, update

from app.access_log.vocabulary import Outcome
from app.capacity import Capacity
from app.files.tables import FileSection
from app.notifications.deliver import conclude, prepare
from app.notifications.dispatcher import LEASE, Dispatcher
from app.notifications.retries import wait
from app.notifications.transport import Sent, send
from app.outbox import claims, deliveries, feeds
from app.outbox.deliveries import ATTEMPT, Try
from app.outbox.escalations import ESCALATION
from app.outbox.planning import tell_due
from app.outbox.receipts import EVENT
from app.outbox.subscriptions import SUBSCRIPTION
from app.rows import table_of
from tests.broken_log import AT_COMMIT, FULL, How, broken
from tests.notifications.agency import Agency
from tests.notifications.mailroom import Letter, wait_until
from tests.notifications.play import RETRY_BASE, Prison, Town
from tests.world import ASLEEP, START

SECTION = table_of(FileSection)
OK = Sent(status_code=200, problem=None, milliseconds=5)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def statuses(town: Town, agency: Agency) -> list[str]:
    return [row.status for row in town.deliveries(agency)]


@contextmanager
def at_work(dispatcher: Dispatcher) -> Iterator[None]:
    """A dispatcher that works in a thread until the block ends; then it is asked to stop."""
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def work() -> None:
        stop = asyncio.Event()
        begun.set_result((asyncio.get_running_loop(), stop))
        await dispatcher.run(stop)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    loop, stop = begun.result()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


# Retries.


def test_a_receiver_that_was_down_gets_everything_when_it_is_up(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    for _ in range(3):
        prison.admit(town.today + days(40))
    probation.box.answer_next(*[503] * 15)
    town.settle()
    assert statuses(town, probation) == ["queued"] * 3
    for _ in range(11):
        town.advance(hours=6)
    assert statuses(town, probation) == ["sent"] * 3
    assert len(probation.notices()) == 18
    assert len({notice.jti for notice in probation.notices()}) == 3


def test_waits_double_with_jitter(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(*[503] * 6)
    waits = []
    town.settle()
    for _ in range(6):
        [row] = town.deliveries(probation)
        wait = row.next_attempt_at - town.world.clock()
        waits.append(wait.total_seconds())
        town.advance(seconds=wait.total_seconds() - 0.001)
        assert len(probation.notices()) == len(waits)
        town.advance(seconds=0.001)
    assert statuses(town, probation) == ["sent"]
    for number, wait_s in enumerate(waits):
        assert 15 * 2**number <= wait_s <= 30 * 2**number


def test_retry_after_is_obeyed(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(429, Retry_After="600")
    town.settle()
    town.advance(seconds=599)
    assert len(probation.notices()) == 1
    town.advance(seconds=1)
    assert statuses(town, probation) == ["sent"]


def test_a_receiver_that_stays_down_is_given_up_after_the_window(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(60))
    probation.box.answer_next(*[503] * 200)
    town.settle()
    began = town.world.clock()
    prison.move(reference, town.today + days(61))
    while statuses(town, probation)[0] == "queued":
        town.advance(hours=6)
    assert timedelta(hours=96) <= town.world.clock() - began <= timedelta(hours=108)
    # The second waited for the first, and has a window of its own.
    assert statuses(town, probation) == ["dead", "queued"]
    probation.box.answers.clear()
    town.advance(hours=6)
    assert statuses(town, probation) == ["dead", "sent"]


def test_an_attempt_began_before_it_ended(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.reading = lambda _: time.sleep(0.05)
    town.settle()
    [row] = town.deliveries(probation)
    [attempt] = town.look(lambda c: deliveries.attempts_of(c, row.jti))
    assert attempt.milliseconds >= 50
    assert row.sent_at - attempt.started_at == timedelta(milliseconds=attempt.milliseconds)


# Order.


def test_order_is_kept_for_a_person_and_for_nobody_else(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    first, second = (prison.admit(town.today + days(40)) for _ in range(2))
    probation.box.answer_next(500, 500)
    town.settle()
    for reference in (first, second):
        prison.move(reference, town.today + days(45))
    third = prison.admit(town.today + days(40))
    town.settle()
    assert first != second != third
    assert Counter(probation.told()) == {"release_planned": 3}
    assert sorted(statuses(town, probation)) == ["queued"] * 4 + ["sent"]
    town.advance(hours=1)
    assert set(statuses(town, probation)) == {"sent"}
    by_person: dict[str, list[tuple[str, int]]] = {}
    for notice in probation.notices():
        told = by_person.setdefault(notice.reference, [])
        told.append((notice.event_type, notice.sequence[1]))
    twice = [("release_planned", 1), ("release_planned", 1), ("release_date_changed", 2)]
    assert sorted(by_person.values(), key=len) == [[("release_planned", 1)], twice, twice]


def test_order_is_kept_though_the_clock_stands_still_or_is_set_back(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    town.settle()
    for number in range(5):
        prison.move(reference, town.today + days(50 + number))
    now = town.world.clock.now
    town.world.clock.now = now - timedelta(seconds=2)
    prison.move(reference, town.today + days(30))
    town.world.clock.now = now
    town.settle()
    # Of the dates that waited only the newest is told; it is that of the log's order.
    planned, changed = probation.notices()
    told = changed.event["released"]["release"]["planned_release_date"]["value"]
    assert told == (town.today + days(30)).isoformat()
    assert (planned.sequence, changed.sequence) == ((1, 1), (2, 2))
    rows = town.deliveries(probation)
    assert [row.status for row in rows] == ["sent", *["cancelled"] * 5, "sent"]
    assert {(row.reason, row.sequence) for row in rows[1:-1]} == {("superseded", None)}
    moved = town.look(
        lambda c: c.scalar(
            select(EVENT.c.release_date).where(EVENT.c.event_id == rows[-1].event_id)
        )
    )
    assert moved == town.today + days(30)


# What must not stop it.


def test_a_file_that_cannot_be_opened_holds_up_nobody_else(
    town: Town, prison: Prison, caplog: pytest.LogCaptureFixture
) -> None:
    probation = town.subscribed("probation_service")
    broken = prison.admit(town.today + days(40))
    prison.admit(town.today + days(40))
    person = town.person_id(prison.agency, broken)
    where = (SECTION.c.person_id == person, SECTION.c.section == "identity")
    sealed = town.look(lambda c: c.scalar(select(SECTION.c.sealed).where(*where)))
    town.world.owner.run_blocking(
        lambda c: c.execute(update(SECTION).where(*where).values(sealed=b"\0" * 40)).close()
    )
    town.settle()
    assert sorted(statuses(town, probation)) == ["queued", "sent"]
    assert "DecryptionFailed" in caplog.text
    assert "Wexample" not in caplog.text
    [entry] = town.entries(probation, Outcome.FAILED)
    assert entry["payload"]["status"] == 0
    town.world.owner.run_blocking(
        lambda c: c.execute(update(SECTION).where(*where).values(sealed=sealed)).close()
    )
    town.advance(hours=1)
    assert statuses(town, probation) == ["sent", "sent"]
    assert sorted(notice.sequence for notice in probation.notices()) == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1/\x01",
        "http://bücher.example/",
        "http://127.0.0.1:99999/",
        "http://[::1",
        "",
        "http://127.0.0.1:1/",
        "file:///etc/passwd",
    ],
)
def test_an_odd_endpoint_holds_up_nobody_else(town: Town, prison: Prison, endpoint: str) -> None:
    probation = town.subscribed("probation_service")
    odd = town.subscribed("probation_service", name="odd")
    of_odd = update(SUBSCRIPTION).where(SUBSCRIPTION.c.agency_id == odd.agency_id)
    town.work(lambda c: c.execute(of_odd.values(endpoint=endpoint)))
    prison.admit(town.today + days(40))
    town.settle()
    assert statuses(town, probation) == ["sent"]
    [row] = town.deliveries(odd)
    assert (row.status, row.attempts) == ("queued", 1)
    [attempt] = town.look(lambda c: deliveries.attempts_of(c, row.jti))
    assert attempt.problem
    assert endpoint not in attempt.problem or not endpoint


def test_an_outcome_that_cannot_be_written_down_means_the_same_again(
    town: Town, prison: Prison, caplog: pytest.LogCaptureFixture
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))

    def take_the_place(letter: Letter) -> None:
        """The row of the first attempt stands already: the outcome will not find its place."""
        jti = probation.open(letter).jti
        row = Try(jti=jti, number=1, started_at=town.world.clock(), milliseconds=0)
        town.work(lambda c: deliveries.log_attempt(c, row))

    probation.box.reading = take_the_place
    town.settle()
    assert "the end of delivery" in caplog.text
    assert statuses(town, probation) == ["queued"]
    probation.box.reading = lambda _: None
    of_first = delete(ATTEMPT).where(ATTEMPT.c.jti == probation.notices()[0].jti)
    town.work(lambda c: c.execute(of_first))
    town.advance(seconds=LEASE.total_seconds() + 1)
    assert statuses(town, probation) == ["sent"]
    first, second = probation.notices()
    assert (first.jti, first.sequence) == (second.jti, second.sequence)


@pytest.mark.parametrize("how", [AT_COMMIT, FULL])
def test_nothing_is_sent_whose_intent_cannot_be_recorded(
    town: Town, prison: Prison, how: How
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    with broken(town.world.owner, how):
        town.settle()
    assert statuses(town, probation) == ["queued"]
    assert probation.notices() == []
    # Nobody restarted anything: the lease runs out.
    town.advance(seconds=LEASE.total_seconds() + 1)
    assert statuses(town, probation) == ["sent"]
    assert [notice.sequence for notice in probation.notices()] == [(1, 1)]


def test_where_too_much_waits_nothing_is_sent_and_no_failure_is_written_down(
    town: Town, prison: Prison, monkeypatch: pytest.MonkeyPatch
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    with monkeypatch.context() as no_room:
        no_room.setattr(town.world.service.database, "capacity", Capacity(total=1))
        town.settle()
    assert statuses(town, probation) == ["queued"]
    assert probation.notices() == []
    town.advance(seconds=LEASE.total_seconds() + 1)
    assert statuses(town, probation) == ["sent"]
    assert [one["circumstances"]["outcome"] for one in town.entries(probation)][-2:] == [
        "attempted",
        "delivered",
    ]
    assert town.entries(probation, Outcome.FAILED) == []


def test_asked_to_stop_it_has_others_go_on_at_once_with_what_it_could_not_end(
    town: Town, prison: Prison, monkeypatch: pytest.MonkeyPatch
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    with monkeypatch.context() as no_room:
        no_room.setattr(town.world.service.database, "capacity", Capacity(total=1))
        with at_work(town.another_dispatcher()):
            wait_until(lambda: town.deliveries(probation)[0].lease)
    # No time has passed, and no lease has run out.
    town.settle()
    assert statuses(town, probation) == ["sent"]


def _has_more(agency: Agency, told: int) -> bool:
    return len(agency.told()) > told


def test_what_cannot_wait_is_sent_long_before_the_next_look(town: Town, prison: Prison) -> None:
    police = town.subscribed("police_local")
    reference = prison.admit(town.today + days(500))
    path = f"/v1/inmate-files/{reference}/events"
    with at_work(replace(town.another_dispatcher(), interval=ASLEEP)):
        # The second one comes when there was nothing to do any more.
        for event in ("escaped", "recaptured"):
            told = len(police.told())
            answer = prison.agency.call("POST", path, {"event": event})
            assert answer.is_success, answer.text
            wait_until(partial(_has_more, police, told))
    assert police.told() == ["escaped", "recaptured"]


def test_it_goes_on_after_a_round_that_failed(
    town: Town, prison: Prison, caplog: pytest.LogCaptureFixture
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    calls = 0

    def stumbling_clock() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("the clock cannot be read")
        return town.world.clock()

    async def work() -> None:
        stop = asyncio.Event()
        dispatcher = replace(town.another_dispatcher(), clock=stumbling_clock)
        task = asyncio.create_task(dispatcher.run(stop))
        await asyncio.to_thread(wait_until, lambda: bool(probation.notices()))
        stop.set()
        await task

    asyncio.run(asyncio.wait_for(work(), 30))
    assert "a round failed: OSError" in caplog.text
    assert statuses(town, probation) == ["sent"]


def test_it_stops_when_it_is_asked_to(town: Town) -> None:
    async def work() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(replace(town.another_dispatcher(), interval=60.0).run(stop))
        await asyncio.sleep(0.05)
        stop.set()
        await asyncio.wait_for(task, 20)

    asyncio.run(work())


def test_asked_to_stop_it_ends_what_it_has_begun(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    reading, go_on = threading.Event(), threading.Event()

    def hang(_: Letter) -> None:
        reading.set()
        go_on.wait(9)

    probation.box.reading = hang

    async def work() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(town.another_dispatcher().run(stop))
        await asyncio.to_thread(reading.wait, 9)
        stop.set()
        await asyncio.sleep(0.05)
        assert not task.done()
        go_on.set()
        await asyncio.wait_for(task, 20)

    asyncio.run(work())
    assert statuses(town, probation) == ["sent"]


# Leases.


def claim(town: Town, agency: Agency, *, lease: str, limit: int = 99) -> Row[Any]:
    """Claim what is due, as a dispatcher would; the one delivery to an agency among it."""
    at = town.world.clock()
    claimed = town.work(
        lambda c: claims.claim(c, lease=lease, at=at, until=at + LEASE, limit=limit)
    )
    [one] = [row for row in claimed if row.agency_id == agency.agency_id]
    return one


def test_two_dispatchers_never_send_one_delivery_at_the_same_time(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    references = [prison.admit(town.today + days(40)) for _ in range(15)]
    town.settle()
    for reference in references:
        prison.move(reference, town.today + days(45))
    lock, open_now, worst = threading.Lock(), Counter[str](), Counter[str]()

    def watch(letter: Letter) -> None:
        notice = probation.open(letter)
        person = notice.reference
        with lock:
            open_now[person] += 1
            worst[person] = max(worst[person], open_now[person])
        time.sleep(0.01)
        with lock:
            open_now[person] -= 1

    probation.box.reading = watch
    errors: list[BaseException] = []

    def dispatch() -> None:
        dispatcher = town.another_dispatcher()
        try:
            for _ in range(10):
                asyncio.run(dispatcher.round())
        except BaseException as error:  # noqa: BLE001 - of a thread, to be seen by the test
            errors.append(error)

    threads = [threading.Thread(target=dispatch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    town.settle()
    assert errors == []
    changed = [n.jti for n in probation.notices() if n.event_type == "release_date_changed"]
    assert len(changed) == len(set(changed)) == 15
    assert set(worst.values()) == {1}
    assert set(statuses(town, probation)) == {"sent"}
    seen = sorted(n.sequence[0] for n in probation.notices())
    assert seen == list(range(1, 31))


def test_two_dispatchers_tell_each_person_once(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    references = [prison.admit(town.today + days(40)) for _ in range(20)]
    barrier = threading.Barrier(4)
    planner = town.world.service.house.planner
    at = town.world.clock()

    def tell() -> None:
        barrier.wait()
        while town.work(lambda c: tell_due(c, planner, at=at, limit=3)):
            pass

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    town.settle()
    assert len(probation.notices()) == len(references)
    collapsed = ["T-180", "T-90", "T-60"]
    assert all(notice.event["milestones"] == collapsed for notice in probation.notices())


def test_what_a_killed_dispatcher_had_claimed_is_sent_when_the_lease_ran_out(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    at = town.world.clock()
    town.work(lambda c: claims.claim(c, lease="killed", at=at, until=at + LEASE, limit=99))
    town.world.clock.advance(seconds=LEASE.total_seconds())
    asyncio.run(town.another_dispatcher().round())
    assert probation.notices() == []
    town.advance(seconds=1)
    assert statuses(town, probation) == ["sent"]


def test_what_was_on_record_and_never_sent_is_sent_once_under_the_same_name(
    town: Town, prison: Prison
) -> None:
    """Killed between the commit of the intent and the sending."""
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    house, at = town.world.service.house, town.world.clock()
    claimed = claim(town, probation, lease="killed")
    assert town.work(lambda c: prepare(c, house, claimed, at=at, until=at + LEASE))
    town.advance(seconds=LEASE.total_seconds() + 1)
    [notice] = probation.notices()
    assert (notice.jti, notice.sequence) == (claimed.jti, (1, 1))
    outcomes = [entry["circumstances"]["outcome"] for entry in town.entries(probation)]
    assert outcomes[-3:] == ["attempted", "attempted", "delivered"]


def test_what_was_sent_and_not_marked_is_sent_again_under_the_same_name(
    town: Town, prison: Prison
) -> None:
    """Killed between the sending and its outcome; the first one's outcome comes too late."""
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    house, at = town.world.service.house, town.world.clock()
    claimed = claim(town, probation, lease="slow")
    prepared = town.work(lambda c: prepare(c, house, claimed, at=at, until=at + LEASE))
    assert prepared is not None
    rules = town.world.service.endpoint_rules
    sent = asyncio.run(send(prepared.endpoint or "", prepared.sealed, rules=rules))
    town.advance(seconds=LEASE.total_seconds() + 1)
    late = town.world.clock()
    town.work(lambda c: conclude(c, house, claimed, sent, retry_base=days(1), at=late))
    first, second = probation.notices()
    assert (first.jti, first.sequence) == (second.jti, second.sequence) == (claimed.jti, (1, 1))
    delivered = [entry["payload"] for entry in town.entries(probation, Outcome.DELIVERED)]
    assert [payload["notification"] for payload in delivered] == [claimed.jti]
    [row] = town.deliveries(probation)
    assert (row.status, row.attempts) == ("sent", 1)


@contextmanager
def held_up_after_its_decision(town: Town, claimed: Row[Any]) -> Iterator[None]:
    """On PostgreSQL the attempt waits for a row that somebody else may yet insert; none does."""
    engine = town.world.owner.engine
    with engine.connect() as other:
        # Without its triggers nothing is held that the row refers to.
        other.execute(text("SET LOCAL session_replication_role = replica"))
        row = {"jti": claimed.jti, "person_id": claimed.person_id, "contact": "", "due_at": START}
        other.execute(insert(ESCALATION).values(step=0, **row))
        yield
        other.rollback()


def test_whoever_is_told_a_date_while_it_moves_is_told_that_it_moved(
    town: Town, prison: Prison
) -> None:
    """Decided by the date of before, and on record after somebody else looked who had been told."""
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    town.tell()
    house, at = town.world.service.house, town.world.clock()
    claimed = claim(town, probation, lease="slow")
    database = town.world.service.database
    many = database.engine.dialect.name == "postgresql"
    with held_up_after_its_decision(town, claimed) if many else nullcontext():
        attempt = database.submit(lambda c: prepare(c, house, claimed, at=at, until=at + LEASE))
        with suppress(TimeoutError):
            attempt.result(0.3)  # it comes as far as it can
        mover = threading.Thread(target=prison.move, args=(reference, town.today + days(45)))
        mover.start()
        mover.join(1)  # and so does this
    assert attempt.result(ASLEEP)
    mover.join()
    town.work(lambda c: conclude(c, house, claimed, OK, retry_base=days(1), at=at))
    town.settle()
    [changed] = probation.notices()
    assert changed.event_type == "release_date_changed"
    assert changed.event["concerns"] == [claimed.jti]


def test_what_is_published_while_its_feed_is_let_go_is_not_held_for_ever(
    town: Town, prison: Prison
) -> None:
    """Published as held, and on record only after somebody had let go all that was held."""
    probation = town.subscribed("probation_service")
    prison.move(prison.admit(town.today + days(40)), town.today + days(45))
    client, at, database = prison.agency.client_id, town.world.clock(), town.world.service.database
    town.work(lambda c: feeds.hold(c, client, at=at))
    published, go_on = threading.Event(), threading.Event()

    def publish(connection: Connection) -> int:
        told = tell_due(connection, town.world.service.house.planner, at=at, limit=100)
        published.set()
        go_on.wait(ASLEEP)
        return told

    def let_go() -> None:
        town.work(lambda c: feeds.release(c, feeds.get(c, client), at=at))

    publishing = database.submit(publish)
    assert published.wait(ASLEEP)
    officer = threading.Thread(target=let_go)
    officer.start()
    officer.join(0.5)  # on SQLite it waits for the other's end
    go_on.set()
    assert publishing.result(ASLEEP) == 1
    officer.join()
    town.settle()
    assert probation.told() == ["release_planned"]


def test_who_comes_late_with_an_old_lease_changes_nothing(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    house = town.world.service.house
    old = claim(town, probation, lease="old")
    town.advance(seconds=LEASE.total_seconds() + 1)
    before = town.deliveries(probation)
    counted = select(func.count()).select_from(ATTEMPT)
    attempts = town.look(lambda c: c.scalar(counted))
    entries = len(town.entries(probation))
    later = town.world.clock()
    prepared = town.work(lambda c: prepare(c, house, old, at=later, until=later + LEASE))
    town.work(lambda c: conclude(c, house, old, OK, retry_base=timedelta(seconds=1), at=later))
    assert prepared is None
    assert town.deliveries(probation) == before
    assert town.look(lambda c: c.scalar(counted)) == attempts
    assert len(town.entries(probation)) == entries
    assert len(probation.notices()) == 1


def test_a_lease_lasts_from_the_attempt_and_not_from_the_claim(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    house, at = town.world.service.house, town.world.clock()
    claimed = claim(town, probation, lease="slow")
    late = at + LEASE - timedelta(seconds=1)
    town.work(lambda c: prepare(c, house, claimed, at=late, until=late + LEASE))
    town.world.clock.advance(seconds=LEASE.total_seconds() + 5)
    town.settle()
    [row] = town.deliveries(probation)
    assert (row.status, row.lease) == ("queued", "slow")
    assert probation.notices() == []


def test_of_two_dispatchers_of_which_one_is_slower_than_its_lease_one_result_counts(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    reading, go_on = threading.Event(), threading.Event()

    def hang(_: Letter) -> None:
        probation.box.reading = lambda _: None
        reading.set()
        go_on.wait(9)

    probation.box.reading = hang
    slow = threading.Thread(target=lambda: asyncio.run(town.another_dispatcher().round()))
    slow.start()
    assert reading.wait(9)
    town.advance(seconds=LEASE.total_seconds() + 1)
    assert statuses(town, probation) == ["sent"]
    go_on.set()
    slow.join()
    [row] = town.deliveries(probation)
    assert row.attempts == 1
    assert len(town.look(lambda c: deliveries.attempts_of(c, row.jti))) == 1
    assert [(n.jti, n.sequence) for n in probation.notices()] == [(row.jti, (1, 1))] * 2
    assert len(town.entries(probation, Outcome.DELIVERED)) == 1


# Outages and clocks.


def most_attempts(within: timedelta) -> int:
    """How many attempts the schedule allows in a time: with the least jitter there can be."""
    attempts, passed = 1, timedelta(0)
    while (passed := passed + wait(attempts, base=RETRY_BASE, fraction=0, today=START.date())) <= (
        within
    ):
        attempts += 1
    return attempts


def test_a_receiver_that_was_down_for_six_hours_gets_the_newest_of_everybody_in_order(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    probation.box.answer_next(*[503] * 1000)
    began, today = town.world.clock(), town.today
    references = [prison.admit(today + days(40)) for _ in range(4)]
    for half in range(12):
        town.advance(minutes=30)
        if half in {4, 8}:
            for reference in references[:2]:
                prison.move(reference, today + days(40 + half))
    down = len(probation.notices())
    rows = town.deliveries(probation)
    assert {row.status for row in rows} <= {"queued", "cancelled"}
    assert max(row.attempts for row in rows) <= most_attempts(town.world.clock() - began)
    probation.box.answers.clear()
    for _ in range(6):
        town.advance(hours=1)
    # Each person's first notice, which may have arrived; then of the two dates the newest.
    came: dict[str, list[tuple[str, int]]] = {}
    for notice in probation.notices()[down:]:
        came.setdefault(notice.reference, []).append((notice.event_type, notice.sequence[1]))
    unmoved, moved = [("release_planned", 1)], [("release_planned", 1), ("release_date_changed", 2)]
    assert sorted(came.values(), key=len) == [unmoved, unmoved, moved, moved]
    dates = {
        notice.event["released"]["release"]["planned_release_date"]["value"]
        for notice in probation.notices()[down:]
        if notice.event_type == "release_date_changed"
    }
    assert dates == {(today + days(48)).isoformat()}
    ended = Counter((row.status, row.reason) for row in town.deliveries(probation))
    assert ended == {("sent", None): 6, ("cancelled", "superseded"): 2}


@pytest.mark.parametrize("wrong", [10, -10])
def test_a_clock_that_is_ten_minutes_wrong_and_set_right_loses_no_notice(
    town: Town, prison: Prison, wrong: int
) -> None:
    probation = town.subscribed("probation_service")
    clock = town.world.clock
    probation.box.answer_next(503)
    prison.admit(town.today + days(40))
    clock.advance(minutes=wrong)
    town.settle()
    prison.admit(town.today + days(40))
    at = clock()
    # Somebody claims under the wrong clock and is killed.
    town.tell()
    claimed = claim(town, probation, lease="killed", limit=1)
    assert claimed.lease_until - at == LEASE
    clock.advance(minutes=-wrong)
    prison.admit(town.today + days(40))
    town.settle()
    assert "sent" in statuses(town, probation)  # what is new waits for no wrong clock
    town.advance(minutes=abs(wrong) + 2)
    assert statuses(town, probation) == ["sent"] * 3
    jtis = Counter(notice.jti for notice in probation.notices())
    assert sorted(jtis.values()) == [1, 1, 2]  # the second of them because of the 503


def test_two_dispatchers_whose_clocks_differ_by_ten_minutes_count_each_delivery_once(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    for _ in range(3):
        prison.admit(town.today + days(40))
    town.tell()
    house, at = town.world.service.house, town.world.clock()
    claimed = claim(town, probation, lease="behind", limit=1)
    assert town.work(lambda c: prepare(c, house, claimed, at=at, until=at + LEASE))
    # To the one ahead every lease of the other has run out.
    ahead = replace(town.another_dispatcher(), clock=lambda: at + timedelta(minutes=10))
    while asyncio.run(ahead.round()):
        pass
    assert statuses(town, probation) == ["sent"] * 3
    town.work(lambda c: conclude(c, house, claimed, OK, retry_base=RETRY_BASE, at=at))
    assert [row.attempts for row in town.deliveries(probation)] == [1] * 3
    assert len(town.entries(probation, Outcome.DELIVERED)) == 3
    assert sorted(n.sequence for n in probation.notices()) == [(1, 1), (2, 1), (3, 1)]
