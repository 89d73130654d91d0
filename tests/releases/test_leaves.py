"""The life cycle of a leave, from what stands in the file and what the prison reported."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.leaves import CANCELLED, CHANGED, GRANTED, Leave, Progress, leave_event

AT = datetime(2027, 3, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TO_COME = Leave(AT + HOUR, AT + 9 * HOUR, "XK-PEJA")
LATER = Leave(AT + 2 * HOUR, AT + 10 * HOUR, "XK-PEJA")
ELSEWHERE = Leave(AT + HOUR, AT + 9 * HOUR, "XK-GJILAN")
OVER = Leave(AT - 9 * HOUR, AT - HOUR, "XK-PEJA")
STARTED, RETURNED = Progress.STARTED, Progress.RETURNED
LEAVES = st.sampled_from([None, TO_COME, LATER, ELSEWHERE, OVER])


@pytest.mark.parametrize(
    ("before", "after", "progress", "event"),
    [
        (None, TO_COME, None, GRANTED),
        (None, OVER, None, None),
        (TO_COME, LATER, None, CHANGED),
        (TO_COME, ELSEWHERE, None, CHANGED),
        (TO_COME, None, None, CANCELLED),
        (TO_COME, OVER, None, CHANGED),
        (OVER, None, None, None),
        (OVER, TO_COME, None, GRANTED),
        # Once it has started it is changed, and ends with a return.
        (TO_COME, LATER, STARTED, CHANGED),
        (TO_COME, None, STARTED, None),
        (OVER, TO_COME, STARTED, CHANGED),
        # What follows a return is another leave.
        (TO_COME, LATER, RETURNED, GRANTED),
        (TO_COME, None, RETURNED, None),
    ],
)
def test_a_change_of_a_leave_makes_its_event(
    before: Leave | None, after: Leave | None, progress: Progress | None, event: str | None
) -> None:
    assert leave_event(before, after, progress=progress, at=AT) == event


@given(leave=LEAVES, progress=st.sampled_from([None, *Progress]))
def test_a_change_that_changes_nothing_makes_no_event(
    leave: Leave | None, progress: Progress | None
) -> None:
    assert leave_event(leave, leave, progress=progress, at=AT) is None


@given(before=LEAVES, after=LEAVES, progress=st.sampled_from([None, *Progress]))
def test_nobody_who_is_on_leave_has_it_granted_or_cancelled(
    before: Leave | None, after: Leave | None, progress: Progress | None
) -> None:
    event = leave_event(before, after, progress=progress, at=AT)
    if before is not None and progress is STARTED:
        assert event in (None, CHANGED)
    if event == GRANTED:
        assert after is not None
        assert after.end > AT
    if event == CANCELLED:
        assert after is None
