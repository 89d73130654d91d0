import re
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from app.policy.agreements import Agreement, LegalBasis, read_register
from app.policy.bundle import Bundle
from app.policy.decision import Reason
from app.policy.errors import PolicyError
from app.policy.request import Request

Load = Callable[..., Bundle]

SOUND = """
[legal_bases.L]
citation = "Law, Article 1"
illustrative = false

[agreements.A]
title = "Planted"
parties = ["correctional_service", "probation_service"]
citation = "Agreement of 2026"
valid_from = 2026-01-01
valid_until = 2027-12-31
review_date = 2027-06-30
legal_bases = ["L"]
illustrative = false
"""
POLICIES = """
@id("X") @agreement("A") @legal_basis("L")
permit (
  principal in Role::"probation_service",
  action in Action::"grant:identity.full_name:full",
  resource
) when { context.purpose == Purpose::"supervision" };

@id("N") @agreement("A") @legal_basis("L")
forbid (principal, action in Action::"block:identity.full_name:full", resource)
when { principal.agency == "blocked" };
"""


PAGE = (Path(__file__).parents[2] / "docs" / "policy-activation.md").read_text("utf-8")


def test_the_page_shows_records_as_they_are_read_and_explains_every_key() -> None:
    section = PAGE.split("## Agreements and legal bases\n")[1].split("\n## ")[0]
    example = section.split("```toml\n")[1].split("```")[0]
    register = read_register(example, allow_illustrative=False)
    assert register.legal_bases.keys() == {"PROBATION-DUTY"}
    told = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    keys = {field.name for kind in (Agreement, LegalBasis) for field in fields(kind)} - {"id"}
    assert set(re.findall(r"`(\w+)`", " ".join(told))) == keys


def test_an_agreement_is_read_whole() -> None:
    agreement = read_register(SOUND, allow_illustrative=False).agreements["A"]
    assert agreement.title == "Planted"
    assert agreement.parties == {"correctional_service", "probation_service"}
    assert agreement.review_date == date(2027, 6, 30)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[agreements.A]", "[agreements.A", "not TOML"),
        ("[agreements.A]", "[agreement.A]", "the file has unknown keys: agreement"),
        ("[agreements.A]", "[agreements]", "agreements must hold tables"),
        ("valid_until = 2027-12-31\n", "", "agreements.A valid_until must be a date"),
        ("2027-12-31", '"2027-12-31"', "agreements.A valid_until must be a date"),
        ("2027-12-31", "2027-12-31T00:00:00", "agreements.A valid_until must be a date"),
        ("2027-12-31", "2025-12-31", "agreements.A ends before it begins"),
        ("review_date", "reviewed", "agreements.A has unknown keys: reviewed"),
        ('["L"]', "[]", "legal_bases must list at least one text"),
        ('["L"]', "[1]", "legal_bases must list at least one text"),
        ('["L"]', '["M"]', "names an unknown legal basis: M"),
        ("probation_service", "probation", "names an unknown role as a party: probation"),
        ('citation = "Law, Article 1"\n', "", "legal_bases.L citation must be a text"),
        ("illustrative = false", "illustrative = 0", "L illustrative must be true or false"),
    ],
)
def test_what_does_not_fit_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_register(SOUND.replace(old, new, 1), allow_illustrative=False)
    (finding,) = refused.value.findings
    assert finding.file == "agreements.toml"
    assert message in finding.message


@pytest.mark.parametrize("place", [0, 1])
def test_a_placeholder_loads_only_where_the_settings_allow_it(place: int) -> None:
    parts = SOUND.split("illustrative = false")
    words = ["illustrative = false", "illustrative = false"]
    words[place] = "illustrative = true"
    text = parts[0] + words[0] + parts[1] + words[1] + parts[2]
    assert read_register(text, allow_illustrative=True)
    with pytest.raises(PolicyError, match="only THROUGHCARE_ALLOW_ILLUSTRATIVE=true lets through"):
        read_register(text, allow_illustrative=False)


@pytest.mark.parametrize(
    ("day", "fields"),
    [
        (date(2025, 12, 31), 0),
        (date(2026, 1, 1), 1),
        (date(2027, 12, 31), 1),
        (date(2028, 1, 1), 0),
    ],
)
def test_a_permit_is_in_force_from_the_first_to_the_last_day(
    load: Load, probation: Request, day: date, fields: int
) -> None:
    decision = load(POLICIES, agreements=SOUND).decide(probation, at=day)
    assert len(decision.released) == fields
    if not fields:
        assert decision.fields["identity.full_name"].reason is Reason.NOT_FOR_THIS_ROLE


def test_a_forbid_does_not_lapse_with_its_agreement(load: Load) -> None:
    bundle = load(POLICIES, agreements=SOUND)
    assert "N" in bundle.span(date(2040, 1, 1)).table.policies


@pytest.mark.parametrize("citation", ["Law, Article 1", "Agreement of 2026"])
def test_without_a_citation_no_permit_is_in_force(load: Load, citation: str) -> None:
    with pytest.raises(PolicyError, match="no permit is in force on 2027-03-03"):
        load(POLICIES, agreements=SOUND.replace(citation, " "))


def test_an_agreement_without_end_is_possible(load: Load, probation: Request) -> None:
    bundle = load(POLICIES, agreements=SOUND.replace("2027-12-31", "9999-12-31"))
    assert bundle.decide(probation, at=date.max).released
