"""Times as the log writes them: one form, so that each byte counts. Pure."""

from datetime import UTC, datetime


def format_instant(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds, always 27 characters. ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("a time in the log needs a time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
