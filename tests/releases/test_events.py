import pytest

from app.files.catalogue import SECTIONS
from app.releases.event_types import Contact, Step
from app.releases.events import CONTROLS, EVENTS, OVERSIGHT, PRECEDENCE, Kind, Matter, Priority


def test_every_event_carries_sections_of_the_inmate_file_and_none_twice() -> None:
    for event in EVENTS.values():
        assert set(event.sections) <= set(event.carries) <= SECTIONS.keys()
        assert len(set(event.sections)) == len(event.sections)


def test_no_event_carries_what_is_never_pushed() -> None:
    kept = {"health", "belief_pastoral", "victim_protection", "security_intelligence", "children"}
    assert not any(kept & set(event.carries) for event in EVENTS.values())


def test_every_event_addresses_somebody() -> None:
    told = (event for event in EVENTS.values() if event.kind in (Kind.NEWS, Kind.REQUEST))
    assert all(event.recipients for event in told)


def test_a_hastened_answer_is_a_faster_one() -> None:
    for event in EVENTS.values():
        if event.hastened is not None:
            assert event.acknowledgement_hours is not None
            assert event.hastened.hours < event.acknowledgement_hours


def test_news_of_a_change_goes_to_those_only_who_were_told() -> None:
    told = {
        name
        for name, event in EVENTS.items()
        if event.only_those_told and event.kind is Kind.NEWS and event.bare
    }
    assert told == {
        "release_date_changed",
        "release_cancelled",
        "support_window_ended",
        "temporary_leave_changed",
        "temporary_leave_cancelled",
        "temporary_leave_returned",
        "recaptured",
    }


def test_the_end_of_support_precedes_everything_and_planned_precedes_reminders() -> None:
    order = sorted(PRECEDENCE, key=PRECEDENCE.__getitem__)
    assert order[0] == "support_window_ended"
    assert order.index("release_planned") < order.index("follow_up_due")


def test_a_release_is_urgent_news() -> None:
    assert EVENTS["released"].priority is Priority.URGENT


CATALOGUE = """
intake_assessment_requested contribution_requested contribution_received release_planned
release_date_changed release_cancelled release_advanced_by_court early_release_decided
conditional_release_granted conditional_release_refused conditional_release_revoked
supervision_conditions_set supervision_conditions_changed supervision_conditions_ended
temporary_leave_granted temporary_leave_changed temporary_leave_cancelled temporary_leave_started
temporary_leave_returned temporary_leave_failed_to_return absconded escaped recaptured transferred
transferred_abroad removal_ordered released died_in_custody plan_updated
prerelease_access_requested prerelease_access_granted prerelease_access_refused
prerelease_access_completed case_lead_changed consent_given consent_withdrawn consent_expired
record_corrected record_restricted record_erased referral_accepted referral_declined
referral_not_competent
recipient_not_ready recipient_needs_detail follow_up_due follow_up_recorded
entitlement_expiring joint_evaluation_due joint_evaluation_closed support_window_ended
"""


def test_every_event_of_the_catalogue_has_its_row_and_else_only_controls_and_oversight() -> None:
    assert EVENTS.keys() == {*CATALOGUE.split(), *CONTROLS, *OVERSIGHT}
    assert {"emergency_access_opened", "emergency_review_overdue"} == OVERSIGHT
    assert {"closure", "recall", "correction", "retraction"} == CONTROLS


def test_every_event_is_made_by_something() -> None:
    assert all(event.triggers for event in EVENTS.values())


def test_a_control_message_carries_no_field_and_rests_on_the_past_receipt() -> None:
    controls = [event for event in EVENTS.values() if event.kind is Kind.CONTROL]
    assert {event.name for event in controls} >= CONTROLS
    for event in controls:
        assert event.sections == ()
        assert event.bare
        assert not event.recipients


def test_what_is_told_to_overseers_carries_no_field_and_is_never_held() -> None:
    for event in (EVENTS[name] for name in OVERSIGHT):
        assert event.kind is Kind.OVERSIGHT
        assert event.recipients == {"correctional_service", "oversight_auditor"}
        assert event.sections == ()
        assert event.priority is Priority.IMMEDIATE


def test_what_an_event_entails_is_a_control_message() -> None:
    entailed = {event.name: event.control for event in EVENTS.values() if event.control}
    assert set(entailed.values()) <= CONTROLS
    assert entailed["release_cancelled"] == entailed["consent_withdrawn"] == "recall"
    assert entailed["died_in_custody"] == "closure"


def test_what_goes_out_without_a_permission_goes_to_those_told_alone() -> None:
    assert all(event.only_those_told for event in EVENTS.values() if event.bare)


def test_what_is_internal_is_for_nobody() -> None:
    internal = [event for event in EVENTS.values() if event.kind is Kind.INTERNAL]
    assert not any(event.recipients or event.sections for event in internal)


def test_what_an_event_tells_is_among_its_sections() -> None:
    for event in EVENTS.values():
        assert {part.partition(".")[0] for part in event.tells} <= set(event.sections)


def test_steps_of_an_escalation_follow_one_another() -> None:
    for event in EVENTS.values():
        hours = [step.after_hours for step in event.escalation]
        assert hours == sorted(set(hours))


def test_an_unanswered_flight_or_court_order_reaches_the_duty_officer_at_once() -> None:
    for event in EVENTS.values():
        if event.priority is Priority.IMMEDIATE and event.kind is Kind.NEWS and event.escalation:
            assert event.escalation == (Step(0, Contact.DUTY_OFFICER),)
            assert (event.acknowledgement_hours or 0) <= 4


def test_a_flight_is_no_news_for_those_who_support() -> None:
    support = {"social_welfare_centre", "employment_service", "ngo_mentor", "municipal_team"}
    for event in EVENTS.values():
        if event.matter in (Matter.FLIGHT, Matter.LEAVE):
            assert not event.recipients & support


@pytest.mark.parametrize(
    ("name", "days", "earlier", "safety", "hours"),
    [
        ("contribution_requested", 15, False, False, 240),
        ("contribution_requested", 14, False, False, 48),
        ("release_advanced_by_court", 9, False, False, 2),
        ("release_advanced_by_court", 8, False, False, 1),
        ("release_date_changed", 8, False, False, 24),
        ("release_date_changed", 8, True, False, 4),
        ("record_corrected", 3, False, False, 168),
        ("record_corrected", None, False, True, 24),
        ("temporary_leave_returned", 1, False, False, None),
    ],
)
def test_an_answer_is_due_sooner_where_time_is_short(
    name: str, days: int | None, *, earlier: bool, safety: bool, hours: int | None
) -> None:
    assert EVENTS[name].acknowledged_within(days, earlier=earlier, safety=safety) == hours
