from app.files.catalogue import SECTIONS
from app.releases.events import EVENTS, PRECEDENCE, Kind, Priority


def test_every_event_carries_sections_of_the_inmate_file_and_none_twice() -> None:
    for event in EVENTS.values():
        assert set(event.sections) <= SECTIONS.keys()
        assert len(set(event.sections)) == len(event.sections)


def test_no_event_carries_what_is_never_pushed() -> None:
    kept = {"health", "belief_pastoral", "victim_protection", "security_intelligence", "children"}
    assert not any(kept & set(event.sections) for event in EVENTS.values())


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
