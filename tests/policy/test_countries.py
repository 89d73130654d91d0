"""The shipped overlays of countries: each narrows the base, and what it is for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.loader import Base, read_base
from app.policy.overlays import Overlay, countries, read_overlay
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable
from tests.policy.unchecked import VOCABULARY

POLICIES = Path(__file__).parents[2] / "policies"
DAY = date(2027, 3, 3)
COUNTRIES = ("al", "ba", "me", "mk", "rs", "xk")
WITHOUT_UNIT = ("al", "ba", "me", "mk", "rs")
SIXTY_DAYS = ("al", "me", "mk", "xk")

Read = Callable[[str], Overlay]


@pytest.fixture(scope="module")
def base() -> Base:
    return read_base(POLICIES, allow_illustrative=True)


@pytest.fixture(scope="module")
def overlay(base: Base) -> Read:
    known: dict[str, Overlay] = {}

    def read(country: str) -> Overlay:
        if country not in known:
            known[country] = read_overlay(
                POLICIES, country, base, at=DAY, allow_illustrative=True, cross_check="off"
            )
        return known[country]

    return read


def released(bundle: Bundle, role: str, *, days: int = 30) -> frozenset[str]:
    """What the most favourable request of a role would be given."""
    found: set[str] = set()
    for purpose in ROLE_PURPOSES[role]:
        request = most_favourable(role, purpose, fields=frozenset(VOCABULARY.fields))
        request = replace(request, days_to_release=days, custodian="another", incident=False)
        fields = bundle.decide(request, at=DAY).fields.items()
        found |= {path for path, field in fields if field.form is not Form.NONE}
    return frozenset(found)


def test_there_are_six_countries() -> None:
    assert countries(POLICIES) == COUNTRIES


@pytest.mark.parametrize("country", COUNTRIES)
def test_each_is_plainly_narrower_and_cites_no_statute(overlay: Read, country: str) -> None:
    found = overlay(country)
    assert not found.unproved
    assert not found.statutory
    own = (found.bundle.register.legal_bases[policy.legal_basis] for policy in found.own.values())
    assert all(basis.illustrative for basis in own)


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_coordinator_has_no_value_in_any_country(overlay: Read, country: str) -> None:
    assert released(overlay(country).bundle, "national_coordinator") == frozenset()


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_reintegration_unit_has_something_only_where_there_is_one(
    overlay: Read, country: str
) -> None:
    has_unit = bool(released(overlay(country).bundle, "reintegration_unit"))
    assert has_unit is (country not in WITHOUT_UNIT)


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_welfare_centre_reads_from_its_lead_time_on(overlay: Read, country: str) -> None:
    opens = 60 if country in SIXTY_DAYS else 90
    date_known = [
        "release.planned_release_date"
        in released(overlay(country).bundle, "social_welfare_centre", days=days)
        for days in (opens, opens + 1)
    ]
    assert date_known == [True, False]


def test_each_country_has_a_digest_of_its_own(overlay: Read) -> None:
    assert len({overlay(country).bundle.digest for country in COUNTRIES}) == len(COUNTRIES)


def test_what_is_changed_is_told_by_role(overlay: Read) -> None:
    assert overlay("xk").roles == {"social_welfare_centre"}
    assert overlay("ba").roles == {"reintegration_unit"}
    assert overlay("rs").roles == {"probation_service", "reintegration_unit"}
