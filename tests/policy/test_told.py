"""An explanation as it is told: every permit of the role, each condition in words, met or not."""

import json
from datetime import date
from typing import Any

import pytest

from app.disclosure.explanation import SMALLEST_FULL_ANSWER
from app.files.catalogue import FIELDS
from app.policy.bundle import Bundle
from app.policy.explain import explain
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable
from app.policy.told import told
from tests.policy.unchecked import bundle_of, forbid, permit

DAY = date(2027, 3, 3)
NAME = "grant:identity.full_name:full"
WINDOW = (
    "context has days_to_release && context.days_to_release <= 30",
    "context.days_to_release >= -180",
)
# Of the reference, the agency's id and the like beside it.
REST = 2_000


def conditions(bundle: Bundle, request: Request, policy: str = "P") -> dict[str, bool]:
    found = told(explain(bundle, request, at=DAY))["policies"][policy]["conditions"]
    return {one["words"]: one["met"] for one in found}


def police(**facts: Any) -> Request:  # noqa: ANN401 - each its own
    return Request(
        role="police_local",
        agency="police",
        client="client",
        custodian="prison",
        **{"purpose": "public_protection_local", **facts},
    )


def test_each_condition_is_said_once_met_or_not() -> None:
    bundle = bundle_of(permit("police_local", NAME, "context.assigned", *WINDOW))
    window = "from 30 days before the release to 180 days after the release"
    purpose, referral = (
        "the purpose is public_protection_local",
        "it accepted a referral of the person",
    )
    assert conditions(bundle, police(assigned=True, days_to_release=31)) == {
        purpose: True,
        referral: True,
        window: False,
    }
    assert conditions(bundle, police(purpose="welfare_check", days_to_release=30)) == {
        purpose: False,
        referral: False,
        window: True,
    }


def test_a_forbid_that_took_something_is_there_with_its_conditions() -> None:
    bundle = bundle_of(
        permit("police_local", NAME), forbid("block:identity:summary", "context.incident")
    )
    content = told(explain(bundle, police(incident=True), at=DAY))
    (name,) = [field for field in content["fields"] if field["field"] == "identity.full_name"]
    assert (name["form"], name["released_by"], name["cut_by"]) == ("generalised", ["P"], ["F"])
    assert content["policies"]["F"]["effect"] == "forbid"
    assert {one["met"] for one in content["policies"]["F"]["conditions"]} == {True}
    assert told(explain(bundle, police(), at=DAY))["policies"].keys() == {"P"}


def test_every_permit_of_the_role_is_there_whatever_is_known(bundle: Bundle) -> None:
    for role, (purpose, *_) in ROLE_PURPOSES.items():
        permits = {p.id for p in bundle.policies.values() if p.concerns(role) and not p.is_forbid}
        for request in (
            Request(role=role, agency="a", client="c", purpose=purpose, custodian="p"),
            most_favourable(role, purpose, fields=frozenset(FIELDS)),
        ):
            content = told(explain(bundle, request, at=DAY))
            assert permits <= content["policies"].keys()


@pytest.mark.parametrize("role", ROLE_PURPOSES)
def test_it_fits_the_length_that_all_explanations_have(bundle: Bundle, role: str) -> None:
    for purpose in ROLE_PURPOSES[role]:
        for request in (
            Request(role=role, agency="a", client="c", purpose=purpose, custodian="p"),
            most_favourable(role, purpose, fields=frozenset(FIELDS)),
        ):
            content = told(explain(bundle, request, at=DAY))
            length = len(json.dumps(content, ensure_ascii=False).encode())
            assert length + REST <= SMALLEST_FULL_ANSWER
