"""The situation of a decision: days are those of the legal time zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from app.administration.registry import OPERATOR
from app.disclosure.situation import situation
from app.files.store import StoredFile
from app.house import House
from app.policy.authorities import LegalAuthority
from app.policy.request import Request
from tests.api.exchange import Exchange

PLACE = "XK-PEJA"


def file_of(**values: object) -> StoredFile:
    return StoredFile(
        person_id="nobody",
        custodian="prison",
        version=1,
        sections={"release": {name: {"value": value} for name, value in values.items()}},
    )


def situation_at(
    exchange: Exchange, file: StoredFile, at: datetime, *authorities: LegalAuthority
) -> Request:
    house: House = exchange.world.service.house
    named = {one.id: one for one in authorities}
    house = replace(house, bundle=replace(house.bundle, authorities=named))
    caller = replace(OPERATOR, role="police_local", purpose="condition_enforcement")

    def work(connection: Connection) -> Request:
        return situation(connection, house, caller, file, at=at)

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


def test_a_legal_authority_counts_in_its_term_by_the_legal_day(exchange: Exchange) -> None:
    authority = LegalAuthority(
        id="PLANTED",
        title="Planted",
        citation="Law on planting, Article 4",
        role="police_local",
        agency=None,
        parts=frozenset({"supervision"}),
        purposes=frozenset({"condition_enforcement"}),
        valid_from=date(2027, 3, 3),
        valid_until=date(2027, 12, 31),
        review_date=date(2027, 6, 30),
    )
    for at, parts in (
        (datetime(2027, 3, 2, 22, 59, tzinfo=UTC), frozenset()),
        (datetime(2027, 3, 2, 23, 1, tzinfo=UTC), {"supervision"}),
        (datetime(2028, 1, 1, 12, tzinfo=UTC), frozenset()),
    ):
        assert situation_at(exchange, file_of(), at, authority).legal_authorities == parts
    assert situation_at(exchange, file_of(), at).legal_authorities == frozenset()
