"""Lead times as they follow from deliveries, on rows of both databases."""

from datetime import timedelta

from app.outbox import lead_times
from app.outbox.planning import catch_up, follow, tell_due
from app.releases.changes import Change, ReleaseFacts
from app.releases.lead_time import SMALLEST_GROUP, Report
from tests.outbox.conftest import START, Office

DAY = timedelta(days=1)
TODAY = START.date()


def persons(office: Office, days: int) -> None:
    """As many persons as make a group, released in so many days; known from today on."""
    planned = ReleaseFacts(planned_release_date=TODAY + days * DAY)
    change = Change(before=ReleaseFacts(planned_release_date=None), after=planned)
    for number in range(SMALLEST_GROUP):
        person = office.person(f"p{number:02}", release=planned.planned_release_date)
        follow(office.connection, office.planner, person, change, at=office.at)


def tell(office: Office) -> None:
    tell_due(office.connection, office.planner, at=office.at, limit=99)
    office.send_all()


def read(office: Office, *, until_days: int = 400) -> Report:
    return lead_times.read(
        office.connection,
        office.planner.profile,
        since=TODAY - DAY,
        until=TODAY + until_days * DAY,
        today=office.planner.profile.local_date(office.at),
    )


def test_notice_is_counted_from_what_arrived(office: Office) -> None:
    office.subscriber("police", "police_local")
    persons(office, 20)
    tell(office)
    found = read(office)
    [row] = found.rows
    assert (row.role, row.establishment, row.recipients) == ("police_local", "prison", 10)
    assert (row.median_days, row.on_time_share) == (20, 0)
    assert row.late["data_missing"] == row.avoidable == 10
    assert (row.critical, row.zero_notice) == (0, 0)


def test_what_never_arrived_before_the_release_is_no_notice(office: Office) -> None:
    office.subscriber("police", "police_local")
    persons(office, 20)
    tell_due(office.connection, office.planner, at=office.at, limit=99)
    assert read(office).rows == ()  # nothing is late that can still arrive
    office.at += 21 * DAY
    [row] = read(office).rows
    assert (row.zero_notice, row.unacknowledged) == (10, 10)


def test_a_recipient_that_came_late_is_the_reason(office: Office) -> None:
    persons(office, 100)
    office.at += 80 * DAY
    office.subscriber("police", "police_local")
    tell(office)
    for number in range(SMALLEST_GROUP):
        catch_up(office.connection, office.planner, f"p{number:02}", at=office.at)
    office.send_all()
    [row] = read(office).rows
    assert row.median_days == 20
    assert row.late["recipient_missing"] == 10


def test_a_release_that_nobody_is_competent_for_is_counted(office: Office) -> None:
    persons(office, 20)
    tell(office)
    [one] = read(office).establishments
    assert (one.releases, one.nobody_competent) == (10, 10)


def test_other_days_than_those_asked_for_do_not_count(office: Office) -> None:
    office.subscriber("police", "police_local")
    persons(office, 20)
    tell(office)
    assert read(office, until_days=19).rows == ()
    assert len(read(office, until_days=20).rows) == 1
