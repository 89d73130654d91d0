"""Claims, leases and what a finisher may still change."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from app.engines import make_engine
from app.outbox import deliveries
from app.outbox.deliveries import CANCELLED, DEAD, DELIVERY, QUEUED, SENT, Try
from app.outbox.events import Audience, NewEvent, publish
from app.outbox.planning import Occurrence, announce
from app.outbox.subscriptions import leap
from app.problems import NotFound
from app.tables import METADATA
from tests.conftest import empty_database
from tests.outbox.conftest import LEASE, Office
from throughcare_receiver.notification import Sequence
from throughcare_receiver.order import NOTHING, Placement, place

SECOND = timedelta(seconds=1)


def event(office: Office, person_id: str, event_type: str = "release_planned") -> NewEvent:
    return NewEvent(
        event_id=office.planner.new_id(),
        person_id=person_id,
        event_type=event_type,
        release_date=None,
        notice={},
        priority="routine",
    )


def queue(office: Office, person_id: str) -> str:
    """A delivery about a person to the one subscriber there is; its jti."""
    audience = Audience(roles=frozenset({"probation_service"}))
    new = event(office, person_id)
    made = publish(office.connection, new, audience, new_id=office.planner.new_id, at=office.at)
    assert made == 1
    [row] = office.rows(DELIVERY.c.event_id == new.event_id)
    return str(row.jti)


@pytest.fixture
def ready(office: Office) -> Office:
    """An office with one subscriber and two persons."""
    office.subscriber("probation", "probation_service")
    for person in ("one", "two"):
        office.person(person)
    return office


def test_what_is_claimed_is_not_claimed_by_another(ready: Office) -> None:
    jti = queue(ready, "one")
    assert [row.jti for row in ready.claim("first")] == [jti]
    assert ready.claim("second") == []


def test_a_claim_takes_no_more_than_asked_the_longest_waiting_first(ready: Office) -> None:
    older = queue(ready, "one")
    ready.at += SECOND
    newer = queue(ready, "two")
    assert [row.jti for row in ready.claim(limit=1)] == [older]
    assert [row.jti for row in ready.claim(limit=1)] == [newer]


def test_what_is_not_due_is_not_claimed(ready: Office) -> None:
    jti = queue(ready, "one")
    ready.claim("first")
    later = ready.at + SECOND
    postponed = deliveries.postpone(
        ready.connection, jti, lease="first", attempts=1, next_at=later, reason="x"
    )
    assert postponed
    assert ready.claim() == []
    ready.at = later
    assert [row.attempts for row in ready.claim()] == [1]


def test_an_expired_lease_is_claimed_again(ready: Office) -> None:
    jti = queue(ready, "one")
    ready.claim("killed")
    ready.at += LEASE
    assert ready.claim("early") == []
    ready.at += SECOND
    assert [(row.jti, row.lease) for row in ready.claim("next")] == [(jti, "next")]


def test_a_younger_one_waits_for_an_older_one_of_the_same_person(ready: Office) -> None:
    first, second = queue(ready, "one"), queue(ready, "one")
    other = queue(ready, "two")
    assert {row.jti for row in ready.claim("a")} == {first, other}
    assert ready.claim("b") == []
    deliveries.finish(ready.connection, first, lease="a", status=DEAD)
    assert [row.jti for row in ready.claim("b")] == [second]


def test_a_younger_one_waits_though_the_older_one_is_put_off(ready: Office) -> None:
    first = queue(ready, "one")
    queue(ready, "one")
    ready.claim("a")
    later = ready.at + timedelta(days=1)
    deliveries.postpone(ready.connection, first, lease="a", attempts=1, next_at=later, reason="x")
    assert ready.claim("b") == []


def test_two_subscriptions_do_not_wait_for_each_other(ready: Office) -> None:
    ready.subscription("probation", name="second endpoint")
    audience = Audience(roles=frozenset({"probation_service"}))
    for _ in range(2):
        new = event(ready, "one")
        publish(ready.connection, new, audience, new_id=ready.planner.new_id, at=ready.at)
    claimed = ready.claim()
    assert len(claimed) == len({row.subscription_id for row in claimed}) == 2


@pytest.mark.parametrize("status", [SENT, CANCELLED, DEAD])
def test_an_old_lease_changes_nothing(ready: Office, status: str) -> None:
    jti = queue(ready, "one")
    ready.claim("old")
    ready.at += LEASE + SECOND
    ready.claim("new")
    before = ready.rows()
    connection = ready.connection
    assert deliveries.held(connection, jti, lease="old") is None
    assert not deliveries.hold(connection, jti, lease="old", until=ready.at + 9 * LEASE)
    assert not deliveries.finish(connection, jti, lease="old", status=status)
    assert not deliveries.postpone(
        connection, jti, lease="old", attempts=9, next_at=ready.at, reason="x"
    )
    assert ready.rows() == before
    assert deliveries.finish(connection, jti, lease="new", status=status)
    assert not deliveries.finish(connection, jti, lease="new", status=QUEUED)
    assert [row.status for row in ready.rows()] == [status]


def test_a_lease_can_be_prolonged_by_its_holder(ready: Office) -> None:
    jti = queue(ready, "one")
    ready.claim("slow")
    ready.at += LEASE
    assert deliveries.hold(ready.connection, jti, lease="slow", until=ready.at + LEASE)
    ready.at += LEASE
    assert ready.claim("other") == []
    ready.at += SECOND
    assert len(ready.claim("other")) == 1


def test_a_finished_delivery_is_not_claimed(ready: Office) -> None:
    jti = queue(ready, "one")
    ready.claim("a")
    deliveries.finish(ready.connection, jti, lease="a", status=SENT)
    ready.at += timedelta(days=1)
    assert ready.claim("b") == []


def test_a_delivery_of_another_agency_is_not_there(ready: Office) -> None:
    jti = queue(ready, "one")
    assert deliveries.get(ready.connection, jti, agency_id="probation").jti == jti
    for agency, name in (("prison", jti), ("probation", "0" * 32)):
        with pytest.raises(NotFound, match="no such notification"):
            deliveries.get(ready.connection, name, agency_id=agency)


def test_the_first_acknowledgement_is_kept(ready: Office) -> None:
    jti = queue(ready, "one")
    deliveries.acknowledge(ready.connection, jti, kind="accepted", at=ready.at)
    deliveries.acknowledge(ready.connection, jti, kind="not_competent", at=ready.at + SECOND)
    [row] = ready.rows()
    assert (row.acknowledgement, row.acknowledged_at) == ("accepted", ready.at)


def test_attempts_are_kept_in_their_order(ready: Office) -> None:
    jti = queue(ready, "one")
    assert deliveries.first_tried_at(ready.connection, jti) is None
    for number in (2, 1):
        started = ready.at + number * SECOND
        attempt = Try(jti=jti, number=number, started_at=started, milliseconds=number)
        deliveries.log_attempt(ready.connection, attempt)
    assert [row.number for row in deliveries.attempts_of(ready.connection, jti)] == [1, 2]
    assert deliveries.first_tried_at(ready.connection, jti) == ready.at + SECOND


def test_the_newest_deliveries_of_a_subscription_come_first(ready: Office) -> None:
    names = []
    for number, person in enumerate(("one", "two", "one"), start=1):
        names.append(queue(ready, person))
        deliveries.number(ready.connection, names[-1], sequence=number)
        ready.at += SECOND
    found = deliveries.of_subscription(ready.connection, "probation-endpoint", limit=2)
    assert [row.jti for row in found] == names[:0:-1]


def test_what_was_never_tried_is_not_shown_to_its_subscriber(ready: Office) -> None:
    queue(ready, "one")
    assert not deliveries.of_subscription(ready.connection, "probation-endpoint", limit=2)


# Two at once, which only PostgreSQL has.


@pytest.fixture
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine = make_engine(empty_database("postgresql", request, tmp_path_factory.mktemp("none")))
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def test_two_that_claim_at_once_share_the_work(engine: Engine) -> None:
    with engine.begin() as connection:
        office = Office(connection)
        office.agency("prison", "correctional_service")
        office.subscriber("probation", "probation_service")
        for number in range(6):
            queue(office, office.person(str(number)))
    with engine.connect() as one, engine.connect() as other:
        first = Office(one).claim("one", limit=4)
        second = Office(other).claim("other", limit=4)
        assert (len(first), len(second)) == (4, 2)
        assert not {row.jti for row in first} & {row.jti for row in second}
        one.commit()
        other.commit()
    with engine.connect() as connection:
        leases = connection.scalars(select(DELIVERY.c.lease).order_by(DELIVERY.c.lease)).all()
    assert leases == ["one"] * 4 + ["other"] * 2


def test_a_claim_that_is_rolled_back_frees_what_it_took(engine: Engine) -> None:
    with engine.begin() as connection:
        office = Office(connection)
        office.agency("prison", "correctional_service")
        office.subscriber("probation", "probation_service")
        queue(office, office.person("one"))
    with engine.connect() as one, engine.connect() as other:
        assert len(Office(one).claim("one")) == 1
        assert Office(other).claim("other") == []
        one.rollback()
        assert len(Office(other).claim("other")) == 1


def happens(office: Office, event: str) -> None:
    announce(office.connection, office.planner, "somebody", Occurrence(event=event), at=office.at)
    office.at += timedelta(seconds=1)


def test_what_is_immediate_comes_first_and_what_is_slower_waits_for_it(office: Office) -> None:
    office.person("somebody")
    office.subscriber("court", "court_panel")
    happens(office, "transferred")
    happens(office, "escaped")
    happens(office, "temporary_leave_failed_to_return")
    [escaped] = office.claim("one")
    assert escaped.rank == 0
    assert office.claim("two") == []
    deliveries.finish(office.connection, escaped.jti, lease="one", status=deliveries.SENT)
    [failed] = office.claim("three")
    assert failed.rank == 0
    deliveries.finish(office.connection, failed.jti, lease="three", status=deliveries.SENT)
    [transferred] = office.claim("four")
    assert transferred.rank == 2


def test_what_is_immediate_waits_for_what_is_on_its_way_and_not_for_what_is_put_off(
    office: Office,
) -> None:
    office.person("somebody")
    office.subscriber("court", "court_panel")
    happens(office, "transferred")
    [transferred] = office.claim("one")
    happens(office, "escaped")
    assert office.claim("two") == []
    later = office.at + timedelta(hours=6)
    deliveries.postpone(
        office.connection, transferred.jti, lease="one", attempts=1, next_at=later, reason=""
    )
    [escaped] = office.claim("three")
    assert escaped.rank == 0


def test_after_a_loss_the_newest_notice_is_late_for_nobody(ready: Office) -> None:
    """A receiver has 900 notices that a restored database knows nothing of, but for the first."""
    first = numbered(ready)
    leap(ready.connection)
    second, third = numbered(ready), numbered(ready)
    placed = place(second, highest=900, highest_about_person=900)
    assert not placed.is_late
    # It sees what is lost.
    assert placed.skipped.start == placed.skipped_about_person.start == 901
    assert place(third, highest=second.subscriber, highest_about_person=second.person) == Placement(
        skipped=NOTHING, skipped_about_person=NOTHING, is_late=False
    )
    # A second loss is one more leap; what was numbered keeps its numbers.
    leap(ready.connection)
    assert numbered(ready).person > third.person + 900
    assert numbers_of(ready, first.subscriber) == first == Sequence(subscriber=1, person=1)


def numbered(office: Office) -> Sequence:
    """The numbers of one more notice about the first person."""
    jti = queue(office, "one")
    office.send_all()
    [row] = office.rows(DELIVERY.c.jti == jti)
    return numbers_of(office, row.sequence)


def numbers_of(office: Office, sequence: int) -> Sequence:
    person = deliveries.place_among_person(
        office.connection,
        subscription_id="probation-endpoint",
        person_id="one",
        sequence=sequence,
    )
    return Sequence(subscriber=sequence, person=person)
