from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from app.files import formats
from app.files.rules import Format

GOOD = [
    (formats.DATE, "2027-06-01"),
    (formats.DATE, "2028-02-29"),
    (formats.DATE_TIME, "2027-06-01T09:00:00+02:00"),
    (formats.DATE_TIME, "2027-06-01T09:00:00.25Z"),
    (formats.PHONE, "+38344000000"),
    (formats.PERSON_UUID, "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    (formats.MUNICIPALITY, "XK-GJILAN"),
    (formats.MUNICIPALITY, "BA-ZDK-ZENICA"),
    (formats.DIAGNOSIS, "ICD-10:F43.1"),
    (formats.DIAGNOSIS, "ICD-11:6B40"),
    (formats.SKILL, "ISCO-08:7126"),
    (formats.ARTICLE, "XK-CC-313"),
]
BAD = [
    (formats.DATE, "2027-02-29"),
    (formats.DATE, "20270601"),
    (formats.DATE, "2027-W22-2"),
    (formats.DATE, "01.06.2027"),
    (formats.DATE, "2027-06-01T00:00:00Z"),
    (formats.DATE, "2027-06-01\n"),
    (formats.DATE, "\u0662\u0660\u0662\u0667-06-01"),
    (formats.DATE, "1899-12-31"),
    (formats.DATE, "2200-01-01"),
    (formats.DATE, ""),
    (formats.DATE_TIME, "2027-06-01T09:00:00"),
    (formats.DATE_TIME, "2027-06-01 09:00:00Z"),
    (formats.DATE_TIME, "2027-06-01T24:00:00Z"),
    (formats.DATE_TIME, "2027-06-01T09:00:00+99:00"),
    (formats.PHONE, "044000000"),
    (formats.PHONE, "+0440000000"),
    (formats.PHONE, "+383 44 000 000"),
    (formats.PHONE, "+1234567890123456"),
    (formats.PERSON_UUID, "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"),
    (formats.PERSON_UUID, "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    (formats.MUNICIPALITY, "Gjilan"),
    (formats.MUNICIPALITY, "XK-"),
    (formats.DIAGNOSIS, "F43.1"),
    (formats.SKILL, "welding"),
    (formats.REFERENCE, "two words"),
    (formats.REFERENCE, "a" * 65),
]


@pytest.mark.parametrize(("rule", "text"), GOOD)
def test_what_has_the_shape_is_kept_as_it_is(rule: Format, text: str) -> None:
    assert rule.check(text) == text


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_what_has_another_shape_is_refused_without_repeating_it(rule: Format, text: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        rule.check(text)
    assert refused.value.message() == f"Expected {rule.expected}"


@given(day=st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_every_day_of_these_centuries_is_a_date(day: date) -> None:
    assert formats.parse_date(str(day)) == day


@given(hours=st.integers(-12, 14))
def test_a_time_keeps_its_offset(hours: int) -> None:
    sign = "-" if hours < 0 else "+"
    parsed = formats.parse_date_time(f"2027-06-01T09:00:00{sign}{abs(hours):02}:00")
    assert parsed.utcoffset() == timedelta(hours=hours)
