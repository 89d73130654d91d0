"""Moments as every table stores them: integers, which sort and compare alike on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# A day is left for time zones.
EARLIEST = (datetime.min.replace(tzinfo=UTC) + timedelta(days=1) - EPOCH) // MICROSECOND
LATEST = (datetime.max.replace(tzinfo=UTC) - timedelta(days=1) - EPOCH) // MICROSECOND


class Instant(TypeDecorator[datetime]):
    """A moment as microseconds since 1970-01-01 UTC: the same order and value on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware datetime to integer; a naive one is a mistake and refused."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Integer to an aware datetime in UTC."""
        return None if value is None else instant(value)


def microseconds(at: datetime) -> int:
    """A moment as an `Instant` stores it. ValueError where it has no time zone."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (at - EPOCH) // MICROSECOND


def instant(stored: int) -> datetime:
    """The moment, in UTC, that an `Instant` stores so.

    One that no calendar has was altered. It is read as the nearest that there is: whoever could
    stop all readers of the log with it would hide what else was altered.
    """
    return EPOCH + min(max(stored, EARLIEST), LATEST) * MICROSECOND
