from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from app.access_log.entry import Actor, Entry, Grounds
from app.access_log.instants import format_instant
from app.access_log.vocabulary import Channel, Operation, Outcome


def test_sections_hold_what_is_stated_and_nothing_else(at: datetime) -> None:
    entry = Entry(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.REFUSED,
        actor=Actor(agency="agency-1", officer="officer-1", assurance="asserted"),
        grounds=Grounds(purpose="release_preparation"),
    )
    assert entry.sections(at=at) == {
        "circumstances": {
            "time": "2026-03-02T08:30:00.000125Z",
            "operation": "consultation",
            "channel": "read",
            "outcome": "refused",
        },
        "actor": {"agency": "agency-1", "officer": "officer-1", "assurance": "asserted"},
        "grounds": {"purpose": "release_preparation"},
    }


def test_an_entry_about_a_person_names_subject_fields_and_payload(
    make_entry: Callable[..., Entry], at: datetime
) -> None:
    sections = make_entry(7, inputs={"assigned": True}).sections(at=at)
    assert sections["subject"] == {"person": "person-1"}
    assert sections["reference"] == {"reference": "ref-1"}
    assert sections.keys() >= {"fields", "payload", "inputs"}


def test_times_are_written_in_utc(at: datetime) -> None:
    elsewhere = at.astimezone(timezone(timedelta(hours=2)))
    assert format_instant(elsewhere) == "2026-03-02T08:30:00.000125Z"


def test_a_time_without_a_zone_is_refused(at: datetime) -> None:
    with pytest.raises(ValueError, match="time zone"):
        format_instant(at.replace(tzinfo=None))
