"""What is stored is told to the service, whatever comes between."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.access_log.note import Verifier
from app.crypto.log_signing import LogSigningKey
from app.receiver import answering
from app.receiver.answering import AnsweringWorker, Backoff
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.subscribing import Wanted
from tests.receiver.service_stand_in import ServiceStandIn, served, wait_until
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.notification import Notification, Sequence
from throughcare_receiver.receipt import Receipt
from throughcare_receiver.receiver import utc_now
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import GIVEN_UP, TAKEN

AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NOTICE = Notification(
    jti="n-1",
    txn="txn-1",
    issued_at=AT,
    reference="ref-1",
    event_type="release_planned",
    event={"planned_release_date": "2027-01-15"},
    sequence=Sequence(subscriber=1, person=1),
)
VERIFICATION = replace(
    NOTICE,
    jti="v-1",
    reference=None,
    sequence=None,
    event_type="verification",
    event={"subscription_id": "sub-1", "nonce": "nonce-1"},
)

Working = Callable[..., AbstractContextManager[AnsweringWorker]]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits double as ever, from hundredths of a second."""
    monkeypatch.setattr(answering, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(answering, "LONGEST_WAIT_SECONDS", 0.1)


@pytest.fixture
def working(store: SqliteStore, client: AgencyClient) -> Working:
    @contextmanager
    def run(
        wanted: Wanted | None = None, give_up: Callable[[], None] = lambda: None
    ) -> Iterator[AnsweringWorker]:
        worker = AnsweringWorker(
            store,
            client,
            kind=Acknowledgement.ACCEPTED,
            clock=utc_now,
            wanted=wanted,
            give_up=give_up,
        )
        worker.start()
        try:
            yield worker
        finally:
            worker.stop()

    return run


def _is_empty(store: SqliteStore) -> Callable[[], bool]:
    return lambda: not store.waiting()


def test_what_comes_in_is_acknowledged(
    working: Working, store: SqliteStore, service: ServiceStandIn
) -> None:
    with working() as worker:
        store.add(NOTICE, at=AT)
        worker.wake()
        wait_until(_is_empty(store))
    assert service.acknowledgements["n-1"]["kind"] == "accepted"
    assert store.get("n-1").answer_state == TAKEN


def test_what_waited_from_before_is_acknowledged_at_the_start(
    working: Working, store: SqliteStore, service: ServiceStandIn
) -> None:
    store.add(NOTICE, at=AT)
    with working():
        wait_until(_is_empty(store))
    assert list(service.acknowledgements) == ["n-1"]


def test_a_verification_is_answered_with_its_nonce(
    working: Working, store: SqliteStore, service: ServiceStandIn
) -> None:
    store.add(VERIFICATION, at=AT)
    with working():
        wait_until(_is_empty(store))
    assert service.verifications["sub-1"]["nonce"] == "nonce-1"
    assert service.acknowledgements == {}


def test_a_refusal_is_tried_again_and_holds_up_nothing_else(
    working: Working, store: SqliteStore, service: ServiceStandIn
) -> None:
    service.refusals["/v1/notifications/n-1/"] = [404, 409, 500, 503]
    store.add(NOTICE, at=AT)
    store.add(replace(NOTICE, jti="n-2"), at=AT)
    with working():
        wait_until(_is_empty(store))
    assert list(service.acknowledgements) == ["n-2", "n-1"]


def test_what_the_service_will_never_take_is_given_up(
    working: Working, store: SqliteStore, service: ServiceStandIn
) -> None:
    service.refusals["/v1/notifications/n-1/"] = [410]
    store.add(NOTICE, at=AT)
    with working():
        wait_until(_is_empty(store))
    assert store.get("n-1").answer_state == GIVEN_UP
    assert service.acknowledgements == {}


def test_an_outage_is_outlived(
    configuration: AgencyConfiguration, store: SqliteStore, service: ServiceStandIn
) -> None:
    later = ServiceStandIn(
        sender=service.sender, client_id=service.client_id, client_jwks=service.client_jwks
    )
    with served(later.app()) as address:
        port = int(address.rpartition(":")[2])
    later.issuer = address
    with AgencyClient(replace(configuration, issuer=address)) as client:
        worker = AnsweringWorker(store, client, kind=Acknowledgement.ACCEPTED, clock=utc_now)
        store.add(NOTICE, at=AT)
        worker.start()
        wait_until(lambda: worker._outage._failures > 2)  # noqa: SLF001 - nobody else sees an attempt that reaches nobody
        with served(later.app(), port=port):
            wait_until(_is_empty(store))
        worker.stop()
    assert list(later.acknowledgements) == ["n-1"]


def test_an_unexpected_error_does_not_end_the_work(
    working: Working,
    store: SqliteStore,
    service: ServiceStandIn,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # A row that only another program can have written: the event of a verification without nonce.
    store.add(replace(VERIFICATION, event={}), at=AT)
    with working() as worker:
        wait_until(lambda: "answering failed" in caplog.text)
        store.mark_answered("v-1", state=GIVEN_UP, at=AT)
        store.add(NOTICE, at=AT)
        worker.wake()
        wait_until(_is_empty(store))
    assert list(service.acknowledgements) == ["n-1"]


def test_an_answer_that_was_chosen_before_stands(
    working: Working, store: SqliteStore, service: ServiceStandIn
) -> None:
    store.add(NOTICE, at=AT)
    store.choose_answer("n-1", Acknowledgement.NOT_COMPETENT)
    with working():
        wait_until(_is_empty(store))
    assert service.acknowledgements["n-1"]["kind"] == "not_competent"


def test_an_endpoint_is_subscribed_once(
    working: Working,
    store: SqliteStore,
    service: ServiceStandIn,
    decryption_key: DecryptionKey,
) -> None:
    wanted = Wanted(
        address="https://agency.example/notifications",
        encryption_jwk=decryption_key.public_jwk(),
    )
    for _ in range(2):
        with working(wanted) as worker:
            wait_until(lambda: bool(store.subscriptions()))
            worker.wake()
    assert [body["endpoint"] for body in service.subscriptions] == [wanted.address]


def test_a_refused_subscription_is_tried_again_and_holds_up_no_answer(
    working: Working,
    store: SqliteStore,
    service: ServiceStandIn,
    decryption_key: DecryptionKey,
) -> None:
    service.refusals["/v1/subscriptions"] = [403, 503]
    store.add(NOTICE, at=AT)
    wanted = Wanted(
        address="https://agency.example/notifications",
        encryption_jwk=decryption_key.public_jwk(),
    )
    with working(wanted):
        wait_until(lambda: bool(service.subscriptions and service.acknowledgements))


def test_an_endpoint_that_is_never_taken_ends_the_work(
    working: Working, service: ServiceStandIn, decryption_key: DecryptionKey
) -> None:
    service.refusals["/v1/subscriptions"] = [422]
    given_up = threading.Event()
    wanted = Wanted(address="http://127.0.0.1:1/", encryption_jwk=decryption_key.public_jwk())
    with working(wanted, given_up.set) as worker:
        assert given_up.wait(15)
        assert "endpoint = " in str(worker.hopeless)
    assert service.subscriptions == []


def test_waits_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "FIRST_WAIT_SECONDS", 10.0)
    monkeypatch.setattr(answering, "LONGEST_WAIT_SECONDS", 100.0)
    backoff = Backoff()
    assert backoff.remaining() == 0
    waits = []
    for _ in range(40):
        backoff.failed()
        waits.append(backoff.remaining())
    assert 4 < waits[0] <= 10
    assert all(44 < wait <= 100 for wait in waits[4:])


def test_stopping_leaves_what_waits(
    working: Working, store: SqliteStore, service: ServiceStandIn, tmp_path: Path
) -> None:
    service.refusals["/v1/notifications"] = [503] * 10_000
    store.add(NOTICE, at=AT)
    with working():
        wait_until(lambda: len(service.refusals["/v1/notifications"]) < 10_000)
    with SqliteStore.open(tmp_path / "store") as after:
        assert after.waiting() == ("n-1",)


def test_a_disclosure_that_is_not_on_record_is_told_loudly_and_once(
    store: SqliteStore, configuration: AgencyConfiguration, caplog: pytest.LogCaptureFixture
) -> None:
    key = LogSigningKey.from_seed(bytes(32))
    strict = replace(configuration, log_key=(Verifier.of("log.example", key).to_vkey(),))
    store.keep_receipt(Receipt(entry_id="entry-1", leaf_hash=bytes(32), due_at=AT, note="signed"))
    with AgencyClient(strict) as client:
        worker = AnsweringWorker(store, client, kind=Acknowledgement.ACCEPTED, clock=utc_now)
        worker.start()
        wait_until(lambda: "DISCLOSED BUT NOT ON RECORD: entry entry-1" in caplog.text)
        for _ in range(3):
            worker.wake()
        worker.stop()
    assert caplog.text.count("NOT ON RECORD") == 1
