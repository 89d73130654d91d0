"""Consents: exactly these fields, for this agency and purpose, until this day or the withdrawal."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from app.cases import consents, steps
from app.cases.consents import CONSENT as CONSENT_TABLE
from app.cases.consents import NewConsent
from app.cases.known import known
from app.cases.loading import about
from app.problems import Conflict, NotFound
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
LAST = date(2027, 6, 30)
CONSENT = NewConsent(
    consent_id="c-1",
    person_id="person-1",
    recipient_agency="welfare-1",
    purpose="social_support",
    fields=("needs.housing_need", "identity.full_name"),
    text_version="2027-1",
    evidence_sha256="0" * 64,
    expires_on=LAST,
    by_agency="prison-1",
    by_officer="o-1",
)


def give(connection: Connection, consent: NewConsent = CONSENT) -> None:
    """The person consents."""
    consents.record(connection, consent, ring=RING, at=AT)


def consented(connection: Connection, *, today: date = LAST, **other: str) -> frozenset[str]:
    """What the welfare centre may have on a day."""
    asked = {"person_id": "person-1", "agency_id": "welfare-1", "purpose": "social_support"}
    asked |= other
    purpose = asked.pop("purpose")
    facts = about(connection, ring=RING, **asked)
    return known(facts, purpose=purpose, at=AT, today=today).consents


def withdraw(connection: Connection, consent_id: str = "c-1", *, agency: str = "welfare-1") -> None:
    """The person withdraws."""
    consent = consents.get(connection, consent_id, ring=RING)
    consents.withdraw(connection, consent, ring=RING, agency=agency, officer="o-2", at=AT)


def taken(connection: Connection) -> list[tuple[str, str, str, datetime]]:
    """The steps that were taken: to where, by whom, when."""
    found = steps.of(connection, ["c-1"])["c-1"]
    return [(one.status, one.by_agency, one.by_officer, one.at) for one in found]


def test_a_consent_opens_its_fields_and_no_others(filled: Connection) -> None:
    give(filled)
    assert consented(filled) == {"needs.housing_need", "identity.full_name"}


def test_a_consent_is_kept_as_it_was_taken(filled: Connection) -> None:
    give(filled)
    row = filled.execute(select(CONSENT_TABLE)).one()
    assert row.fields == ["identity.full_name", "needs.housing_need"]
    assert (row.given_at, row.expires_on) == (AT, LAST)
    assert (row.text_version, row.evidence_sha256) == ("2027-1", "0" * 64)
    assert (row.asserted_by_agency, row.asserted_by_officer) == ("prison-1", "o-1")
    assert row.withdrawn_at is None
    assert taken(filled) == [("in-force", "prison-1", "o-1", AT)]


def test_without_a_consent_nothing_is_open(filled: Connection) -> None:
    assert consented(filled) == frozenset()
    with pytest.raises(NotFound):
        consents.get(filled, "c-1", ring=RING)


@pytest.mark.parametrize(
    "other",
    [
        {"person_id": "person-2"},
        {"agency_id": "police-1"},
        {"agency_id": "prison-1"},
        {"purpose": "employment_support"},
    ],
    ids=str,
)
def test_a_consent_is_for_one_person_one_agency_and_one_purpose(
    filled: Connection, other: dict[str, Any]
) -> None:
    give(filled)
    assert consented(filled, **other) == frozenset()


@pytest.mark.parametrize(("days", "open_"), [(-400, True), (-1, True), (0, True), (1, False)])
def test_the_last_day_is_within_the_consent_and_the_next_is_not(
    filled: Connection, days: int, *, open_: bool
) -> None:
    give(filled)
    assert bool(consented(filled, today=LAST + timedelta(days=days))) is open_


def test_a_withdrawn_consent_opens_nothing_and_says_who_withdrew_it(filled: Connection) -> None:
    give(filled)
    withdraw(filled)
    assert consented(filled) == frozenset()
    row = filled.execute(select(CONSENT_TABLE)).one()
    assert (row.withdrawn_at, row.withdrawn_by_agency, row.withdrawn_by_officer) == (
        AT,
        "welfare-1",
        "o-2",
    )
    assert taken(filled)[1:] == [("ended", "welfare-1", "o-2", AT)]


def test_a_consent_is_withdrawn_once(filled: Connection) -> None:
    give(filled)
    withdraw(filled)
    with pytest.raises(Conflict):
        withdraw(filled, agency="prison-1")
    assert taken(filled)[1:] == [("ended", "welfare-1", "o-2", AT)]


def test_what_was_never_given_cannot_be_withdrawn(filled: Connection) -> None:
    with pytest.raises(NotFound):
        withdraw(filled)


def test_the_same_consent_is_found_again_as_long_as_it_stands(filled: Connection) -> None:
    again = replace(CONSENT, consent_id="c-2", by_officer="o-9")
    assert consents.same(filled, again, ring=RING) is None
    give(filled)
    assert consents.same(filled, again, ring=RING) == "c-1"
    fewer = replace(again, fields=("identity.full_name",))
    assert consents.same(filled, fewer, ring=RING) is None
    withdraw(filled)
    assert consents.same(filled, again, ring=RING) is None


def test_consents_add_up_and_each_ends_for_itself(filled: Connection) -> None:
    give(filled)
    more = replace(
        CONSENT, consent_id="c-2", fields=("contact.phone",), expires_on=date(2027, 4, 1)
    )
    give(filled, more)
    assert consented(filled, today=date(2027, 4, 1)) == {*CONSENT.fields, "contact.phone"}
    assert consented(filled, today=date(2027, 4, 2)) == set(CONSENT.fields)
    withdraw(filled)
    assert consented(filled, today=date(2027, 4, 1)) == {"contact.phone"}


def test_a_consent_may_be_given_again_after_it_was_withdrawn(filled: Connection) -> None:
    give(filled)
    withdraw(filled)
    give(filled, replace(CONSENT, consent_id="c-2"))
    assert consented(filled) == set(CONSENT.fields)
