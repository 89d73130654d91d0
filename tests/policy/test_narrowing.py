from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.policy.bundle import Bundle
from app.policy.narrowing import members_asked, narrowed
from app.policy.probe import Probe
from app.policy.request import Request, context
from tests.policy.planted import one

DAY = date(2027, 3, 3)
FIELD = 'Field::"identity.full_name"'
A, B, C = "identity.full_name", "identity.date_of_birth", "needs.employment_need"


def told(condition: str, request: Request) -> Mapping[str, Any]:
    fields = frozenset({A, B, C})
    asked = members_asked([one(condition).rule["conditions"]])
    return narrowed(context(request, fields=fields), asked)


def ids(entities: list[Mapping[str, str]]) -> set[str]:
    return {entity["id"] for entity in entities}


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (f'context.consents.contains(Field::"{A}")', {A}),
        (f'context.consents.containsAny([Field::"{A}", Field::"{B}"])', {A, B}),
        (f'context.assigned || !(context.consents.containsAll([Field::"{C}"]))', {C}),
        ("context.assigned", set()),
        # Whatever is asked in another way is told whole.
        (f'[Field::"{A}"].containsAll(context.consents)', {A, B, C}),
        ("context.consents == context.relative_consents", {A, B, C}),
        (
            f'[Field::"{A}"].containsAny(context.consents) && context.consents.contains({FIELD})',
            {A, B, C},
        ),
    ],
)
def test_a_set_keeps_the_members_that_are_asked_for(
    probation: Request, condition: str, kept: set[str]
) -> None:
    request = replace(probation, consents=frozenset({A, B, C}))
    assert ids(told(condition, request)["consents"]) == kept


def test_nothing_else_of_a_context_changes(probation: Request) -> None:
    whole = context(probation, fields=frozenset())
    assert narrowed(whole, {}) == whole


def test_a_narrowed_probe_finds_what_a_whole_one_finds(bundle: Bundle, probation: Request) -> None:
    fields = frozenset(bundle.vocabulary.fields)
    request = replace(probation, role="employment_service", purpose="employment_support")
    span = bundle.span(DAY)
    # A policy that asks for the whole set keeps it whole for all others.
    whole = one('[Field::"identity.full_name"].containsAll(context.consents)')
    scoped = replace(whole, rule={**whole.rule, "principal": {"op": "All"}})
    probe = Probe([*span.table.policies.values(), scoped], bundle.vocabulary)
    for consents in (fields, frozenset({A}), frozenset()):
        asked = replace(request, consents=consents)
        assert probe.satisfied(asked) - {"X"} == span.probe.satisfied(asked)
