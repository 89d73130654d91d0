"""Which events a change of a file makes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.catalogue import FIELDS
from app.releases.event_types import Trigger
from app.releases.events import EVENTS
from app.releases.file_changes import RULES, Sections, file_events

CONDITIONAL = {"release_type": "conditional", "release_date_confidence": "confirmed"}
PROJECTED = {"release_type": "conditional", "release_date_confidence": "projected"}
FULL_TERM = {"release_type": "full_term", "release_date_confidence": "confirmed"}
ORDERED = {"release_type": "court_ordered_early", "release_date_confidence": "court_ordered"}
PARDON = {"release_type": "pardon_amnesty", "release_date_confidence": "confirmed"}
LEFT = {"actual_release_datetime": "2027-03-03T09:00:00+00:00"}
CONDITIONS = {"supervision_conditions": ["reporting"]}
MORE_CONDITIONS = {"supervision_conditions": ["reporting", "residence"]}
PATHS = sorted({path for rule in RULES for path in rule.watches})


def sections(section: str, fields: dict[str, Any]) -> Sections:
    return {section: {name: {"value": value} for name, value in fields.items()}}


def made(section: str, before: dict[str, Any] | None, after: dict[str, Any]) -> list[str]:
    old = None if before is None else sections(section, before)
    return [one.event for one in file_events(old, sections(section, after))]


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (None, CONDITIONAL, ["conditional_release_granted"]),
        (PROJECTED, CONDITIONAL, ["conditional_release_granted"]),
        (None, PROJECTED, []),
        (CONDITIONAL, FULL_TERM, ["conditional_release_revoked"]),
        (CONDITIONAL, PROJECTED, ["conditional_release_revoked"]),
        (CONDITIONAL, CONDITIONAL, []),
        (CONDITIONAL, {**FULL_TERM, **LEFT}, []),
        (FULL_TERM, ORDERED, ["release_advanced_by_court"]),
        (FULL_TERM, {**ORDERED, "release_date_confidence": "confirmed"}, []),
        (FULL_TERM, PARDON, ["early_release_decided"]),
    ],
)
def test_a_decision_about_the_release_is_an_event_once_it_is_one(
    before: dict[str, Any] | None, after: dict[str, Any], events: list[str]
) -> None:
    assert made("release", before, after) == events


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (None, CONDITIONS, ["supervision_conditions_set"]),
        (CONDITIONS, MORE_CONDITIONS, ["supervision_conditions_changed"]),
        (
            CONDITIONS,
            {**CONDITIONS, "supervision_end_date": "2028-01-01"},
            ["supervision_conditions_changed"],
        ),
        (CONDITIONS, {}, ["supervision_conditions_ended"]),
        ({}, {"supervision_end_date": "2028-01-01"}, []),
        (CONDITIONS, CONDITIONS, []),
    ],
)
def test_conditions_are_set_changed_and_ended(
    before: dict[str, Any] | None, after: dict[str, Any], events: list[str]
) -> None:
    assert made("supervision", before, after) == events


def test_somebody_is_transferred_from_somewhere_to_somewhere_else() -> None:
    assert made("custody", {"establishment_code": "A"}, {"establishment_code": "B"}) == [
        "transferred"
    ]
    assert made("custody", None, {"establishment_code": "B"}) == []


def test_a_plan_tells_what_of_it_was_changed_and_no_more() -> None:
    before = sections("plan", {"individual_plan_summary": "A", "release_preparation_status": "B"})
    after = sections("plan", {"individual_plan_summary": "C", "release_preparation_status": "B"})
    [told] = file_events(before, after)
    assert (told.event, told.fields) == ("plan_updated", ("plan.individual_plan_summary",))


def test_the_lead_and_the_evaluation_are_events_of_their_own() -> None:
    lead = {"responsible_case_lead": {"agency": "a", "function": "mentor"}}
    other = {"responsible_case_lead": {"agency": "b", "function": "mentor"}}
    assert made("plan", lead, other) == ["case_lead_changed"]
    assert made("plan", {}, {"joint_evaluation_outcome": {"scores": []}}) == [
        "joint_evaluation_closed"
    ]


def test_what_is_watched_is_in_the_catalogue_and_made_by_the_file() -> None:
    assert set(PATHS) <= FIELDS.keys()
    assert all(Trigger.FILE in EVENTS[rule.event].triggers for rule in RULES)


@given(st.dictionaries(st.sampled_from(PATHS), st.text(max_size=3)))
def test_a_change_that_changes_nothing_makes_no_event(values: dict[str, str]) -> None:
    content: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        section, _, name = path.partition(".")
        content.setdefault(section, {})[name] = {"value": value}
    assert file_events(content, content) == ()
    # Neither does what nobody watches.
    assert file_events(content, {**content, "needs": {"education_level": {"value": "x"}}}) == ()
