"""From changes and the clock to events, in the transaction of the fact."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, select

from app.database import Database
from app.outbox.deliveries import DELIVERY
from app.outbox.milestones import MILESTONE
from app.outbox.planning import catch_up, catch_up_agency, follow, tell_due
from app.outbox.receipts import EVENT
from app.releases.changes import Change, ReleaseFacts
from tests.outbox.conftest import PLACE, START, Office

TODAY = START.date()


def facts(days: int | None) -> ReleaseFacts:
    release = None if days is None else TODAY + timedelta(days=days)
    return ReleaseFacts(planned_release_date=release)


def move(office: Office, before: int | None, after: int | None, person: str = "somebody") -> None:
    """A planned date, in days from today, becomes another one."""
    office.change(person, planned_release_date=facts(after).planned_release_date)
    change = Change(before=facts(before), after=facts(after))
    follow(office.connection, office.planner, person, change, at=office.at)


def tell(office: Office) -> int:
    told = tell_due(office.connection, office.planner, at=office.at, limit=99)
    office.send_all()
    return told


def events(office: Office) -> list[tuple[str, list[str]]]:
    found = office.connection.execute(select(EVENT).order_by(EVENT.c.occurred_at))
    return [(row.event_type, row.notice["milestones"]) for row in found]


def recipients(office: Office) -> list[list[str]]:
    found = office.connection.execute(select(EVENT).order_by(EVENT.c.occurred_at))
    return [
        sorted(row.agency_id for row in office.rows(DELIVERY.c.event_id == event.event_id))
        for event in found
    ]


def test_a_step_that_addresses_nobody_makes_no_event(office: Office) -> None:
    office.person("somebody")
    move(office, None, 150)
    assert tell(office) == 1
    assert events(office) == []
    told = office.connection.execute(select(MILESTONE).where(MILESTONE.c.status == "told"))
    assert [row.name for row in told] == ["T-180"]


def test_an_event_says_nothing_about_the_person(office: Office) -> None:
    office.person("somebody")
    move(office, None, 40)
    tell(office)
    [event] = office.connection.execute(select(EVENT)).all()
    assert event.notice == {
        "milestones": ["T-180", "T-90", "T-60"],
        "sections": [
            "identity",
            "residence_contact",
            "sentence",
            "release",
            "supervision",
            "plan",
            "needs",
            "risk_assessment",
        ],
        "shortfall_days": {
            "probation_service": 50,
            "reintegration_unit": 50,
            "social_welfare_centre": 20,
        },
        "acknowledgement_hours": 72,
        "only_those_told": False,
    }
    assert event.release_date == TODAY + timedelta(days=40)


def test_what_is_told_of_a_cancelled_release_names_its_last_date(office: Office) -> None:
    office.person("somebody")
    office.subscriber("probation", "probation_service")
    move(office, None, 40)
    tell(office)
    move(office, 40, None)
    *_, cancelled = office.connection.execute(select(EVENT).order_by(EVENT.c.occurred_at))
    assert cancelled.event_type == "release_cancelled"
    assert cancelled.release_date == TODAY + timedelta(days=40)
    assert recipients(office) == [["probation"]] * 2


def test_what_is_told_of_a_release_names_the_day_it_happened(office: Office) -> None:
    office.person("somebody", release=TODAY + timedelta(days=3))
    before = facts(3)
    after = ReleaseFacts(
        planned_release_date=before.planned_release_date, actual_release_datetime=START
    )
    change = Change(before=before, after=after)
    follow(office.connection, office.planner, "somebody", change, at=office.at)
    [event] = office.connection.execute(select(EVENT)).all()
    assert (event.event_type, event.release_date) == ("released", date(2027, 3, 3))


def test_a_change_that_is_rolled_back_takes_its_events_with_it(database: Database) -> None:
    def prepare(connection: Connection) -> None:
        office = Office(connection)
        office.agency("prison", "correctional_service")
        office.subscriber("probation", "probation_service")
        office.person("somebody")
        move(office, None, 40)
        tell(office)

    def fail(connection: Connection) -> None:
        move(Office(connection), 40, 50)
        raise ZeroDivisionError

    database.run_blocking(prepare)
    with pytest.raises(ZeroDivisionError):
        database.run_blocking(fail)
    assert database.run_blocking(lambda c: events(Office(c))) == [
        ("release_planned", ["T-180", "T-90", "T-60"])
    ]


def test_nobody_is_told_twice_by_catching_up(office: Office) -> None:
    office.subscriber("probation", "probation_service")
    office.person("somebody")
    move(office, None, 40)
    tell(office)
    for _ in range(3):
        catch_up(office.connection, office.planner, "somebody", at=office.at)
    assert recipients(office) == [["probation"], [], [], []]


def test_there_is_nothing_to_catch_up_with_before_the_first_milestone(office: Office) -> None:
    office.subscriber("probation", "probation_service")
    office.person("somebody")
    catch_up(office.connection, office.planner, "somebody", at=office.at)
    move(office, None, 300)
    catch_up(office.connection, office.planner, "somebody", at=office.at)
    assert events(office) == []


def test_there_is_nothing_to_catch_up_with_after_the_release(office: Office) -> None:
    office.subscriber("probation", "probation_service")
    office.person("somebody")
    move(office, None, 1)
    tell(office)
    office.subscriber("late", "probation_service")
    office.at += timedelta(days=2)
    catch_up(office.connection, office.planner, "somebody", at=office.at)
    office.at -= timedelta(days=2)
    office.change("somebody", actual_release_at=office.at)
    catch_up(office.connection, office.planner, "somebody", at=office.at)
    assert recipients(office) == [["probation"]]


def test_a_milestone_to_come_is_told_at_its_time_to_who_comes_late(office: Office) -> None:
    """What is planned anew for another date is not caught up with before."""
    office.person("somebody")
    move(office, None, 40)
    tell(office)
    move(office, 40, 70)
    office.subscriber("welfare", "social_welfare_centre")
    catch_up(office.connection, office.planner, "somebody", at=office.at)
    assert recipients(office)[-1] == []
    office.at += timedelta(days=12)
    tell(office)
    assert recipients(office)[-1] == ["welfare"]


def test_a_late_endpoint_catches_up_with_all_that_concerns_its_agency(office: Office) -> None:
    office.person("near")
    office.person("far", place="XK-PEJA")
    office.person("leave", place="XK-PEJA")
    office.change("leave", leave_municipality=PLACE)
    office.person("gone")
    office.person("dateless")
    for person in ("near", "far", "leave", "gone"):
        move(office, None, 40, person)
    tell(office)
    office.change("gone", planned_release_date=TODAY - timedelta(days=1))
    office.subscriber("welfare", "social_welfare_centre")
    catch_up_agency(office.connection, office.planner, "welfare", at=office.at)
    assert sorted(row.person_id for row in office.rows()) == ["leave", "near"]
