"""The inbox: polled instead of pushed, over the same rows, names and numbers."""

import asyncio
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from app.administration.registry import OPERATOR
from app.capacity import SHARES, Capacity
from app.files.tables import FileSection
from app.notifications.inbox import LEASE
from app.notifications.manage import replay_for
from app.outbox.deliveries import DELIVERY
from app.outbox.subscriptions import find
from app.receiver.errors import ConfigurationError
from app.receiver.inbox import Inbox
from app.receiver.subscribing import Wanted, keep_subscription
from app.rows import table_of
from tests.api.exchange import is_problem
from tests.broken_log import AT_COMMIT, broken
from tests.notifications.agency import Agency
from tests.notifications.play import Prison, Town
from tests.world import sealing_keys
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.receiver import Receiver
from throughcare_receiver.sender_keys import SenderKeys
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement

SECTION = table_of(FileSection)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def statuses(town: Town, agency: Agency) -> list[str]:
    return [row.status for row in town.deliveries(agency)]


@pytest.fixture
def welfare(town: Town) -> Agency:
    """A centre that can host no endpoint."""
    centre = town.join("social_welfare_centre")
    centre.subscribe_to_inbox()
    return centre


# Polled.


def test_a_centre_without_an_endpoint_polls_what_others_are_sent(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.settle()
    assert statuses(town, welfare) == ["queued"]
    [polled] = welfare.poll()
    [pushed] = probation.notices()
    assert (polled.event_type, polled.sequence) == (pushed.event_type, (1, 1))
    assert welfare.poll(polled.jti) == []
    assert statuses(town, welfare) == ["sent"]
    [row] = town.deliveries(welfare)
    assert row.sent_at == town.world.clock()
    assert row.lead_days == 40
    assert welfare.acknowledge(polled.jti).status_code == 204


def test_nothing_is_handed_out_that_cannot_be_recorded(
    town: Town, prison: Prison, welfare: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        prison.admit(town.today + days(40))
    town.settle()
    database = town.world.service.database
    with broken(town.world.owner, AT_COMMIT):
        is_problem(welfare.ask_inbox(), 503, "unavailable")
    town.advance(seconds=LEASE.total_seconds() + 1)
    with monkeypatch.context() as little_room:
        # Of one client one piece of work at a time, and three are to be decided at once.
        little_room.setattr(database, "capacity", Capacity(total=SHARES))
        is_problem(welfare.ask_inbox(), 503, "overloaded")
        # Nothing of a poll goes on behind its answer.
        assert database.capacity.waiting == 0
    town.advance(seconds=LEASE.total_seconds() + 1)
    assert sorted(notice.sequence for notice in welfare.poll()) == [(1, 1), (2, 1), (3, 1)]


def test_nothing_is_handed_out_before_the_key_is_proven(town: Town, prison: Prison) -> None:
    welfare = town.join("social_welfare_centre")
    body = {"delivery": "poll", "encryption_jwk": welfare.encryption_jwk()}
    made = welfare.call("POST", "/v1/subscriptions", body).json()
    welfare.subscription_id = made["subscription_id"]
    assert (made["status"], made["delivery"], made["endpoint"]) == ("pending", "poll", None)
    prison.admit(town.today + days(40))
    town.settle()
    [verification] = welfare.poll()
    assert verification.event_type == "verification"
    assert welfare.answer_handshake(verification.event["nonce"]).status_code == 204
    assert [notice.event_type for notice in welfare.poll()] == ["release_planned"]


@pytest.mark.parametrize(
    "body",
    [
        {"delivery": "poll", "endpoint": "https://receiver.example/"},
        {"delivery": "push"},
        {"delivery": "pigeon", "endpoint": "https://receiver.example/"},
    ],
)
def test_an_endpoint_goes_with_push_and_with_nothing_else(town: Town, body: dict[str, str]) -> None:
    welfare = town.join("social_welfare_centre")
    asked = {**body, "encryption_jwk": welfare.encryption_jwk()}
    assert welfare.call("POST", "/v1/subscriptions", asked).status_code == 422


def test_what_was_not_confirmed_comes_again_under_the_same_name_and_number(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    prison.admit(town.today + days(40))
    town.settle()
    [first], [second] = welfare.poll(), welfare.poll()
    assert (first.jti, first.sequence) == (second.jti, second.sequence)
    assert first.sealed != second.sealed
    town.advance(seconds=LEASE.total_seconds() + 1)
    [third] = welfare.poll()
    assert third.jti == first.jti
    assert [one["channel"] for one in welfare.listed("queued")[0]["attempts"]] == ["inbox"] * 3


def test_portions_come_in_order_and_say_whether_there_is_more(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    references = [prison.admit(town.today + days(40)) for _ in range(3)]
    town.settle()
    answer = welfare.ask_inbox(most=2).json()
    assert (len(answer["sets"]), answer["moreAvailable"]) == (2, True)
    assert len(welfare.poll(*answer["sets"])) == 1
    # Of one person the younger waits for the older to be confirmed.
    for reference in references:
        prison.move(reference, town.today + days(50))
    last = welfare.ask_inbox(most=0).json()
    assert last == {"sets": {}, "receipts": {}, "moreAvailable": False}
    told = Counter(notice.event_type for notice in welfare.poll())
    assert told == {"release_planned": 1, "release_date_changed": 2}


def test_it_is_on_record_before_it_leaves_and_when_it_is_confirmed(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    prison.admit(town.today + days(40))
    town.settle()
    [notice] = welfare.poll()
    entry = town.entries(welfare)[-1]
    assert entry["circumstances"]["operation"] == "disclosure"
    assert entry["circumstances"]["channel"] == "inbox"
    assert entry["payload"]["sha256"] == hashlib.sha256(notice.sealed).hexdigest()
    assert entry["fields"]["released"]
    welfare.poll(notice.jti)
    welfare.poll(notice.jti)  # said twice, it is one delivery
    outcomes = [entry["circumstances"]["outcome"] for entry in town.entries(welfare)]
    assert outcomes[-2:] == ["released", "delivered"]


def test_what_cannot_be_read_is_refused_with_its_code_and_put_aside(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    prison.admit(town.today + days(40))
    town.settle()
    [notice] = welfare.poll()
    errors = {notice.jti: {"err": "invalid_key", "description": "Wexample"}}
    assert welfare.poll(setErrs=errors) == []
    [aside] = welfare.listed("quarantined")
    assert aside["problem"] == "refused: invalid_key"
    assert welfare.replay(0) == 1
    [again] = welfare.poll()
    assert (again.jti, again.sequence) == (notice.jti, notice.sequence)


def test_a_name_of_nothing_or_of_somebody_else_changes_nothing(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    probation = town.join("probation_service")
    probation.subscribe_to_inbox()
    prison.admit(town.today + days(40))
    town.settle()
    [mine] = welfare.poll()
    [unseen] = town.deliveries(probation)
    errors = {unseen.jti: {"err": "invalid_key"}, mine.jti: {"err": "invalid_key"}}
    probation.poll(mine.jti, "0" * 32, unseen.jti, setErrs=errors)
    assert statuses(town, welfare) == ["queued"]
    # Confirmed before it was ever handed out: nobody can have it.
    assert [row.status for row in town.deliveries(probation)] == ["queued"]


def test_another_client_and_a_get_have_nothing_there(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    prison.admit(town.today + days(40))
    town.settle()
    other = town.join("social_welfare_centre", name="other")
    other.subscription_id = welfare.subscription_id
    assert other.ask_inbox().status_code == 404
    before = len(town.entries(welfare))
    assert welfare.call("GET", "/v1/inbox/poll").status_code == 405
    assert [row.sequence for row in town.deliveries(welfare)] == [None]
    assert len(town.entries(welfare)) == before


@pytest.mark.parametrize(
    "members",
    [
        {"maxEvents": -1},
        {"maxEvents": 101},
        {"maxEvents": True},
        {"returnImmediately": 1},
        {"ack": "x"},
        {"ack": ["\x00"]},
        {"setErrs": {"x": "invalid_key"}},
        {"setErrs": {"x": {"err": "a b"}}},
        {"subscription_id": "x"},
        {"since": 1},
    ],
    ids=range(10),
)
def test_a_poll_that_is_not_as_agreed_is_refused(
    town: Town, welfare: Agency, members: dict[str, object]
) -> None:
    assert town
    asked = {"subscription_id": welfare.subscription_id, **members}
    assert welfare.call("POST", "/v1/inbox/poll", asked).status_code == 422


def test_a_file_that_cannot_be_opened_holds_up_nobody_else_in_the_inbox(
    town: Town, prison: Prison, welfare: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    broken = prison.admit(town.today + days(40))
    prison.admit(town.today + days(40))
    person = town.person_id(prison.agency, broken)
    where = (SECTION.c.person_id == person, SECTION.c.section == "identity")
    town.world.owner.run_blocking(
        lambda c: c.execute(update(SECTION).where(*where).values(sealed=b"\0" * 40)).close()
    )
    town.settle()
    # One at a time: what cannot be made does not stay at the head of the queue.
    polled = welfare.poll(most=1)
    polled += welfare.poll(*(notice.jti for notice in polled), most=1)
    assert [notice.sequence[0] for notice in polled] == [1]
    assert "DecryptionFailed" in caplog.text
    assert "Wexample" not in caplog.text


def test_a_heartbeat_comes_with_the_poll(town: Town, prison: Prison, welfare: Agency) -> None:
    prison.admit(town.today + days(40))
    town.settle()
    [notice] = welfare.poll()
    welfare.poll(notice.jti)
    town.world.clock.advance(seconds=town.world.settings.heartbeat_seconds)
    [heartbeat] = welfare.poll()
    assert heartbeat.event_type == "heartbeat"
    assert heartbeat.event["last_sequence"] == 1
    assert welfare.poll() == []


def test_of_dates_that_waited_the_newest_is_polled_and_the_poll_says_to_go_on(
    town: Town, prison: Prison, welfare: Agency
) -> None:
    reference = prison.admit(town.today + days(40))
    town.settle()
    [planned] = welfare.poll()
    for number in (50, 60):
        prison.move(reference, town.today + days(number))
    assert welfare.ask_inbox(planned.jti).json() == {
        "sets": {},
        "receipts": {},
        "moreAvailable": True,
    }
    [changed] = welfare.poll()
    assert (changed.event_type, changed.sequence) == ("release_date_changed", (2, 2))
    assert [row.reason for row in town.deliveries(welfare)] == [None, "superseded", None]


# With the receiving program.


@pytest.fixture
def reader(town: Town, tmp_path: Path) -> Iterator[Callable[[DecryptionKey], Inbox]]:
    """An inbox of a centre that opens with the key that it is given."""
    world = town.world
    name = f"reader-{town.number}"
    client = world.agency(name, "social_welfare_centre", municipalities=(town.place,))
    configuration = world.agencies[name].configuration
    with SqliteStore.open(tmp_path / "store") as store:

        def opening_with(key: DecryptionKey) -> Inbox:
            receiver = Receiver(
                issuer=configuration.issuer,
                client_id=configuration.client_id,
                signing_key=configuration.load_signing_key(),
                decryption_keys={key.kid: key},
                sender_keys=SenderKeys(client.sender_keys),
                store=store,
                clock=world.clock,
            )
            return Inbox(
                client=client,
                receiver=receiver,
                store=store,
                answer=Acknowledgement.ACCEPTED,
                clock=world.clock,
            )

        yield opening_with


def test_the_program_keeps_and_confirms_what_it_reads_and_refuses_what_it_cannot(
    town: Town,
    prison: Prison,
    reader: Callable[[DecryptionKey], Inbox],
    caplog: pytest.LogCaptureFixture,
) -> None:
    key, other = (DecryptionKey.generate(bits=2048) for _ in range(2))
    inbox = reader(key)
    subscription = inbox.subscription(key)
    assert [one.event_type for one in inbox.collect(subscription)] == ["verification"]
    assert inbox.subscription(key) == subscription
    prison.admit(town.today + days(40))
    town.tell()
    assert list(reader(other).collect(subscription)) == []
    assert "a notification was refused: invalid_key" in caplog.text
    of_reader = select(DELIVERY).where(DELIVERY.c.subscription_id == subscription)
    row = town.look(lambda c: c.execute(of_reader).one())
    assert (row.status, row.reason) == ("quarantined", "refused: invalid_key")
    house, at = town.world.service.house, town.world.clock()
    town.work(
        lambda c: replay_for(c, house, OPERATOR, find(c, subscription), since=0, status=None, at=at)
    )
    assert [one.event_type for one in inbox.collect(subscription)] == ["release_planned"]
    assert list(inbox.collect(subscription)) == []
    row = town.look(lambda c: c.execute(of_reader).one())
    assert (row.status, row.acknowledgement) == ("sent", "accepted")


def test_the_program_says_so_where_nothing_can_be_polled_before_the_endpoint_is_proven(
    reader: Callable[[DecryptionKey], Inbox],
) -> None:
    key = next(sealing_keys())
    inbox = reader(key)
    wanted = Wanted(address="https://agency.example/notices", encryption_jwk=key.public_jwk())
    subscription = keep_subscription(inbox.store, inbox.client, wanted)
    with pytest.raises(ConfigurationError, match="waits for its endpoint"):
        inbox.subscription(key)
    inbox.client.request("DELETE", f"/v1/subscriptions/{subscription.subscription_id}")
    with pytest.raises(ConfigurationError, match="needs an empty store"):
        inbox.subscription(key)


# Waiting.


def test_a_long_poll_waits_for_what_comes(town: Town, prison: Prison, welfare: Agency) -> None:
    answers: list[list[str]] = []
    welfare.token()

    def wait() -> None:
        found = welfare.poll(returnImmediately=False)
        answers.append([notice.event_type for notice in found])

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.2)
    assert answers == []
    prison.admit(town.today + days(40))
    town.tell()
    waiting.join(20)
    assert answers == [["release_planned"]]


def test_a_long_poll_ends_with_nothing_within_its_bound(town: Town, welfare: Agency) -> None:
    assert town
    began = time.monotonic()
    assert welfare.poll(returnImmediately=False) == []
    assert 1 < time.monotonic() - began < 10


# Push and pull.


def test_what_could_not_be_pushed_can_be_polled(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    # Nobody has tried yet: it is the endpoint's.
    assert probation.poll() == []
    probation.box.answer_next(503)
    town.settle()
    [polled] = probation.poll()
    assert polled.jti == probation.notices()[0].jti
    assert polled.sequence == probation.notices()[0].sequence
    assert probation.poll(polled.jti) == []
    town.advance(hours=7)
    assert len(probation.notices()) == 1
    assert statuses(town, probation) == ["sent"]


def test_what_was_polled_and_not_confirmed_is_pushed_again(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(503)
    town.settle()
    [polled] = probation.poll()
    town.advance(seconds=31)
    assert len(probation.notices()) == 1  # whoever polled may be at it
    town.advance(seconds=LEASE.total_seconds())
    assert [notice.jti for notice in probation.notices()] == [polled.jti] * 2
    assert statuses(town, probation) == ["sent"]


def test_a_paused_subscription_is_polled_and_not_pushed(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    assert probation.change(paused=True).json()["endpoint_state"] == "paused"
    prison.admit(town.today + days(40))
    town.settle()
    assert probation.notices() == []
    [polled] = probation.poll()
    probation.poll(polled.jti)
    prison.admit(town.today + days(40))
    probation.change(paused=False)
    town.settle()
    assert [notice.sequence[0] for notice in probation.notices()] == [2]


def test_push_and_pull_at_once_make_one_delivery_each_and_no_gap(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    references = [prison.admit(town.today + days(40)) for _ in range(8)]
    # So that all can be polled as well, and about half of all pushes fail.
    probation.box.answer_next(*[503] * 8)
    town.settle()
    probation.box.answer_next(*[202, 503] * 40)
    for reference in references[:4]:
        prison.move(reference, town.today + days(45))
    probation.token()
    polled: list[tuple[str, int]] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def pull() -> None:
        try:
            read: list[str] = []
            while not done.is_set():
                notices = probation.poll(*read, most=3)
                polled.extend((one.jti, one.sequence[0]) for one in notices)
                read = [one.jti for one in notices]
            probation.poll(*read, most=0)
        except BaseException as error:  # noqa: BLE001 - of a thread, to be seen by the test
            errors.append(error)

    threads = [threading.Thread(target=pull) for _ in range(2)]
    for thread in threads:
        thread.start()
    dispatcher = town.another_dispatcher()
    for _ in range(5):
        asyncio.run(dispatcher.round())
        time.sleep(0.05)
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    while notices := probation.poll():
        polled.extend((one.jti, one.sequence[0]) for one in notices)
        probation.poll(*(one.jti for one in notices), most=0)
    probation.box.answers.clear()
    town.advance(hours=7)
    assert set(statuses(town, probation)) == {"sent"}
    got = {*polled, *((one.jti, one.sequence[0]) for one in probation.notices())}
    assert len({jti for jti, _ in got}) == len(got) == 12
    assert sorted(number for _, number in got) == list(range(1, 13))
    delivered = Counter(
        entry["payload"]["notification"]
        for entry in town.entries(probation)
        if entry["circumstances"]["outcome"] == "delivered"
    )
    # One logical delivery, however many ways it went.
    assert set(delivered) == {jti for jti, _ in got}
    assert set(delivered.values()) == {1}
