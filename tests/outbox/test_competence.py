"""Who is concerned: by competence, by standing in where there is none; else it is an alarm."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.agencies.registry import AGENCY, REVOKED
from app.outbox.alarms import ALARM
from app.outbox.competence import is_concerned
from app.outbox.events import Recipients
from app.outbox.planning import Occurrence, announce, catch_up_agency, follow, tell_due
from app.releases.changes import Change, ReleaseFacts
from tests.outbox.conftest import PLACE, START, Office

PEJA = "XK-PEJA"


def stand_in(office: Office, agency_id: str) -> None:
    office.connection.execute(
        update(AGENCY).where(AGENCY.c.agency_id == agency_id).values(fallback=True)
    )


def announced(office: Office, event: str = "escaped") -> list[str]:
    """Who is told of something that happens now."""
    known = {row.jti for row in office.rows()}
    announce(office.connection, office.planner, "somebody", Occurrence(event=event), at=office.at)
    return sorted(row.agency_id for row in office.rows() if row.jti not in known)


def alarms(office: Office) -> list[tuple[str, str, str | None, bool]]:
    found = office.connection.execute(select(ALARM).order_by(ALARM.c.raised_at, ALARM.c.alarm_id))
    return [(row.reason, row.event_type, row.municipality, row.settled_at is None) for row in found]


def test_the_fallback_of_a_role_stands_in_where_nobody_of_it_is_competent(office: Office) -> None:
    office.person("somebody", place=PEJA)
    office.subscriber("national", "police_local", places=())
    office.subscriber("other", "police_local", places=(PLACE,))
    stand_in(office, "national")
    assert announced(office) == ["national"]
    office.subscriber("local", "police_local", places=(PEJA,))
    assert announced(office) == ["local"]


def test_a_fallback_that_is_competent_somewhere_stands_in_elsewhere_too(office: Office) -> None:
    office.person("somebody", place=PEJA)
    office.subscriber("regional", "police_local", places=(PLACE,))
    assert announced(office) == []
    stand_in(office, "regional")
    assert announced(office) == ["regional"]


def test_an_agency_of_another_role_or_one_revoked_covers_nothing(office: Office) -> None:
    office.person("somebody", place=PEJA)
    office.subscriber("national", "police_local", places=())
    office.agency("court", "court_panel", places=(PEJA,))
    office.agency("closed", "police_local", places=(PEJA,))
    stand_in(office, "national")
    assert announced(office) == []
    office.connection.execute(
        update(AGENCY).where(AGENCY.c.agency_id == "closed").values(status=REVOKED)
    )
    assert announced(office) == ["national"]


def test_the_place_of_a_leave_is_stood_in_for_as_well(office: Office) -> None:
    office.person("somebody", place=PLACE)
    office.change("somebody", leave_municipality=PEJA)
    office.subscriber("local", "police_local")
    office.subscriber("national", "police_local", places=())
    stand_in(office, "national")
    assert announced(office) == ["local", "national"]


def test_a_person_without_a_place_concerns_no_fallback(office: Office) -> None:
    office.person("somebody")
    office.change("somebody", return_municipality=None)
    office.agency("national", "police_local", places=())
    stand_in(office, "national")
    assert not is_concerned(office.connection, agency_id="national", person_id="somebody")


@pytest.mark.parametrize(("registered", "reason"), [(0, "nobody-competent"), (1, "no-endpoint")])
def test_what_reaches_nobody_is_an_alarm_and_never_silence(
    office: Office, registered: int, reason: str
) -> None:
    office.person("somebody", place=PEJA)
    for number in range(registered):
        office.agency(f"police-{number}", "police_local", places=(PEJA,))
    assert announced(office) == []
    assert alarms(office) == [(reason, "escaped", PEJA, True)]
    assert announced(office) == []
    assert len(alarms(office)) == 1


def test_an_alarm_is_settled_once_somebody_is_told(office: Office) -> None:
    office.person("somebody", place=PEJA)
    release = START.date() + timedelta(days=40)
    office.change("somebody", planned_release_date=release)
    change = Change(before=None, after=ReleaseFacts(planned_release_date=release))
    follow(office.connection, office.planner, "somebody", change, at=office.at)
    tell_due(office.connection, office.planner, at=office.at, limit=9)
    assert alarms(office) == [("nobody-competent", "release_planned", PEJA, True)]
    office.subscriber("welfare", "social_welfare_centre", places=(PEJA,))
    catch_up_agency(office.connection, office.planner, "welfare", at=office.at)
    assert alarms(office) == [("nobody-competent", "release_planned", PEJA, False)]


def test_roles_that_come_in_with_consent_need_nobody(office: Office) -> None:
    """That no mentor is registered somewhere is nothing to be alarmed about."""
    office.person("somebody", place=PEJA)
    announce(
        office.connection,
        office.planner,
        "somebody",
        Occurrence(event="plan_updated"),
        at=office.at,
    )
    assert alarms(office) == []


def test_that_everybody_was_told_before_is_no_alarm(office: Office) -> None:
    office.person("somebody", place=PEJA)
    office.subscriber("police", "police_local", places=(PEJA,))
    assert announced(office, "temporary_leave_granted") == ["police"]
    again = Occurrence(event="temporary_leave_granted")
    announce(
        office.connection,
        office.planner,
        "somebody",
        again,
        at=office.at,
        recipients=Recipients.NEW,
    )
    assert len(office.rows()) == 1
    assert announced(office, "recaptured") == []
    assert alarms(office) == []
