from datetime import date

from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.roles import ROLE_PURPOSES
from app.policy.timeline import Timeline, timelines
from tests.policy.unchecked import bundle_of, permit

DAY = date(2027, 3, 3)
PATH = "identity.full_name"
NAME = f"grant:{PATH}:full"
DAYS = "context has days_to_release && context.days_to_release"


def of(role: str, *texts: str) -> Timeline:
    return next(line for line in timelines(bundle_of(*texts), at=DAY) if line.role == role)


def test_a_window_opens_on_its_first_day_and_closes_after_its_last() -> None:
    line = of("police_local", permit("police_local", NAME, f"{DAYS} <= 30", f"{DAYS} >= -180"))
    assert line.always == {}
    assert [(step.day, dict(step.opens), dict(step.closes)) for step in line.steps] == [
        (30, {PATH: Form.FULL}, {}),
        (-181, {}, {PATH: Form.NONE}),
    ]


def test_a_bound_is_the_same_however_it_is_written() -> None:
    line = of("police_local", permit("police_local", NAME, f"{DAYS} < 31", f"{DAYS} > -181"))
    assert [step.day for step in line.steps] == [30, -181]


def test_a_field_without_a_window_is_always_open() -> None:
    line = of("court_panel", permit("court_panel", NAME))
    assert (line.always, line.steps) == ({PATH: Form.FULL}, ())


def test_a_form_that_rises_and_falls_is_told_in_steps() -> None:
    line = of(
        "court_panel",
        permit("court_panel", f"grant:{PATH}:existence"),
        permit("court_panel", NAME, f"{DAYS} <= 10", f"{DAYS} >= 0", id_="Q"),
    )
    assert line.always == {PATH: Form.EXISTENCE}
    assert [(step.day, dict(step.opens), dict(step.closes)) for step in line.steps] == [
        (10, {PATH: Form.FULL}, {}),
        (-1, {}, {PATH: Form.EXISTENCE}),
    ]


def test_a_window_without_a_beginning_opens_once_the_day_is_known() -> None:
    line = of("court_panel", permit("court_panel", NAME, f"{DAYS} >= -180"))
    first, last = line.steps
    assert first.opens == {PATH: Form.FULL}
    assert last.day == -181


def test_an_incident_is_no_ordinary_day() -> None:
    line = of("police_local", permit("police_local", NAME, "context.incident"))
    assert (line.always, line.steps) == ({}, ())


def test_the_shipped_windows_are_those_of_the_disclosure_model(bundle: Bundle) -> None:
    days = {line.role: [step.day for step in line.steps] for line in timelines(bundle, at=DAY)}
    assert days.keys() == ROLE_PURPOSES.keys()
    assert days["police_local"] == [30, -181]
    assert days["social_welfare_centre"] == [90, -181]
    assert days["national_coordinator"] == []


def test_a_timeline_as_json() -> None:
    line = of("police_local", permit("police_local", NAME, f"{DAYS} <= 30", f"{DAYS} >= -180"))
    assert line.to_json() == {
        "role": "police_local",
        "always": [],
        "steps": [
            {
                "day": 30,
                "words": "30 days before the release",
                "opens": [{"field": PATH, "form": "full"}],
                "closes": [],
            },
            {
                "day": -181,
                "words": "181 days after the release",
                "opens": [],
                "closes": [{"field": PATH, "form": "none"}],
            },
        ],
    }
