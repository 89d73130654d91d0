"""The compiler: what it refuses, what it writes, and that what runs can do nothing else."""

import ast
import builtins
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.policy.actions import of_the_catalogue
from app.policy.bundle import Bundle
from app.policy.compiler import build, compile_role, role_source
from app.policy.errors import DecisionFailed, PolicyError
from app.policy.facts import Facts, read_facts
from app.policy.request import Request
from app.policy.schema import schema_text
from tests.policy.planted import OUTSIDE, one
from tests.policy.random_requests import bad_values
from tests.policy.reference import WholeProbe

ROLE = "probation_service"


@pytest.fixture(scope="module")
def facts(schema: str) -> Facts:
    return read_facts(schema)


@pytest.fixture(scope="module")
def whole(bundle: Bundle) -> WholeProbe:
    policies = bundle.span(date(2027, 3, 3)).table.policies.values()
    return WholeProbe(policies, bundle.vocabulary)


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_outside_the_subset_is_refused_with_its_place(facts: Facts, name: str) -> None:
    condition, message = OUTSIDE[name]
    with pytest.raises(PolicyError) as refused:
        compile_role(ROLE, [one(condition)], facts)
    (finding,) = refused.value.findings
    assert (finding.file, finding.line, finding.policy) == ("planted.cedar", 7, "X")
    assert message in finding.message


def test_every_policy_that_is_outside_is_named(facts: Facts) -> None:
    with pytest.raises(PolicyError) as refused:
        compile_role(ROLE, [one("true"), one("context.assigned"), one("context.curious")], facts)
    assert len(refused.value.findings) == 2


def test_a_bundle_with_such_a_policy_is_not_loaded(load: Callable[..., Bundle]) -> None:
    text = one('principal in Purpose::"supervision"', effect="forbid").statement.text
    text = text.replace('"WHOLE"', '"A"').replace('"LAW-1"', '"L"').replace("grant:", "block:")
    with pytest.raises(PolicyError, match=r"base/file0\.cedar:1: X: "):
        load(text)


def test_a_condition_is_compiled_once(facts: Facts) -> None:
    source = role_source(ROLE, [one("context.assigned"), one("context.assigned")], facts)
    assert source.count("if context_assigned:") == 1
    assert "held |= 0b11" in source


def test_a_role_is_a_constant(facts: Facts, probation: Request) -> None:
    policies = [
        one(f'principal in Role::"{ROLE}"'),
        one('principal in [Role::"court_panel", Role::"data_subject"]'),
    ]
    assert compile_role(ROLE, policies, facts)(probation) == 0b01
    assert compile_role("court_panel", policies, facts)(probation) == 0b10


def test_a_policy_without_a_condition_always_holds(facts: Facts, probation: Request) -> None:
    policy = one("context.assigned")
    bare = replace(policy, rule={**policy.rule, "conditions": []})
    assert compile_role(ROLE, [bare], facts)(probation) == 1


@pytest.mark.parametrize(
    "text",
    ["') or print('", '") or True or ("', "\\\\') or True #", "__import__", "{0}", "a\\nb"],
)
def test_a_text_of_a_policy_is_compared_and_nothing_else(
    facts: Facts, probation: Request, text: str
) -> None:
    escaped = text if "\\" in text else text.replace('"', '\\"')
    function = compile_role(ROLE, [one(f'principal.agency == "{escaped}"')], facts)
    meant = text.replace("\\\\", "\\").replace("\\n", "\n")
    assert function(probation) == 0
    assert function(replace(probation, agency=meant)) == 1


def test_what_runs_has_no_builtins(facts: Facts) -> None:
    function: Any = compile_role(ROLE, [one("context.assigned")], facts)
    assert function.__globals__["__builtins__"] == {}
    reachable = set(function.__globals__) & set(dir(builtins))
    assert reachable == {"type", "str", "int", "frozenset"}
    with pytest.raises(NameError):
        build("def satisfied(request): return open('x')", facts)(None)  # type: ignore[arg-type]  # never read


def test_the_compiled_form_is_a_straight_line(bundle: Bundle, facts: Facts) -> None:
    """Assignments and tests alone: nothing loops, nothing is defined, nothing is imported."""
    for role, table in bundle.spans[0].table.roles.items():
        (function,) = ast.parse(role_source(role, table.policies, facts)).body
        assert isinstance(function, ast.FunctionDef)
        statements = {type(node) for node in ast.walk(function) if isinstance(node, ast.stmt)}
        assert statements <= {
            ast.FunctionDef, ast.Assign, ast.AugAssign, ast.If, ast.Expr, ast.Return
        }  # fmt: skip


def bad_facts() -> list[tuple[str, Any]]:
    facts = read_facts(schema_text(of_the_catalogue()))
    return [(fact.name, value) for fact in facts.by_path.values() for value in bad_values(fact)]


@pytest.mark.parametrize(("name", "value"), bad_facts())
def test_a_fact_that_does_not_fit_is_no_decision_with_and_without_the_engine(
    bundle: Bundle,
    whole: WholeProbe,
    probation: Request,
    name: str,
    value: Any,  # noqa: ANN401 - of any wrong type
) -> None:
    span = bundle.span(date(2027, 3, 3))
    bad = replace(probation, **{name: value})
    with pytest.raises(DecisionFailed):
        span.compiled.decide(bad)
    with pytest.raises((DecisionFailed, TypeError, ValueError)):
        whole.satisfied(bad)
