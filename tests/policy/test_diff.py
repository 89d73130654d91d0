"""What two bundles release differently, seen from outside: roles, fields, forms, situations."""

from datetime import date
from pathlib import Path

import pytest

from app.files.forms import Form
from app.policy.bundle import Bundle, make_bundle
from app.policy.diff import Difference, by_cause, compare, report
from app.policy.loader import load_bundle
from app.policy.masks import with_masks
from tests.policy.unchecked import (
    SCHEMA,
    VOCABULARY,
    agreement,
    bundle_of,
    forbid,
    permit,
    policies,
    register,
)

SHIPPED = Path(__file__).parents[2] / "policies"
DAY = date(2027, 3, 3)
NAME = "grant:identity.full_name:full"
DAYS = "context has days_to_release && context.days_to_release"
WINDOW = (f"{DAYS} <= 30", "context.days_to_release >= -180")
TERRITORY = (
    "resource has return_municipality",
    "principal.municipalities.contains(resource.return_municipality)",
)
CONSENT = 'context.consents.contains(Field::"identity.full_name")'


def differences(old: Bundle, new: Bundle) -> list[Difference]:
    """The differences, each tried with the decisions of both bundles."""
    found = list(compare(old, new))
    for one in found:
        if one.form is not None:
            forms = [
                bundle.decide(one.witness.request, at=one.witness.day).fields[one.subject].form
                for bundle in (old, new)
            ]
            assert forms == [one.before, one.after]
            assert (forms[1] > forms[0]) == (one.change == "gains")
    return found


def short(found: list[Difference]) -> list[tuple[str, str, str | None, str]]:
    return [
        (one.role, one.subject, one.form.code if one.form else None, one.change) for one in found
    ]


# -- what is no difference --------------------------------------------------------------------

POLICE = permit("police_local", NAME, *TERRITORY, *WINDOW)
COSMETIC = {
    "the same": POLICE,
    "a comment": "// A remark.\n" + POLICE,
    "another id": POLICE.replace('"P"', '"Q"'),
    "layout": " ".join(POLICE.split()),
    "order": permit("police_local", NAME, *WINDOW, *TERRITORY),
    "a bound of whole days": POLICE.replace("<= 30", "< 31"),
    "a negated negation": POLICE.replace("&& resource has", "&& !(!(resource has").replace(
        "has return_municipality &&", "has return_municipality)) &&"
    ),
    "two conditions": permit("police_local", NAME, *TERRITORY).rstrip(";\n")
    + f" when {{ {' && '.join(WINDOW)} }};",
    "two halves": permit("police_local", NAME, *TERRITORY, f"{DAYS} <= 30", f"{DAYS} >= 0")
    + permit("police_local", NAME, *TERRITORY, f"{DAYS} < 0", f"{DAYS} >= -180", id_="Q"),
    "a part of it again": POLICE
    + permit("police_local", NAME, *TERRITORY, *WINDOW, "context.assigned", id_="Q"),
    "a lower form again": POLICE
    + permit("police_local", NAME, *TERRITORY, *WINDOW, id_="Q").replace(":full", ":summary"),
    "a forbid of nothing": POLICE + forbid("block:identity.date_of_birth:existence"),
}


@pytest.mark.parametrize("text", COSMETIC.values(), ids=COSMETIC)
def test_a_cosmetic_edit_yields_nothing(text: str) -> None:
    assert differences(bundle_of(POLICE), bundle_of(text)) == []


def test_the_shipped_bundle_does_not_differ_from_itself(bundle: Bundle) -> None:
    assert compare(bundle, bundle) == ()


# -- gains and losses -------------------------------------------------------------------------


def test_a_wider_window_is_a_gain_on_the_days_between() -> None:
    wider = bundle_of(POLICE.replace("<= 30", "<= 60"))
    (one,) = differences(bundle_of(POLICE), wider)
    assert short([one]) == [("police_local", "identity.full_name", "full", "gains")]
    assert one.policies == ("P",)
    assert one.words == (
        "the person returns to its territory; from 60 to 31 days before the release; "
        "for public_protection_local"
    )
    assert one.witness.request.days_to_release == 31
    assert one.step == "none -> full"


def test_the_other_way_round_it_is_a_loss() -> None:
    wider = bundle_of(POLICE.replace("<= 30", "<= 60"))
    (one,) = differences(wider, bundle_of(POLICE))
    assert (one.change, one.step) == ("loses", "full -> none")
    assert "from 60 to 31 days before" in one.words


def test_a_window_without_an_end_is_said_so() -> None:
    endless = permit("police_local", NAME, *TERRITORY, f"{DAYS} <= 30")
    (one,) = differences(bundle_of(POLICE), bundle_of(endless))
    assert "from 181 days after the release on" in one.words


def test_a_dropped_condition_is_a_gain_without_it() -> None:
    strict = permit("ngo_mentor", NAME, CONSENT, "context.assigned")
    (one,) = differences(bundle_of(strict), bundle_of(permit("ngo_mentor", NAME, CONSENT)))
    assert one.words == (
        "the person consented to it having this field; "
        "although not: it accepted a referral of the person; for mentoring"
    )


def test_a_dropped_forbid_is_the_cause() -> None:
    planted = permit("police_ct", NAME)
    kept = forbid("block:identity:generalised", 'principal in Role::"police_ct"')
    (one,) = differences(bundle_of(planted, kept), bundle_of(planted))
    assert one.policies == ("F",)
    assert one.step == "existence -> full"


def test_a_new_forbid_is_the_cause_of_a_loss() -> None:
    planted = permit("police_ct", NAME)
    taking = forbid("block:identity:summary", 'principal.agency == "one"')
    (one,) = differences(bundle_of(planted), bundle_of(planted, taking))
    assert (one.policies, one.step) == (("F",), "full -> generalised")
    assert one.witness.request.agency == "one"


def test_a_raised_form_is_one_difference() -> None:
    lower = permit("police_ct", "grant:identity.full_name:summary")
    (one,) = differences(bundle_of(lower), bundle_of(permit("police_ct", NAME)))
    assert (one.form, one.before, one.after) == (Form.FULL, Form.SUMMARY, Form.FULL)


def test_a_raised_form_and_a_wider_lower_one_are_two() -> None:
    old = permit("police_ct", NAME, "context.assigned")
    new = permit("police_ct", NAME, "context.assigned", "context.designated") + permit(
        "police_ct", "grant:identity.full_name:generalised", id_="Q"
    )
    found = differences(bundle_of(old), bundle_of(new))
    assert [(one.change, one.form, one.policies) for one in found] == [
        ("gains", Form.GENERALISED, ("Q",)),
        ("loses", Form.FULL, ("P",)),
    ]


def test_what_a_higher_form_does_not_cover_is_told_besides() -> None:
    old = permit("police_ct", "grant:identity.full_name:generalised", "context.designated")
    new = permit("police_ct", NAME, "context.assigned") + permit(
        "police_ct", "grant:identity.full_name:generalised", id_="Q"
    )
    found = differences(bundle_of(old), bundle_of(new))
    assert [(one.form, one.policies) for one in found] == [
        (Form.FULL, ("P",)),
        (Form.GENERALISED, ("Q",)),
    ]


def test_two_causes_are_two_findings() -> None:
    anything = permit("police_ct", NAME, id_="Z")
    consented = permit("ngo_mentor", NAME, CONSENT)
    designated = permit("ngo_mentor", NAME, "context.designated", id_="Q")
    found = differences(bundle_of(anything), bundle_of(anything, consented, designated))
    assert [one.policies for one in found] == [("P",), ("Q",)]


def test_findings_of_one_cause_are_merged() -> None:
    many = permit("ngo_mentor", NAME, CONSENT).replace(
        f'in Action::"{NAME}"',
        f'in [Action::"{NAME}", Action::"grant:needs.employment_need:summary"]',
    )
    anything = permit("police_ct", NAME, id_="Z")
    old, new = bundle_of(anything), bundle_of(anything, many)
    found = differences(old, new)
    assert [one.subject for one in found] == ["identity.full_name", "needs.employment_need"]
    assert len(by_cause(found)) == 1
    assert [finding["cause"] for finding in report(old, new, found)["findings"]] == [1, 1]


def test_all_purposes_of_a_change_are_in_one_finding() -> None:
    both = permit("probation_service", NAME).replace(
        'context.purpose == Purpose::"supervision"',
        '[Purpose::"supervision", Purpose::"court_report"].contains(context.purpose)',
    )
    (one,) = differences(
        bundle_of(permit("probation_service", NAME, "context.assigned")), bundle_of(both)
    )
    # Supervision without a referral, a court report with and without: one cause, told at its least.
    assert set(one.situation.purposes) == {"supervision", "court_report"}


def test_writing_and_the_log_are_compared_too() -> None:
    anything = permit("police_ct", NAME)
    writing = permit("health_provider", "contribute:health", id_="W")
    reading = permit("oversight_auditor", "read_access_log", id_="R")
    found = differences(bundle_of(anything), bundle_of(anything, writing, reading))
    assert short(found) == [
        ("health_provider", "contribute:health", None, "gains"),
        ("oversight_auditor", "read_access_log", None, "gains"),
    ]
    assert found[0].witness.to_json()["action"] == "contribute:health"


def test_an_agreement_that_ends_earlier_is_a_loss_for_that_time() -> None:
    planted = policies(permit("police_ct", NAME))
    old = make_bundle(planted, register(), VOCABULARY, digest="old")
    shorter = register(agreement(last=date(2028, 12, 31)))
    new = make_bundle(planted, shorter, VOCABULARY, digest="new")
    (one,) = differences(old, new)
    assert one.change == "loses"
    assert one.periods == ((date(2029, 1, 1), date(2030, 12, 31)),)
    assert one.witness.day == date(2029, 1, 1)


def test_an_unchanged_stretch_of_time_is_one_period() -> None:
    late = register(agreement(), agreement("LATE", first=date(2027, 1, 1), last=date(2027, 6, 30)))
    house = permit("court_panel", NAME, id_="Q").replace('"A"', '"LATE"')
    old, new = bundle_of(house, of=late), bundle_of(house, permit("police_ct", NAME), of=late)
    (one,) = differences(old, new)
    assert one.periods == ((date(2025, 1, 1), date(2030, 12, 31)),)


def test_bundles_over_other_fields_are_not_compared(bundle: Bundle) -> None:
    fewer = VOCABULARY.__class__(owners=VOCABULARY.owners, fields=VOCABULARY.fields[:-1])
    other = make_bundle(with_masks([], VOCABULARY, SCHEMA), register(), fewer, digest="x")
    with pytest.raises(ValueError, match="different fields"):
        compare(bundle, other)


def test_a_finding_has_the_documented_shape() -> None:
    old, new = bundle_of(POLICE), bundle_of(POLICE.replace("<= 30", "<= 60"))
    content = report(old, new, compare(old, new))
    assert content.keys() == {"old", "new", "findings"}
    (finding,) = content["findings"]
    assert finding.keys() >= {
        "role",
        "field",
        "form",
        "change",
        "situation",
        "policies",
        "witness",
        "replayed",
    }
    assert finding["replayed"] is True
    assert (finding["field"], finding["form"]) == ("identity.full_name", "full")


# -- on the shipped policies ------------------------------------------------------------------


def test_an_edit_of_the_shipped_policies_is_told_and_nothing_else(
    bundle: Bundle, tmp_path: Path
) -> None:
    for path in (SHIPPED, SHIPPED / "base"):
        target = tmp_path if path == SHIPPED else tmp_path / "base"
        target.mkdir(exist_ok=True)
        for file in filter(Path.is_file, path.iterdir()):
            (target / file.name).write_text(file.read_text())
    edited = tmp_path / "base" / "police_local.cedar"
    text = edited.read_text()
    assert text.count("context.days_to_release <= 30") > 1
    edited.write_text(
        text.replace("context.days_to_release <= 30", "context.days_to_release <= 45", 1)
    )
    changed = load_bundle(tmp_path, at=DAY, allow_illustrative=True)
    found = differences(bundle, changed)
    assert found
    assert {(one.role, one.change) for one in found} == {("police_local", "gains")}
    assert all("from 45 to 31 days before the release" in one.words for one in found)
