"""Fan-out: which subscriptions an event makes deliveries for, and in which order it stands."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from app.agencies.registry import AGENCY
from app.cases import assignments
from app.cases.assignments import Offer
from app.outbox import deliveries, receipts
from app.outbox.competence import is_concerned
from app.outbox.deliveries import CANCELLED, DEAD, DELIVERY, QUEUED, SENT
from app.outbox.events import Audience, NewEvent, Recipients, publish
from app.outbox.receipts import EVENT
from tests.keys import RING
from tests.outbox.conftest import PLACE, Office

ROLE = "probation_service"
EVERYBODY = frozenset({"probation_service", "social_welfare_centre"})


def tell(
    office: Office,
    recipients: Recipients = Recipients.ALL,
    *,
    event_type: str = "release_planned",
    roles: frozenset[str] = EVERYBODY,
    person_id: str = "somebody",
) -> list[str]:
    """Publish an event; the agencies that it makes deliveries for."""
    new = NewEvent(
        event_id=office.planner.new_id(),
        person_id=person_id,
        event_type=event_type,
        release_date=date(2027, 6, 1),
        notice={"milestones": []},
        priority="routine",
    )
    audience = Audience(roles=roles, recipients=recipients)
    publish(office.connection, new, audience, new_id=office.planner.new_id, at=office.at)
    return sorted(row.agency_id for row in office.rows(DELIVERY.c.event_id == new.event_id))


@pytest.fixture
def ready(office: Office) -> Office:
    """An office with two agencies of the place and one of elsewhere, and a person."""
    office.subscriber("probation", ROLE)
    office.subscriber("welfare", "social_welfare_centre")
    office.subscriber("elsewhere", ROLE, places=("XK-PEJA",))
    office.person("somebody")
    return office


def assign(office: Office, agency_id: str) -> str:
    new = Offer(
        assignment_id=office.planner.new_id(),
        person_id="somebody",
        agency_id=agency_id,
        by_agency="prison",
        by_officer="officer",
    )
    assignments.offer(office.connection, new, ring=RING, standing_acceptance=True, at=office.at)
    return new.assignment_id


def test_competent_agencies_of_the_roles_are_told(ready: Office) -> None:
    assert tell(ready) == ["probation", "welfare"]
    assert tell(ready, roles=frozenset({ROLE})) == ["probation"]
    assert tell(ready, roles=frozenset({"police_local"})) == []


def test_who_has_the_case_is_told_as_long_as_it_has_it(ready: Office) -> None:
    assignment = assign(ready, "elsewhere")
    assert tell(ready, roles=frozenset({ROLE})) == ["elsewhere", "probation"]
    accepted = assignments.get(ready.connection, assignment, ring=RING)
    assignments.end(
        ready.connection, accepted, ring=RING, agency="prison", officer="officer", at=ready.at
    )
    assert tell(ready, roles=frozenset({ROLE})) == ["probation"]


def test_the_place_of_a_leave_counts_too(ready: Office) -> None:
    ready.change("somebody", leave_municipality="XK-PEJA")
    assert tell(ready) == ["elsewhere", "probation", "welfare"]


def test_nobody_is_competent_where_no_place_is_known(ready: Office) -> None:
    ready.change("somebody", return_municipality=None)
    assert tell(ready) == []


def test_an_endpoint_that_is_not_verified_is_not_told(ready: Office) -> None:
    ready.subscription(ready.agency("late", ROLE), active=False)
    assert tell(ready) == ["probation", "welfare"]


def test_an_agency_that_was_revoked_is_not_told(ready: Office) -> None:
    of_welfare = update(AGENCY).where(AGENCY.c.agency_id == "welfare")
    ready.connection.execute(of_welfare.values(status="revoked"))
    assert tell(ready) == ["probation"]


def test_an_event_for_nobody_stands_all_the_same(ready: Office) -> None:
    tell(ready, roles=frozenset({"police_local"}))
    assert len(ready.connection.execute(select(EVENT)).all()) == 1
    assert ready.rows() == []


def test_each_endpoint_of_an_agency_is_told(ready: Office) -> None:
    ready.subscription("probation", name="second endpoint")
    assert tell(ready) == ["probation", "probation", "welfare"]
    assert len({row.jti for row in ready.rows()}) == 3


def test_whether_an_agency_is_concerned_is_asked_anew(ready: Office) -> None:
    def concerned(agency_id: str) -> bool:
        return is_concerned(ready.connection, agency_id=agency_id, person_id="somebody")

    assert (concerned("probation"), concerned("elsewhere")) == (True, False)
    ready.change("somebody", return_municipality="XK-PEJA")
    assert (concerned("probation"), concerned("elsewhere")) == (False, True)
    ready.change("somebody", return_municipality=PLACE)
    assign(ready, "elsewhere")
    assert (concerned("probation"), concerned("elsewhere")) == (True, True)


# By what was received.


def test_new_are_those_who_were_neither_told_nor_are_being_told(ready: Office) -> None:
    tell(ready, roles=frozenset({ROLE}))
    assert tell(ready, Recipients.NEW) == ["welfare"]
    ready.send_all()
    assert tell(ready, Recipients.NEW) == []


@pytest.mark.parametrize("status", [CANCELLED, DEAD])
def test_who_was_to_be_told_in_vain_is_new(ready: Office, status: str) -> None:
    tell(ready, roles=frozenset({ROLE}))
    [row] = ready.claim("a")
    deliveries.finish(ready.connection, row.jti, lease="a", status=status)
    assert tell(ready, Recipients.NEW, roles=frozenset({ROLE})) == ["probation"]


def test_told_are_those_who_may_hold_a_notice_wherever_they_are_now(ready: Office) -> None:
    assert tell(ready, Recipients.TOLD) == []
    tell(ready, roles=frozenset({ROLE}))
    assert tell(ready, Recipients.TOLD) == []
    ready.send_all()
    assert tell(ready, Recipients.TOLD) == ["probation"]
    ready.change("somebody", return_municipality="XK-PEJA")
    assert tell(ready, Recipients.TOLD) == ["probation"]
    ready.person("another")
    assert tell(ready, Recipients.TOLD, person_id="another") == []


@pytest.mark.parametrize("status", [QUEUED, SENT, DEAD, CANCELLED])
def test_an_attempt_is_a_receipt_however_it_ended(ready: Office, status: str) -> None:
    tell(ready, roles=frozenset({ROLE}))
    [row] = ready.claim("a")
    deliveries.number(ready.connection, row.jti, sequence=1)
    deliveries.finish(ready.connection, row.jti, lease="a", status=status)
    assert tell(ready, Recipients.TOLD) == ["probation"]


def test_silent_are_those_who_were_told_and_said_nothing(ready: Office) -> None:
    assert tell(ready, Recipients.SILENT) == []
    tell(ready)
    ready.send_all()
    assert tell(ready, Recipients.SILENT) == ["probation", "welfare"]
    [row] = ready.rows(DELIVERY.c.agency_id == "welfare", DELIVERY.c.status == SENT)
    deliveries.acknowledge(ready.connection, row.jti, kind="accepted", at=ready.at)
    assert tell(ready, Recipients.SILENT) == ["probation"]
    ready.change("somebody", return_municipality="XK-PEJA")
    assert tell(ready, Recipients.SILENT) == []


@pytest.mark.parametrize("closing", receipts.CLOSING)
def test_what_was_told_of_a_release_that_is_over_does_not_count(
    ready: Office, closing: str
) -> None:
    tell(ready)
    ready.send_all()
    assert tell(ready, Recipients.TOLD, event_type=closing) == ["probation", "welfare"]
    ready.send_all()
    assert tell(ready, Recipients.TOLD) == []
    assert tell(ready, Recipients.SILENT) == []
    assert tell(ready, Recipients.NEW, roles=frozenset({ROLE})) == ["probation"]
    ready.send_all()
    assert tell(ready, Recipients.TOLD) == ["probation"]


def test_an_event_concerns_the_notices_of_its_own_release(ready: Office) -> None:
    for event_type in (
        "release_planned",
        "release_date_changed",
        "release_cancelled",
        "release_planned",
        "release_date_changed",
        "release_cancelled",
    ):
        tell(ready, event_type=event_type)
        ready.send_all()
    names = [row.jti for row in ready.rows(DELIVERY.c.agency_id == "probation")]
    events = ready.connection.execute(select(EVENT).order_by(EVENT.c.occurred_at))
    concerned = [
        receipts.of_event(ready.connection, event, subscription_id="probation-endpoint")
        for event in events
    ]
    places = [[names.index(name) for name in found] for found in concerned]
    assert places == [[], [0], [0, 1], [], [3], [3, 4]]


# In which order they stand.


def test_events_of_a_person_stand_in_the_order_of_their_making(ready: Office) -> None:
    """Also when the clock stands still, and when it is set back."""
    for step in (0, 0, -600, 5, 0):
        ready.at += timedelta(seconds=step)
        tell(ready)
    order = ready.connection.execute(select(EVENT).order_by(EVENT.c.occurred_at)).all()
    assert [row.event_id for row in order] == sorted(row.event_id for row in order)
    created = [row.created_at for row in ready.rows(DELIVERY.c.agency_id == "welfare")]
    assert len(set(created)) == 5
    assert min(row.next_attempt_at for row in ready.rows()) < min(created)


def test_a_far_past_event_does_not_hold_the_clock_back(ready: Office) -> None:
    tell(ready)
    ready.at = datetime(2028, 1, 1, tzinfo=UTC)
    tell(ready)
    assert max(row.created_at for row in ready.rows()) == ready.at
