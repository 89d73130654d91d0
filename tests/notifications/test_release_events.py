"""Events beside the milestones: leaves, flights, decisions, as those concerned hear of them."""

from datetime import timedelta

import httpx
from sqlalchemy import func, select, update

from app.access_log import query
from app.access_log.ledger import PENDING
from app.access_log.query import EntryFilter
from app.agencies.registry import AGENCY
from app.notifications.alarms import DISPATCHER
from app.outbox.alarms import ALARM
from app.outbox.receipts import EVENT
from tests.notifications.agency import Agency, Notice
from tests.notifications.mailroom import wait_until
from tests.notifications.play import Prison, Town

GRANTED = "temporary_leave_granted"
CHANGED = "temporary_leave_changed"
CANCELLED = "temporary_leave_cancelled"
STARTED = "temporary_leave_started"
RETURNED = "temporary_leave_returned"
FAILED = "temporary_leave_failed_to_return"
SUPPORT = ("social_welfare_centre", "employment_service")


def window(town: Town, *, start: int = 24, hours: int = 48) -> dict[str, str]:
    """A leave that begins so many hours from now."""
    begins = town.world.clock() + timedelta(hours=start)
    return {"start": begins.isoformat(), "end": (begins + timedelta(hours=hours)).isoformat()}


def grant(town: Town, prison: Prison, *, start: int = 24, hours: int = 48) -> str:
    """Somebody with 500 days to serve, who is to spend a leave in the town; the reference."""
    reference = prison.admit(town.today + timedelta(days=500))
    prison.change(
        reference,
        "release",
        temporary_leave_window=window(town, start=start, hours=hours),
        temporary_leave_municipality_code=town.place,
    )
    return reference


def report(prison: Prison, reference: str, event: str, **particulars: object) -> httpx.Response:
    body = {"event": event, **particulars}
    answer: httpx.Response = prison.agency.call(
        "POST", f"/v1/inmate-files/{reference}/events", body
    )
    return answer


def reported(town: Town, prison: Prison, reference: str, event: str) -> None:
    answer = report(prison, reference, event)
    assert answer.status_code == 201, answer.text
    town.settle()


def last(agency: Agency) -> Notice:
    return agency.notices()[-1]


def test_a_leave_500_days_before_the_release_is_told_to_the_police_of_its_place(
    town: Town, prison: Prison
) -> None:
    agencies = town.everybody()
    elsewhere = town.join("police_local", name="elsewhere", competent=False)
    elsewhere.subscribe()
    grant(town, prison)
    town.settle()
    assert agencies["police_local"].told() == [GRANTED]
    assert agencies["probation_service"].told() == [GRANTED]
    assert all(agencies[role].told() == [] for role in SUPPORT)
    assert elsewhere.told() == []
    told = last(agencies["police_local"]).event
    assert set(told["released"]) == {"identity", "release"}
    assert told["released"]["release"].keys() == {
        "temporary_leave_window",
        "temporary_leave_municipality_code",
    }
    assert (told["priority"], told["acknowledgement_hours"]) == ("urgent", 24)


def test_a_leave_that_is_changed_or_cancelled_is_told_to_those_who_were_told(
    town: Town, prison: Prison
) -> None:
    police = town.subscribed("police_local")
    reference = grant(town, prison)
    town.settle()
    prison.change(reference, "release", temporary_leave_window=window(town, start=30))
    town.settle()
    prison.change(
        reference, "release", temporary_leave_window=None, temporary_leave_municipality_code=None
    )
    town.settle()
    assert police.told() == [GRANTED, CHANGED, CANCELLED]
    granted, changed, cancelled = police.notices()
    assert changed.event["concerns"] == [granted.jti]
    assert cancelled.event["concerns"] == [granted.jti, changed.jti]
    assert cancelled.event["released"] == {}
    town.advance(days=5)
    assert police.told() == [GRANTED, CHANGED, CANCELLED]


def test_a_change_that_changes_nothing_of_a_leave_makes_no_event(
    town: Town, prison: Prison
) -> None:
    police = town.subscribed("police_local")
    reference = grant(town, prison)
    town.settle()
    prison.change(reference, "release", travel_home_arrangement="family")
    prison.change(reference, "needs", accommodation_need="secured")
    town.settle()
    assert police.told() == [GRANTED]


def test_who_comes_back_is_told_of_and_nobody_is_sought(town: Town, prison: Prison) -> None:
    police = town.subscribed("police_local")
    reference = grant(town, prison, start=1, hours=8)
    town.settle()
    town.advance(hours=2)
    reported(town, prison, reference, STARTED)
    town.advance(hours=6)
    reported(town, prison, reference, RETURNED)
    town.advance(days=3)
    assert police.told() == [GRANTED, STARTED, RETURNED]


def test_who_does_not_come_back_has_failed_after_the_grace_period(
    town: Town, prison: Prison
) -> None:
    agencies = town.everybody()
    police = agencies["police_local"]
    court = town.subscribed("court_panel")
    reference = grant(town, prison, start=1, hours=8)
    town.settle()
    town.advance(hours=2)
    reported(town, prison, reference, STARTED)
    town.advance(hours=10, minutes=59)
    assert FAILED not in police.told()
    town.advance(minutes=2)
    assert police.told() == [GRANTED, STARTED, FAILED]
    assert court.told() == [FAILED]
    assert all(FAILED not in agencies[role].told() for role in SUPPORT)
    told = last(police).event
    assert (told["priority"], told["acknowledgement_hours"]) == ("immediate", 1)
    assert "full_name" in told["released"]["identity"]
    # Days later it is the same police that may still know, although the leave is over.
    town.advance(days=4)
    seen = police.call("GET", f"/v1/inmate-files/{police.notices()[0].claims['sub_id']['id']}")
    assert "identity" in seen.json()["released"]
    refused = report(prison, reference, RETURNED)
    assert refused.status_code == 409
    reported(town, prison, reference, "recaptured")
    assert last(police).event["concerns"] == [police.notices()[2].jti]
    assert police.told()[-1] == court.told()[-1] == "recaptured"
    gone = police.call("GET", f"/v1/inmate-files/{police.notices()[0].claims['sub_id']['id']}")
    assert gone.status_code == 404


def test_nobody_fails_to_return_whom_nobody_reported_to_have_left(
    town: Town, prison: Prison
) -> None:
    police = town.subscribed("police_local")
    grant(town, prison, start=1, hours=8)
    town.settle()
    town.advance(days=1)
    assert police.told() == [GRANTED]
    alarms = town.look(lambda c: list(c.execute(select(ALARM).where(ALARM.c.settled_at.is_(None)))))
    assert ("leave-unreported", town.place) in [(one.reason, one.municipality) for one in alarms]


def test_an_escape_500_days_before_the_release_reaches_the_police_of_the_place(
    town: Town, prison: Prison
) -> None:
    agencies = town.everybody()
    police = agencies["police_local"]
    reference = prison.admit(town.today + timedelta(days=500))
    town.settle()
    assert police.told() == []
    reported(town, prison, reference, "escaped")
    assert police.told() == ["escaped"]
    assert "full_name" in last(police).event["released"]["identity"]
    assert all(agencies[role].told() == [] for role in SUPPORT)
    assert agencies["probation_service"].told() == []
    assert report(prison, reference, "escaped").status_code == 409
    reported(town, prison, reference, "recaptured")
    assert police.told() == ["escaped", "recaptured"]
    reported(town, prison, reference, "absconded")
    assert last(police).event.get("concerns") is None


def test_of_a_flight_that_is_over_nobody_hears_though_another_one_began(
    town: Town, prison: Prison
) -> None:
    """Its end was told to nobody; the end of the next one goes to whoever was told of that one."""
    police = town.subscribed("police_local")
    reference = prison.admit(town.today + timedelta(days=500))
    town.settle()
    for event in ("escaped", "recaptured", "escaped"):
        assert report(prison, reference, event).status_code == 201
        town.world.clock.advance(minutes=1)
    town.settle()
    assert police.told() == ["escaped"]
    reported(town, prison, reference, "recaptured")
    assert police.told() == ["escaped", "recaptured"]
    escaped, recaptured = police.notices()
    assert recaptured.event["concerns"] == [escaped.jti]


def test_a_release_that_was_cancelled_is_not_announced_though_another_one_is_planned(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + timedelta(days=40))
    town.tell()
    prison.move(reference, None)
    town.world.clock.advance(minutes=1)
    prison.move(reference, town.today + timedelta(days=50))
    town.settle()
    assert probation.told() == ["release_planned"]


def test_a_recapture_before_the_notice_left_tells_nobody(town: Town, prison: Prison) -> None:
    police = town.subscribed("police_local")
    reference = prison.admit(town.today + timedelta(days=500))
    assert report(prison, reference, "escaped").status_code == 201
    assert report(prison, reference, "recaptured").status_code == 201
    town.settle()
    assert police.told() == []


def test_only_the_custodian_reports(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + timedelta(days=40))
    town.settle()
    known = last(probation).claims["sub_id"]["id"]
    answer = probation.call("POST", f"/v1/inmate-files/{known}/events", {"event": "escaped"})
    assert answer.status_code == 404
    prison.refer(reference, probation)
    answer = probation.call("POST", f"/v1/inmate-files/{known}/events", {"event": "escaped"})
    assert answer.status_code == 403


def test_a_death_is_for_the_court_and_nothing_more_falls_due(town: Town, prison: Prison) -> None:
    probation, court = town.subscribed("probation_service"), town.subscribed("court_panel")
    reference = prison.admit(town.today + timedelta(days=100))
    town.settle()
    answer = report(prison, reference, "died_in_custody", next_of_kin_informed=True)
    assert answer.status_code == 201
    town.settle()
    town.advance(days=120)
    assert (probation.told(), court.told()) == ([], ["died_in_custody"])
    assert report(prison, reference, "escaped").status_code == 409


def test_what_a_report_has_to_say_is_said_where_it_lacks(town: Town, prison: Prison) -> None:
    reference = prison.admit()
    later = (town.world.clock() + timedelta(days=1)).isoformat()
    for body, pointer in (
        ({"event": "contribution_requested", "sections": ["needs"]}, "/agency"),
        ({"event": "escaped", "agency": "somebody"}, "/agency"),
        ({"event": "escaped", "sections": ["needs"]}, "/sections"),
        ({"event": "escaped", "next_of_kin_informed": True}, "/next_of_kin_informed"),
        ({"event": "escaped", "occurred_at": later}, "/occurred_at"),
        ({"event": "released"}, "/event"),
    ):
        answer = prison.agency.call("POST", f"/v1/inmate-files/{reference}/events", body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_contribution_is_asked_of_the_agency_that_is_named(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    other = town.subscribed("probation_service", name="other")
    reference = prison.admit(town.today + timedelta(days=10))
    town.settle()
    answer = report(
        prison,
        reference,
        "contribution_requested",
        agency=probation.agency_id,
        sections=["supervision"],
    )
    assert answer.status_code == 201
    town.settle()
    assert probation.told() == ["release_planned", "contribution_requested"]
    assert other.told() == ["release_planned"]
    told = last(probation).event
    assert told["particulars"] == {"sections": ["supervision"]}
    assert told["acknowledgement_hours"] == 48
    assert set(told["released"]) == {"identity"}


def kept(town: Town, prison: Prison, reference: str) -> list[tuple[str, dict[str, object]]]:
    """The events that stand about somebody, whoever was told."""
    person = town.person_id(prison.agency, reference)
    query = select(EVENT).where(EVENT.c.person_id == person).order_by(EVENT.c.occurred_at)
    rows = town.look(lambda c: list(c.execute(query)))
    return [(row.event_type, row.notice.get("particulars", {})) for row in rows]


def test_a_transfer_and_conditions_are_told_to_those_whom_they_concern(
    town: Town, prison: Prison
) -> None:
    agencies = town.everybody()
    court = town.subscribed("court_panel")
    probation, police = agencies["probation_service"], agencies["police_local"]
    reference = prison.admit(
        town.today + timedelta(days=500), custody={"establishment_code": "XK-P-01"}
    )
    prison.change(reference, "custody", establishment_code="XK-P-02")
    town.settle()
    assert probation.told() == court.told() == ["transferred"]
    prison.change(
        reference, "release", release_type="conditional", release_date_confidence="confirmed"
    )
    town.settle()
    assert probation.told() == court.told() == ["transferred", "conditional_release_granted"]
    # Far from the release the police may have nothing of it without an authority in law.
    assert police.told() == []


def test_a_plan_that_changes_is_told_to_who_has_it_with_what_has_changed(
    town: Town, prison: Prison
) -> None:
    agencies = town.everybody()
    probation, police = agencies["probation_service"], agencies["police_local"]
    reference = prison.admit(town.today + timedelta(days=20))
    prison.change(reference, "plan", individual_plan_summary="A first plan")
    town.settle()
    assert probation.told() == ["release_planned"]
    prison.change(reference, "plan", release_preparation_status="ready")
    town.settle()
    assert probation.told() == ["release_planned", "plan_updated"]
    assert police.told() == ["release_planned"]
    told = last(probation).event
    assert set(told["released"]["plan"]) == {"release_preparation_status"}


def test_a_court_that_orders_a_release_is_immediate_news(town: Town, prison: Prison) -> None:
    agencies = town.everybody()
    police = agencies["police_local"]
    reference = prison.admit(town.today + timedelta(days=400))
    prison.change(
        reference,
        "release",
        release_type="court_ordered_early",
        release_date_confidence="court_ordered",
        planned_release_date=(town.today + timedelta(days=5)).isoformat(),
    )
    town.settle()
    assert "release_advanced_by_court" in police.told()
    [told] = [one for one in police.notices() if one.event_type == "release_advanced_by_court"]
    assert (told.event["priority"], told.event["acknowledgement_hours"]) == ("immediate", 1)


def test_consents_are_events_for_the_exchange_alone(town: Town, prison: Prison) -> None:
    mentor = town.subscribed("ngo_mentor")
    reference = prison.admit(town.today + timedelta(days=100))
    withdrawn = prison.consent(reference, mentor, "identity.full_name")
    prison.withdraw(withdrawn)
    expires = prison.consent(reference, mentor, "identity.full_name", "plan.follow_up_schedule")
    town.advance(days=102)
    found = [one for one in kept(town, prison, reference) if one[0].startswith("consent_")]
    assert found == [
        ("consent_given", {"fact": withdrawn}),
        ("consent_withdrawn", {"fact": withdrawn}),
        ("consent_given", {"fact": expires}),
        ("consent_expired", {"fact": expires}),
    ]
    assert not [one for one in mentor.told() if one.startswith("consent_")]


def test_who_referred_a_case_hears_how_it_was_answered(town: Town, prison: Prison) -> None:
    prison.agency.subscribe()
    town.shake_hands(prison.agency)
    probation = town.subscribed("probation_service", competent=False)
    other = town.join("social_welfare_centre", name="other", competent=False)
    reference = prison.admit(town.today + timedelta(days=400))
    prison.refer(reference, probation)
    offer = {"reference": reference, "agency": other.agency_id}
    made = prison.agency.call("POST", "/v1/case-assignments", offer).json()["assignment_id"]
    assert other.call("POST", f"/v1/case-assignments/{made}/refusal").status_code == 200
    town.settle()
    assert prison.agency.told() == ["referral_accepted", "referral_declined"]
    assert prison.agency.notices()[0].claims["sub_id"]["id"] == reference


def test_an_alarm_stands_in_the_access_log(town: Town, prison: Prison) -> None:
    reference = prison.admit(town.today + timedelta(days=500))
    reported(town, prison, reference, "escaped")
    keys = town.world.service.house.log_keys()
    asked = EntryFilter(agency_id=DISPATCHER.agency_id)
    pending = select(func.count()).select_from(PENDING)
    wait_until(lambda: town.look(lambda c: c.scalar(pending)) == 0)
    found = town.look(lambda c: query.entries(c, asked, keys=keys, limit=99, tree_size=10**9))
    fields = [dict(entry.sections["fields"]) for entry in found]
    assert {"alarm": "nobody-competent", "event": "escaped"} in [
        {name: one.get(name) for name in ("alarm", "event")} for one in fields
    ]


def test_a_fallback_reads_what_the_police_of_the_place_would_read(
    town: Town, prison: Prison
) -> None:
    """The last of the module: it stands in for every town that has no police."""
    national = town.join("police_local", name="national", competent=False)
    town.work(
        lambda connection: connection.execute(
            update(AGENCY).where(AGENCY.c.agency_id == national.agency_id).values(fallback=True)
        )
    )
    national.subscribe()
    town.shake_hands(national)
    reference = prison.admit(town.today + timedelta(days=500))
    reported(town, prison, reference, "escaped")
    assert national.told() == ["escaped"]
    assert "full_name" in last(national).event["released"]["identity"]
