"""Measures of timeliness: what counts as late, why, and that small groups do not show."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.lead_time import SMALLEST_GROUP, UNAVOIDABLE, Notice, Reason, report

IN_TIME = Notice(
    role="police_local",
    establishment="prison-1",
    target_days=30,
    lead_days=30,
    known_days=180,
    reachable_days=500,
    acknowledged=True,
)


def test_a_notice_at_its_lead_time_is_on_time() -> None:
    assert IN_TIME.reason is None
    assert replace(IN_TIME, lead_days=29).reason is Reason.SYSTEM


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ordered_by_court": True, "moved_earlier": True}, Reason.COURT_DECISION),
        ({"moved_earlier": True, "known_days": 3}, Reason.DATE_CHANGE),
        ({"known_days": 3, "reachable_days": 3}, Reason.DATA_MISSING),
        ({"reachable_days": 29}, Reason.RECIPIENT_MISSING),
        ({"reachable_days": 30, "known_days": 30}, Reason.SYSTEM),
    ],
)
def test_a_late_notice_has_the_first_reason_that_explains_it(
    changes: dict[str, object], reason: Reason
) -> None:
    for lead_days in (3, 0, -2, None):
        assert replace(IN_TIME, lead_days=lead_days, **changes).reason is reason  # type: ignore[arg-type]  # fields by name


def test_each_measure_counts_what_it_says() -> None:
    days = [90, 60, 30, 30, 29, 8, 7, 1, 0, None]
    notices = [replace(IN_TIME, lead_days=day) for day in days]
    notices[5] = replace(notices[5], ordered_by_court=True)
    notices[6] = replace(notices[6], acknowledged=False)
    notices[7] = replace(notices[7], acknowledged=None)
    [row] = report(notices, []).rows
    assert (row.recipients, row.target_days) == (10, 30)
    assert row.median_days == 18.5
    assert row.tenth_days == 0
    assert row.on_time_share == 0.4
    assert (row.critical, row.zero_notice, row.unacknowledged) == (2, 2, 1)
    assert (row.avoidable, row.unavoidable) == (5, 1)
    assert row.late == {
        "court_decision": 1,
        "date_change": 0,
        "data_missing": 0,
        "recipient_missing": 0,
        "system": 5,
    }


def test_releases_that_nobody_was_to_be_told_of_are_counted_by_establishment() -> None:
    found = report([], [("prison-1", number > 2) for number in range(SMALLEST_GROUP)])
    [one] = found.establishments
    assert (one.establishment, one.releases, one.nobody_competent) == ("prison-1", 10, 3)


groups = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 25), min_size=1)


@given(groups)
def test_no_group_below_the_limit_shows_in_any_row_or_total(sizes: dict[str, int]) -> None:
    notices = [replace(IN_TIME, establishment=n) for n, size in sizes.items() for _ in range(size)]
    releases = [(name, True) for name, size in sizes.items() for _ in range(size)]
    found = report(notices, releases)
    large = {name: size for name, size in sizes.items() if size >= SMALLEST_GROUP}
    assert {row.establishment: row.recipients for row in found.rows} == large
    assert {one.establishment: one.releases for one in found.establishments} == large
    assert found.suppressed == 2 * (len(sizes) - len(large))


def test_what_a_court_decides_could_not_be_avoided() -> None:
    assert set(Reason) >= UNAVOIDABLE == {Reason.COURT_DECISION, Reason.DATE_CHANGE}
