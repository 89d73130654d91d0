"""The situation of a decision: days are those of the legal time zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection

from app.administration.registry import OPERATOR
from app.disclosure.situation import situation
from app.files.store import StoredFile
from app.house import House
from app.policy.authorities import LegalAuthority
from app.policy.request import Request
from tests.api.exchange import Exchange
from tests.policy.unchecked import authority as planted_authority

PLACE = "XK-PEJA"


def file_of(**values: object) -> StoredFile:
    return StoredFile(
        person_id="nobody",
        custodian="prison",
        version=1,
        sections={"release": {name: {"value": value} for name, value in values.items()}},
    )


def situation_at(
    exchange: Exchange,
    file: StoredFile,
    at: datetime,
    *authorities: LegalAuthority,
    territory: str = "",
) -> Request:
    house: House = exchange.world.service.house
    named = {one.id: one for one in authorities}
    house = replace(house, bundle=replace(house.bundle, authorities=named))
    caller = replace(
        OPERATOR,
        role="police_local",
        purpose="condition_enforcement",
        municipalities=frozenset({territory}),
    )

    def work(connection: Connection) -> Request:
        return situation(connection, house, caller, file, at=at).request

    return exchange.world.service.database.read_blocking(work)


def test_a_leave_concerns_its_place_until_its_last_legal_day_is_over(exchange: Exchange) -> None:
    # Half past eleven in the evening in London is the next day in Prishtina.
    leave = file_of(
        temporary_leave_municipality_code=PLACE,
        temporary_leave_window={
            "start": "2027-06-01T08:00:00+00:00",
            "end": "2027-06-03T23:30:00+00:00",
        },
    )
    for at, place in (
        (datetime(2027, 3, 1, tzinfo=UTC), PLACE),
        (datetime(2027, 6, 4, 12, tzinfo=UTC), PLACE),
        (datetime(2027, 6, 4, 21, 59, tzinfo=UTC), PLACE),
        (datetime(2027, 6, 4, 22, 1, tzinfo=UTC), None),
    ):
        assert situation_at(exchange, leave, at).leave_municipality == place


def test_a_place_without_a_leave_concerns_nobody(exchange: Exchange) -> None:
    place = file_of(temporary_leave_municipality_code=PLACE)
    assert (
        situation_at(exchange, place, datetime(2027, 3, 1, tzinfo=UTC)).leave_municipality is None
    )


def test_once_the_person_has_left_that_day_counts(exchange: Exchange) -> None:
    left = datetime(2027, 3, 1, 23, 30, tzinfo=UTC)  # the second of March in Prishtina
    at = datetime(2027, 3, 10, 12, tzinfo=UTC)
    planned = {"planned_release_date": "2027-09-01"}
    asked = situation_at(exchange, file_of(**planned), at)
    assert asked.days_to_release == 175
    asked = situation_at(exchange, file_of(**planned, actual_release_datetime=left.isoformat()), at)
    assert asked.days_to_release == -8
    assert situation_at(exchange, file_of(), at).days_to_release is None


def test_a_window_that_would_open_on_a_sunday_is_open_on_the_friday(exchange: Exchange) -> None:
    friday = datetime(2027, 3, 5, 12, tzinfo=UTC)
    in_thirty = (friday + timedelta(days=32)).date().isoformat()
    asked = situation_at(exchange, file_of(planned_release_date=in_thirty), friday)
    assert asked.days_to_release == 30


def test_support_goes_on_until_its_last_day_after_the_release_and_no_longer(
    exchange: Exchange,
) -> None:
    left = file_of(actual_release_datetime="2027-03-01T10:00:00+00:00")
    for day, is_open in (("2027-03-02", True), ("2027-08-28", True), ("2027-08-30", False)):
        at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        assert situation_at(exchange, left, at).support_open is is_open
    # Before a date is known nothing is over.
    assert situation_at(exchange, file_of(), at).support_open


LEAVE = {
    "temporary_leave_municipality_code": PLACE,
    "temporary_leave_window": {
        "start": "2027-06-01T08:00:00+00:00",
        "end": "2027-06-03T23:30:00+00:00",
    },
}
BY_ORDER = {
    "release_type": "court_ordered_early",
    "release_date_confidence": "court_ordered",
    "planned_release_date": "2027-09-01",
}


@pytest.mark.parametrize(
    ("day", "incident"),
    [("2027-05-31", False), ("2027-06-01", True), ("2027-06-04", True), ("2027-06-05", False)],
)
def test_a_leave_is_an_incident_where_and_while_it_is_spent(
    exchange: Exchange, day: str, *, incident: bool
) -> None:
    at = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    asked = situation_at(exchange, file_of(**LEAVE), at, territory=PLACE)
    assert asked.incident is incident
    assert not situation_at(exchange, file_of(**LEAVE), at, territory="XK-GJILAN").incident


def returning_to(place: str, **release: object) -> StoredFile:
    file = file_of(**release)
    home = {"return_municipality_code": {"value": place}}
    return replace(file, sections={**file.sections, "residence_contact": home})


def test_a_release_by_order_of_a_court_is_an_incident_until_the_end_of_support(
    exchange: Exchange,
) -> None:
    file = returning_to(PLACE, **BY_ORDER)
    for at, incident in (
        (datetime(2027, 3, 1, 12, tzinfo=UTC), True),
        (datetime(2027, 9, 1, 12, tzinfo=UTC), True),
        (datetime(2028, 2, 28, 12, tzinfo=UTC), True),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), False),
    ):
        assert situation_at(exchange, file, at, territory=PLACE).incident is incident
    assert not situation_at(
        exchange, file, datetime(2027, 3, 1, tzinfo=UTC), territory="XK-GJILAN"
    ).incident


@pytest.mark.parametrize("missing", BY_ORDER)
def test_what_the_file_does_not_say_is_no_incident(exchange: Exchange, missing: str) -> None:
    said = {name: value for name, value in BY_ORDER.items() if name != missing}
    at = datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert not situation_at(exchange, returning_to(PLACE, **said), at, territory=PLACE).incident


def test_a_legal_authority_counts_in_its_term_by_the_legal_day(exchange: Exchange) -> None:
    authority = planted_authority(first=date(2027, 3, 3))
    for at, parts in (
        (datetime(2027, 3, 2, 22, 59, tzinfo=UTC), frozenset()),
        (datetime(2027, 3, 2, 23, 1, tzinfo=UTC), {"supervision"}),
        (datetime(2028, 1, 1, 12, tzinfo=UTC), frozenset()),
    ):
        assert situation_at(exchange, file_of(), at, authority).legal_authorities == parts
    assert situation_at(exchange, file_of(), at).legal_authorities == frozenset()
