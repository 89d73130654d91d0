"""Moments come back as they were, sort as they passed, and stop no reader."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from app.access_log.tables import AccessLogPending
from app.instants import Instant
from app.rows import table_of
from tests.effort import EFFORT

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
MOMENTS = st.datetimes(timezones=st.timezones() | st.just(UTC)).filter(
    lambda moment: (
        datetime.min.replace(tzinfo=UTC) + timedelta(days=2)
        < moment
        < datetime.max.replace(tzinfo=UTC) - timedelta(days=2)
    )
)
DIALECT = sqlite.dialect()


@given(MOMENTS)
def test_a_moment_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    kind = Instant()
    stored = kind.process_bind_param(moment, DIALECT)
    assert isinstance(stored, int)
    back = kind.process_result_value(stored, DIALECT)
    assert back is not None
    assert back == moment.astimezone(UTC)
    assert back.utcoffset() == timedelta(0)


@given(MOMENTS, MOMENTS)
def test_moments_are_stored_in_their_order(one: datetime, other: datetime) -> None:
    kind = Instant()
    first, second = kind.process_bind_param(one, DIALECT), kind.process_bind_param(other, DIALECT)
    assert first is not None
    assert second is not None
    assert (first < second) == (one.astimezone(UTC) < other.astimezone(UTC))


@settings(max_examples=5 * EFFORT, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(MOMENTS, min_size=1, max_size=8))
def test_the_database_sorts_moments_as_they_passed(
    connection: Connection, moments: list[datetime]
) -> None:
    table = table_of(AccessLogPending)
    connection.execute(table.delete())
    named = {"operation": "x", "channel": "x", "outcome": "x", "leaf_hash": b""}
    for number, moment in enumerate(moments):
        row = {**named, "entry_id": f"{number}", "recorded_at": moment}
        connection.execute(table.insert(), row)
    query = table.select().with_only_columns(table.c.recorded_at).order_by(table.c.recorded_at)
    assert connection.scalars(query).all() == sorted(m.astimezone(UTC) for m in moments)


def test_no_moment_is_no_value() -> None:
    assert Instant().process_bind_param(None, DIALECT) is None
    assert Instant().process_result_value(None, DIALECT) is None


@pytest.mark.parametrize("altered", [-(2**63), 2**63 - 1])
def test_a_time_that_no_calendar_has_stops_no_reader(altered: int) -> None:
    moment = Instant().process_result_value(altered, DIALECT)
    assert moment is not None
    assert moment.astimezone(timezone(timedelta(hours=14 if altered > 0 else -12)))


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Instant().process_bind_param(datetime(2027, 3, 3), DIALECT)  # noqa: DTZ001 - the mistake that is meant


def test_two_writings_of_one_moment_are_one_value() -> None:
    sarajevo = AT.astimezone(timezone(timedelta(hours=1)))
    assert Instant().process_bind_param(AT, DIALECT) == Instant().process_bind_param(
        sarajevo, DIALECT
    )
