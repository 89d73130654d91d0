import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.files.transformers import Bands, count_band, iso_week, region

DATES = st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(str)
RECORDED = {"recorded": True}


def said(path: str, form: Form, value: Any) -> Any:  # noqa: ANN401 - values of every kind
    return FIELDS[path].transform(form, {"value": value})


def test_a_name_is_summarised_by_given_and_family_name(full_name: dict[str, Any]) -> None:
    summary = FIELDS["identity.full_name"].transform(Form.SUMMARY, full_name)
    assert summary == {"given": ["Arben", "Besim"], "family": "Krasniqi"}


def test_a_generalised_name_holds_an_initial_and_no_given_name(full_name: dict[str, Any]) -> None:
    generalised = FIELDS["identity.full_name"].transform(Form.GENERALISED, full_name)
    assert generalised == {"initial": "A", "family": "Krasniqi"}
    assert "Arben" not in str(generalised)


LETTERS = st.text(st.characters(categories=["L"]), min_size=1, max_size=20)


@given(given=LETTERS, tail=LETTERS, family=LETTERS)
def test_no_more_than_the_first_letter_of_a_given_name_is_told(
    given: str, tail: str, family: str
) -> None:
    short = said("identity.full_name", Form.GENERALISED, {"family": family, "given": [given]})
    longer = {"family": family, "given": [given + tail, tail], "other": [tail]}
    assert said("identity.full_name", Form.GENERALISED, longer) == short


@given(born=DATES)
def test_a_generalised_birth_date_is_a_decade(born: str) -> None:
    generalised = said("identity.date_of_birth", Form.GENERALISED, born)
    assert re.fullmatch(r"[0-9]{3}0-[0-9]{3}9", generalised)
    assert generalised[:4] <= born[:4] <= generalised[5:]
    assert said("identity.date_of_birth", Form.SUMMARY, born) == born[:4]


@pytest.mark.parametrize(
    ("day", "week"),
    [("2027-06-01", "2027-W22"), ("2027-01-01", "2026-W53"), ("2024-12-30", "2025-W01")],
)
def test_weeks_are_those_of_iso_8601(day: str, week: str) -> None:
    assert iso_week(day) == week


@given(day=DATES)
def test_a_generalised_date_does_not_hold_the_date(day: str) -> None:
    generalised = said("release.planned_release_date", Form.GENERALISED, day)
    assert re.fullmatch(r"[0-9]{4}-W[0-9]{2}", generalised)
    assert day not in generalised


def test_a_time_is_summarised_by_the_day_as_written() -> None:
    late = "2027-06-01T23:30:00-05:00"
    assert said("custody.admission_datetime", Form.SUMMARY, late) == "2027-06-01"
    assert said("custody.admission_datetime", Form.GENERALISED, late) == "2027-W22"


def test_both_ends_of_a_leave_are_transformed_alike() -> None:
    leave = {"start": "2027-06-01T08:00:00+02:00", "end": "2027-06-07T18:00:00+02:00"}
    path = "release.temporary_leave_window"
    assert said(path, Form.SUMMARY, leave) == {"start": "2027-06-01", "end": "2027-06-07"}
    assert said(path, Form.GENERALISED, leave) == {"start": "2027-W22", "end": "2027-W23"}


def test_an_address_is_generalised_to_its_municipality() -> None:
    address = {
        "municipality_code": "XK-GJILAN",
        "postal_code": "60000",
        "settlement": "Example Village",
        "street": "Example Street 1",
    }
    path = "residence_contact.return_address"
    assert said(path, Form.GENERALISED, address) == "XK-GJILAN"
    assert "street" not in said(path, Form.SUMMARY, address)


def test_a_municipality_is_generalised_to_the_area_around_it() -> None:
    path = "residence_contact.return_municipality_code"
    assert said(path, Form.SUMMARY, "BA-ZDK-ZENICA") == "BA-ZDK-ZENICA"
    assert said(path, Form.GENERALISED, "BA-ZDK-ZENICA") == "BA-ZDK"
    assert region("XK-GJILAN") == "XK"


def test_a_code_without_groups_is_generalised_to_its_existence() -> None:
    assert said("needs.employment_need", Form.SUMMARY, "job_search") == "job_search"
    assert said("needs.employment_need", Form.GENERALISED, "job_search") == RECORDED


def test_a_code_with_groups_is_generalised_to_its_group() -> None:
    assert said("needs.education_level", Form.GENERALISED, "ISCED-3") == "medium"


@pytest.mark.parametrize(
    ("count", "band"),
    [(0, "0"), (1, "1"), (2, "2-4"), (4, "2-4"), (5, "5 or more"), (30, "5 or more")],
)
def test_a_list_is_generalised_to_a_count_band(count: int, band: str) -> None:
    assert count_band(["x"] * count) == band


def test_a_list_is_summarised_without_dates_and_notes() -> None:
    sanctions = [{"sanction": "warning", "imposed_on": "2026-01-01", "note": "A note"}]
    assert said("custody.disciplinary_sanctions", Form.SUMMARY, sanctions) == [
        {"sanction": "warning"}
    ]


@pytest.mark.parametrize(
    ("days", "band", "coarser"),
    [
        (1, "1-182", "1-365"),
        (183, "183-365", "1-365"),
        (366, "366-1095", "366-1825"),
        (7301, "7301 or more", "1826 or more"),
    ],
)
def test_a_sentence_is_told_by_bands(days: int, band: str, coarser: str) -> None:
    assert said("sentence.sentence_length_days", Form.SUMMARY, days) == band
    assert said("sentence.sentence_length_days", Form.GENERALISED, days) == coarser


def test_coarse_bands_are_made_of_fine_ones() -> None:
    with pytest.raises(ValueError, match="whole fine bands"):
        Bands(fine=(0, 5), coarse=(0, 3))


def test_a_pointer_is_summarised_by_its_contact_point() -> None:
    pointer = {"holder": "example-unit", "reference": "EX-1", "contact_phone": "+38344000000"}
    summary = said("security_intelligence.intelligence_marker", Form.SUMMARY, pointer)
    assert summary == {"holder": "example-unit", "contact_phone": "+38344000000"}


@pytest.mark.parametrize("stage", ["declined", "offered", "not_offered"])
def test_what_was_not_taken_up_is_not_stated(stage: str) -> None:
    path = "extremism_status.disengagement_stage"
    assert said(path, Form.SUMMARY, stage) == "not_stated"
    assert said(path, Form.SUMMARY, "engaged") == "engaged"
    assert said(path, Form.FULL, stage) == stage


@pytest.mark.parametrize("status", ["dependent_noncombatant", "none"])
def test_a_dependant_looks_like_somebody_who_never_went(status: str) -> None:
    path = "extremism_status.ftf_return_status"
    assert said(path, Form.SUMMARY, status) == "not_stated"
    assert said(path, Form.SUMMARY, "repatriated") == "repatriated"


def protected(reference: str, category: str = "victim") -> dict[str, str]:
    return {"category": category, "holder": "example-support", "reference": reference}


def test_a_summarised_prohibition_names_its_zone_and_no_person() -> None:
    prohibitions = [
        {"prohibition": "no_contact", "zone": "XK-PEJA", "protected_person": protected("EX-1")},
        {"prohibition": "no_contact", "zone": "XK-PEJA", "protected_person": protected("EX-2")},
        {"prohibition": "no_approach", "protected_person": protected("EX-2", "child")},
    ]
    path = "supervision.contact_prohibitions"
    # Two persons under the same prohibition look like one.
    assert said(path, Form.SUMMARY, prohibitions) == [
        {"prohibition": "no_approach"},
        {"prohibition": "no_contact", "zone": "XK-PEJA"},
    ]
    assert said(path, Form.GENERALISED, prohibitions) == RECORDED


@pytest.mark.parametrize(
    "path",
    [
        "custody.emergency_contact",
        "family.family_contact_person",
        "children.child_identities",
        "security_intelligence.non_association_markers",
    ],
)
def test_other_persons_are_at_most_said_to_exist_below_full(path: str) -> None:
    assert FIELDS[path].distinct_forms == (Form.EXISTENCE, Form.FULL)


@pytest.mark.parametrize(
    "path",
    ["identity.national_id_number", "identity.person_ref", "residence_contact.personal_phone"],
)
def test_what_finds_a_person_elsewhere_is_said_whole_or_not_at_all(path: str) -> None:
    assert FIELDS[path].distinct_forms == (Form.EXISTENCE, Form.FULL)
