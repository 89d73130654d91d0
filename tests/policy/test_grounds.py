"""What a report tells of the law that policies rest on, also where nobody gains or loses."""

from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import pytest

from app.access_log import canonical_json
from app.policy.agreements import Agreement, LegalBasis, Register
from app.policy.authorities import LegalAuthority
from app.policy.bundle import Bundle
from app.policy.changes import changes
from app.policy.grounds import ground_changes
from tests.policy.unchecked import agreement, authority, bundle_of, permit

BASIS = LegalBasis(id="L", citation="Law on planted policies, Article 1", illustrative=True)
OTHER = LegalBasis(id="M", citation="Law on planted policies, Article 2", illustrative=True)
AGREED = replace(agreement(), parties=frozenset({"police_local", "court_panel"}))
PERMIT = permit("police_local", "grant:identity.full_name:full")
AUTHORITY = authority("X", last=date(2029, 12, 31), review=date(2028, 12, 31))


def bundle(
    *bases: LegalBasis,
    text: str = PERMIT,
    agreed: Agreement = AGREED,
    authority: LegalAuthority | None = None,
) -> Bundle:
    register = Register({agreed.id: agreed}, {one.id: one for one in bases or (BASIS, OTHER)})
    named = {authority.id: authority} if authority else {}
    return replace(compiled(text), register=register, authorities=named)


@lru_cache
def compiled(text: str) -> Bundle:
    """Nothing of what is compiled depends on what is compared here."""
    return bundle_of(text, of=Register({"A": AGREED}, {"L": BASIS, "M": OTHER}))


def told(old: Bundle, new: Bundle) -> list[dict[str, Any]]:
    return [one.to_json() for one in ground_changes(old, new)]


@pytest.mark.parametrize(
    ("changed", "before", "after"),
    [
        ({"citation": "Article 9"}, {"citation": BASIS.citation}, {"citation": "Article 9"}),
        ({"illustrative": False}, {"illustrative": True}, {"illustrative": False}),
    ],
)
def test_each_change_of_a_legal_basis_is_told(
    changed: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert told(bundle(), bundle(replace(BASIS, **changed), OTHER)) == [
        {"kind": "legal_basis", "id": "L", "change": "changed", "before": before, "after": after}
    ]


@pytest.mark.parametrize(
    ("member", "value", "before", "after"),
    [
        ("title", "Other", "Planted", "Other"),
        ("parties", frozenset({"court_panel"}), ["court_panel", "police_local"], ["court_panel"]),
        ("citation", "Other agreement", "Planted agreement", "Other agreement"),
        ("valid_from", date(2025, 1, 2), "2025-01-01", "2025-01-02"),
        ("valid_until", date(2030, 12, 30), "2030-12-31", "2030-12-30"),
        ("review_date", date(2030, 12, 30), "2030-12-31", "2030-12-30"),
        ("legal_bases", frozenset({"M", "L"}), ["L"], ["L", "M"]),
        ("illustrative", True, False, True),
    ],
)
def test_each_member_of_an_agreement_is_told(
    member: str, value: object, before: object, after: object
) -> None:
    changed: dict[str, Any] = {member: value}
    (found,) = told(bundle(), bundle(agreed=replace(AGREED, **changed)))
    assert (found["kind"], found["id"], found["change"]) == ("agreement", "A", "changed")
    assert (found["before"], found["after"]) == ({member: before}, {member: after})


def test_what_is_added_or_removed_is_told_whole() -> None:
    whole = {"citation": OTHER.citation, "illustrative": True}
    one = {"kind": "legal_basis", "id": "M"}
    fewer = bundle(BASIS)
    assert told(fewer, bundle()) == [{**one, "change": "added", "before": None, "after": whole}]
    assert told(bundle(), fewer) == [{**one, "change": "removed", "before": whole, "after": None}]


def test_an_authority_that_opens_the_same_on_another_article_is_told() -> None:
    found = changes(
        bundle(authority=AUTHORITY),
        bundle(authority=replace(AUTHORITY, citation="Article 5", review_date=date(2028, 1, 1))),
        old_invariants={},
        new_invariants={},
    )
    assert (found.gains, found.losses, found.authorities) == (0, 0, ())
    (ground,) = found.to_json()["grounds"]
    assert (ground["kind"], ground["id"]) == ("authority", "X")
    assert ground["after"] == {"citation": "Article 5", "review_date": "2028-01-01"}


def test_a_policy_that_is_put_on_another_legal_basis_is_told() -> None:
    moved = PERMIT.replace('@legal_basis("L")', '@legal_basis("M")')
    assert told(bundle(), bundle(text=moved)) == [
        {
            "kind": "policy",
            "id": "P",
            "change": "changed",
            "before": {"legal_basis": "L"},
            "after": {"legal_basis": "M"},
        }
    ]
    renamed = told(bundle(), bundle(text=moved.replace('"P"', '"Q"')))
    assert [(one["id"], one["change"]) for one in renamed] == [("P", "removed"), ("Q", "added")]


def test_the_order_of_what_is_written_is_no_change_and_makes_no_other_report() -> None:
    assert told(bundle(BASIS, OTHER), bundle(OTHER, BASIS)) == []
    after = bundle(
        replace(OTHER, citation="b"),
        replace(BASIS, citation="a"),
        agreed=replace(AGREED, title="c"),
    )
    found = told(bundle(), after)
    places = [(one["kind"], one["id"]) for one in found]
    assert places == [("legal_basis", "L"), ("legal_basis", "M"), ("agreement", "A")]
    again = told(bundle(OTHER, BASIS), after)
    assert canonical_json.encode({"": again}) == canonical_json.encode({"": found})


def test_a_report_without_such_a_change_is_the_one_that_was_signed_before_there_were_any() -> None:
    found = changes(bundle(), bundle(), old_invariants={}, new_invariants={})
    assert found.to_json().keys() == {"old", "new", "findings", "authorities", "invariants"}
