"""The shorthand of the probe: what is told of a request, and that it says the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import pytest

from app.policy import engine
from app.policy.bundle import Bundle
from app.policy.errors import DecisionFailed
from app.policy.facts import read_facts
from app.policy.probe import Probe, Questions
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import schema_text
from app.policy.shorthand import Shorthand, shorthand
from tests.policy.planted import one
from tests.policy.random_requests import RequestMaker
from tests.policy.reference import WholeProbe
from tests.policy.unchecked import VOCABULARY

DAY = date(2027, 3, 3)
FACTS = read_facts(schema_text(VOCABULARY))
A, B, C = "identity.date_of_birth", "identity.full_name", "needs.employment_need"
NAME = f'Field::"{B}"'
OTHER = f"context.consents.contains({NAME})"

CONSENTED = {
    "contains": (f'context.consents.contains(Field::"{A}")', [{A}, {A, C}], [set(), {B}]),
    "containsAll": (
        f'context.consents.containsAll([Field::"{A}", Field::"{B}"])',
        [{A, B}, {A, B, C}],
        [set(), {A}, {B, C}],
    ),
    "containsAny": (
        f'context.consents.containsAny([Field::"{A}", Field::"{B}"])',
        [{A}, {B, C}],
        [set(), {C}],
    ),
    "negated": (f'!(context.consents.contains(Field::"{A}"))', [set(), {B}], [{A}]),
    "beside another": (
        f'context.consents.contains(Field::"{A}") || (context.assigned && {OTHER})',
        [{A}],
        [{B}, set()],
    ),
    "as a whole": (f'[Field::"{A}"].containsAll(context.consents)', [{A}, set()], [{A, B}]),
    "as a whole and by member": (
        f"[{NAME}].containsAny(context.consents) && {OTHER}",
        [{B}, {A, B}],
        [{A}],
    ),
}


def of(*conditions: str) -> Shorthand:
    return shorthand([one(text).rule["conditions"] for text in conditions], FACTS)


def questions(condition: str) -> Questions:
    return Questions({"X": engine.permit_if(one(condition).rule["conditions"])}, FACTS)


@pytest.mark.parametrize("name", CONSENTED)
def test_a_condition_in_shorthand_holds_when_it_holds(probation: Request, name: str) -> None:
    condition, holding, failing = CONSENTED[name]
    asked = questions(condition)
    for consents in holding:
        assert asked.holding(replace(probation, consents=frozenset(consents))) == {"X"}
    for consents in failing:
        assert not asked.holding(replace(probation, consents=frozenset(consents)))


def test_members_that_are_asked_for_are_letters_and_no_others(probation: Request) -> None:
    short = of(f'context.consents.contains(Field::"{A}")')
    told = short.context(replace(probation, consents=frozenset({A, C})))
    assert told["consents"] == short.letters["consents"][A]
    assert set(short.letters["consents"]) == {A}


def test_each_member_has_a_letter_of_its_own() -> None:
    tests = [f'context.consents.contains(Field::"{path}")' for path in VOCABULARY.fields]
    letters = of(*tests).letters["consents"]
    assert letters.keys() == set(VOCABULARY.fields)
    assert len(set(letters.values())) == len(letters)
    assert {len(letter) for letter in letters.values()} == {1}


def test_a_set_that_is_asked_for_in_another_way_is_told_whole(probation: Request) -> None:
    told = of(f'[Field::"{A}"].containsAll(context.consents)').context(
        replace(probation, consents=frozenset({A, C, "identity.tattoos"}))
    )
    assert told["consents"] == [{"type": "Field", "id": A}, {"type": "Field", "id": C}]


def test_a_member_of_another_type_is_no_letter() -> None:
    assert not of(f'context.consents.contains(Part::"{A}")').letters
    with pytest.raises(DecisionFailed):
        questions(f'context.consents.contains(Part::"{A}")')


def test_a_fact_that_nothing_asks_for_is_not_told(probation: Request) -> None:
    short = of("context.assigned")
    assert short.context(probation).keys() == {"purpose", "assigned"}
    assert [entity["attrs"] for entity in short.entities(probation)] == [{}, {}]


def test_a_client_has_one_role_and_a_file_none(probation: Request) -> None:
    client, file = of("context.assigned").entities(probation)
    assert client["parents"] == [{"type": "Role", "id": "probation_service"}]
    assert file["parents"] == []


@pytest.mark.parametrize(
    ("condition", "bad"),
    [
        ("context.assigned", {"assigned": "yes"}),
        ("context.assigned", {"purpose": "curiosity"}),
        ("context has days_to_release && context.days_to_release < 3", {"days_to_release": 2**63}),
        ('principal.agency == "a"', {"agency": 5}),
        (f'context.consents.contains(Field::"{A}")', {"consents": None}),
    ],
)
def test_a_fact_that_is_asked_for_and_does_not_fit_is_refused(
    probation: Request, condition: str, bad: dict[str, Any]
) -> None:
    with pytest.raises((DecisionFailed, TypeError, ValueError)):
        questions(condition).holding(replace(probation, **bad))


def test_the_engine_refuses_a_condition_that_does_not_fit_the_schema() -> None:
    with pytest.raises(DecisionFailed):
        questions("context.assigned == 3")


def test_for_each_role_the_probe_finds_what_the_whole_conditions_say(bundle: Bundle) -> None:
    span = bundle.span(DAY)
    policies = [*span.table.policies.values()]
    whole = WholeProbe(policies, bundle.vocabulary)
    maker = RequestMaker(Random(7), FACTS, policies)  # noqa: S311 - a play of chance
    for role in ROLE_PURPOSES:
        for _ in range(10):
            request = maker.request(role)
            assert span.probe.satisfied(request) == whole.satisfied(request)


def test_for_each_role_every_policy_that_concerns_it_can_be_found(bundle: Bundle) -> None:
    """No policy is lost on the way: with its condition taken away each one is satisfied."""
    policies = [
        replace(policy, rule={**policy.rule, "conditions": _asking_for_nothing()})
        for policy in bundle.span(DAY).table.policies.values()
    ]
    probe = Probe(policies, bundle.vocabulary)
    for role in ROLE_PURPOSES:
        expected = {policy.id for policy in policies if policy.concerns(role)}
        assert probe.satisfied(_bare(role)) == expected


def _asking_for_nothing() -> Sequence[Any]:
    always: Sequence[Any] = one("context.assigned || !context.assigned").rule["conditions"]
    return always


def _bare(role: str) -> Request:
    return Request(role=role, agency="a", client="c", purpose=ROLE_PURPOSES[role][0], custodian="p")
