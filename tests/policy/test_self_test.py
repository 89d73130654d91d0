import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import cedarpy
import pytest

from app.policy import self_test
from app.policy.bundle import Bundle
from app.policy.errors import PolicyError
from app.policy.loader import load_bundle

Load = Callable[..., Bundle]
Plant = Callable[..., Path]

POLICIES = Path(__file__).parents[2] / "policies"
LEAK = """
@id("LEAK") @agreement("A") @legal_basis("L")
permit (
  principal in Role::"probation_service",
  action in Action::"grant:health.mental_health_diagnosis:existence",
  resource
) when { context.purpose == Purpose::"court_report" && context.assigned };
"""


def test_the_shipped_bundle_passes(bundle: Bundle, schema: str) -> None:
    assert list(self_test.failures(bundle, cedarpy.Schema.from_str(schema))) == []


def test_a_permit_of_what_never_travels_is_refused_by_name(load: Load) -> None:
    with pytest.raises(PolicyError) as refused:
        load(LEAK)
    (finding,) = refused.value.findings
    assert finding.policy == "LEAK"
    assert "must never reach the role `probation_service`" in finding.message


def test_the_floor_holds_against_a_planted_permit(plant: Plant) -> None:
    texts = [path.read_text() for path in sorted((POLICIES / "base").iterdir())]
    planted = LEAK.replace('"A"', '"PROBATION"').replace('"L"', '"PROBATION-DUTY"')
    directory = plant(*texts, planted, agreements=(POLICIES / "agreements.toml").read_text())
    assert load_bundle(directory, at=date(2027, 3, 3), allow_illustrative=True)


def test_an_engine_that_lets_a_forbid_pass_is_found(bundle: Bundle, schema: str) -> None:
    """With a schema that lacks the groups a forbid on them silently does not apply."""
    without_groups = re.sub(r'("[^"]+#[^"]+") in \[[^\]]*\]', r"\1", schema)
    findings = list(self_test.failures(bundle, cedarpy.Schema.from_str(without_groups)))
    assert {finding.message for finding in findings} == {
        "the engine does not let this forbid decide"
    }


def test_without_a_schema_a_forbid_on_a_group_does_not_apply() -> None:
    """The trap behind it, shown on the engine: this is why a schema is always passed."""
    request = {
        "principal": 'Client::"c"',
        "action": 'Action::"health.self_harm_alert#full"',
        "resource": 'InmateFile::"f"',
        "context": {},
    }
    policies = (
        "permit (principal, action, resource);"
        'forbid (principal, action in Action::"block:health:existence", resource);'
    )
    assert cedarpy.is_authorized(request, policies, []).decision is cedarpy.Decision.Allow
