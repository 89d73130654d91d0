"""The compiled table beside the reference engine, over random policies (longer: `make fuzz`)."""

import pytest

from app.policy.decision import Decision
from tests.policy import fuzz
from tests.policy.planted import planted_bundle
from tests.policy.reference import Expectation, Expected, differences


def test_table_and_engine_are_of_one_mind_over_random_policies() -> None:
    counts, found = fuzz.over_random(seed=5, sets=2, requests=80, each_action=1)
    print(dict(counts))  # noqa: T201 - shown with -rP
    assert found == []
    assert counts["policies"] == 80
    assert counts["fields released among them"] > 0


def test_the_command_prints_its_counts_and_succeeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--requests", "100", "--policies", "1", "--seed", "2"]) == 0
    printed = capsys.readouterr().out
    assert "shipped policies: " in printed
    assert "differences: 0" in printed
    assert "seed 2" in printed


def test_a_difference_is_told() -> None:
    """The comparison itself: against an expectation of something else it finds it."""
    bundle = planted_bundle()
    decision: Decision = bundle.spans[0].table.decide(
        frozenset(), role="police_local", purpose="welfare_check"
    )
    path = bundle.vocabulary.fields[0]
    field = decision.fields[path]
    right = Expected(field.form, field.policies, field.cut_by, field.reason)
    assert differences(decision, Expectation({path: right}, frozenset(), False), bundle) == []
    wrong = Expectation({path: Expected(field.form, (), ("F",), field.reason)}, frozenset(), True)
    assert len(differences(decision, wrong, bundle)) == 2
