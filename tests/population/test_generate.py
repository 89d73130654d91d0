"""The made-up population: valid, deterministic, and of the correctional service's sections only."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.catalogue import SECTIONS
from app.files.consistency import check_consistency
from app.files.models import parse_submission
from app.population.countries import COUNTRIES
from app.population.generate import generate
from tests.effort import examples

TODAY = date(2027, 3, 3)
SEEDS = st.integers(min_value=0, max_value=2**64)
DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1))


def value(record: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - fields take values of many types
    section, name = path.split(".")
    return record["sections"][section][name]["value"]


@examples(8)
@given(seed=SEEDS, today=DAYS, country=st.sampled_from(sorted(COUNTRIES)))
def test_every_record_fits_the_catalogue(seed: int, today: date, country: str) -> None:
    for record in generate(10, seed=seed, today=today, country=country):
        assert record.keys() == {"reference", "sections"}
        check_consistency(parse_submission({"sections": record["sections"]}))


@examples(5)
@given(seed=SEEDS, today=DAYS)
def test_the_same_seed_gives_the_same_people(seed: int, today: date) -> None:
    first = list(generate(5, seed=seed, today=today))
    assert list(generate(8, seed=seed, today=today))[:5] == first


def test_another_seed_gives_other_people() -> None:
    (one,), (other,) = generate(1, seed=1, today=TODAY), generate(1, seed=2, today=TODAY)
    assert one["reference"] != other["reference"]
    assert one["sections"] != other["sections"]


def test_references_are_unique() -> None:
    references = [record["reference"] for record in generate(500, seed=1, today=TODAY)]
    assert len(set(references)) == 500


def test_only_the_correctional_services_sections_are_written() -> None:
    for record in generate(50, seed=1, today=TODAY):
        owners = {SECTIONS[name].owner_role for name in record["sections"]}
        assert owners == {"correctional_service"}


def test_most_are_ordinary_offenders_and_a_few_are_not() -> None:
    outcomes = Counter(
        value(record, "extremism_status.radicalisation_screening_outcome")
        for record in generate(500, seed=1, today=TODAY)
    )
    assert 5 <= outcomes["refer_for_assessment"] <= 50


def test_releases_lie_before_within_and_after_the_time_of_preparation() -> None:
    days = [
        (date.fromisoformat(value(record, "release.planned_release_date")) - TODAY).days
        for record in generate(300, seed=1, today=TODAY)
    ]
    assert min(days) < -365
    assert sum(0 <= day <= 180 for day in days) > 60
    assert max(days) > 5 * 365


@examples(5)
@given(seed=SEEDS)
def test_dates_hang_together(seed: int) -> None:
    for record in generate(20, seed=seed, today=TODAY):
        born = date.fromisoformat(value(record, "identity.date_of_birth"))
        admitted = date.fromisoformat(value(record, "custody.admission_datetime")[:10])
        assessed = date.fromisoformat(value(record, "risk_assessment.risk_assessment_date"))
        release = date.fromisoformat(value(record, "release.planned_release_date"))
        assert admitted - born >= timedelta(days=18 * 365)
        assert admitted <= assessed <= min(TODAY, release)
        assert ("actual_release_datetime" in record["sections"]["release"]) == (release < TODAY)


def test_a_plan_has_a_summary_written_for_sharing() -> None:
    plans = [record["sections"]["plan"] for record in generate(50, seed=1, today=TODAY)]
    written = [
        plan["individual_plan_summary"] for plan in plans if "individual_plan_summary" in plan
    ]
    assert written
    assert all(plan["summary"] not in plan["value"] for plan in written)


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_people_return_within_their_country(country: str) -> None:
    for record in generate(30, seed=1, today=TODAY, country=country):
        code = value(record, "residence_contact.return_municipality_code")
        assert code in COUNTRIES[country].municipalities
        assert code.startswith(f"{country}-")


def test_records_are_plain_json() -> None:
    records = list(generate(20, seed=1, today=TODAY))
    assert json.loads(json.dumps(records)) == records
