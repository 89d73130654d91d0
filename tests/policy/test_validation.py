"""The small schema finds what the whole one finds."""

import re

import cedarpy
import pytest

from app.policy import engine
from app.policy.actions import of_the_catalogue
from app.policy.bundle import Bundle
from app.policy.validation import validation_schema_text

SCOPE = 'principal in Role::"probation_service", action in Action::"grant:identity.full_name:full"'
WRONG = {
    "a misspelt group": SCOPE.replace("full_name", "fullname") + ", resource);",
    "a misspelt role": SCOPE.replace("probation_service", "probation") + ", resource);",
    "a misspelt purpose": f'{SCOPE}, resource) when {{ context.purpose == Purpose::"curiosity" }};',
    "a misspelt fact": f"{SCOPE}, resource) when {{ context.asigned }};",
    "a wrong type": f"{SCOPE}, resource) when {{ context.assigned == 3 }};",
    "an unguarded fact": f"{SCOPE}, resource) when {{ context.days_to_release > 3 }};",
    "a wrong type in a contribution": (
        'principal, action == Action::"contribute:needs", resource) when { context.purpose };'
    ),
    "a wrong type in a blocked section": (
        'principal, action in Action::"block:needs:full", resource) when { context.purpose };'
    ),
    "a wrong type about the log": (
        'principal, action == Action::"read_access_log", resource) when { context.purpose };'
    ),
}


@pytest.fixture(scope="module")
def small() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(validation_schema_text(of_the_catalogue()))


def _kinds(errors: list[tuple[int | None, str]]) -> set[str]:
    """The messages without the action that they were found for."""
    return {message.partition(" for Action::")[0] for _, message in errors}


@pytest.mark.parametrize("name", WRONG)
def test_it_finds_what_the_whole_schema_finds(
    schema: str, small: cedarpy.Schema, name: str
) -> None:
    statement = f"permit ({WRONG[name]}"
    whole = engine.validate([statement], cedarpy.Schema.from_str(schema))
    assert whole
    assert _kinds(engine.validate([statement], small)) == _kinds(whole)


def test_the_shipped_policies_are_valid_against_both(
    bundle: Bundle, schema: str, small: cedarpy.Schema
) -> None:
    statements = [policy.statement.text for policy in bundle.policies.values()]
    assert engine.validate(statements, small) == []
    assert engine.validate(statements, cedarpy.Schema.from_str(schema)) == []


def test_all_actions_apply_to_the_same(schema: str) -> None:
    """The reason for which one action can stand for all."""
    assert len(set(re.findall(r"appliesTo .*", schema))) == 1
