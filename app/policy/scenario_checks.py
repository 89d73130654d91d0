"""Whether a bundle decides as scenarios expect. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.decision import Decision, FieldDecision, Reason
from app.policy.scenarios import Scenario

# What is expected of a field whose question is settled: that nobody calls it open.
SETTLED = "no open question"


@dataclass(frozen=True, slots=True)
class Failure:
    """One field that was decided otherwise. `decided_by`: who gave it, or who took it away.

    Empty where no permit gave anything; then `reason` says how far one was. `question` is the open
    question of the scenario about this field, if it has one: then nothing is wrong with the bundle.
    """

    scenario: Scenario
    field: str
    expected: str
    got: str
    decided_by: tuple[str, ...]
    reason: str | None
    question: str | None

    def to_json(self) -> dict[str, Any]:
        """The failure as a JSON object."""
        return {
            "file": self.scenario.file,
            "scenario": self.scenario.id,
            "field": self.field,
            "expected": self.expected,
            "got": self.got,
            "decided_by": list(self.decided_by),
            "reason": self.reason,
            "question": self.question,
        }


def failures(bundle: Bundle, scenario: Scenario) -> Iterator[Failure]:
    """Every expectation of a scenario that does not hold, in the catalogue's order.

    An open question that is settled, because the field is decided as expected, is a failure too.

    Raises:
        DecisionFailed: the engine gave no clean answer.
    """
    decision = bundle.decide(scenario.request, at=scenario.day)
    for path, field in decision.fields.items():
        question = scenario.expect.open_questions.get(path)
        unmet = [*_unmet(scenario, path, field)]
        for expected in unmet:
            yield _failure(scenario, path, expected, decision, question)
        if question is not None and not unmet:
            yield _failure(scenario, path, SETTLED, decision, None)


def _unmet(scenario: Scenario, path: str, field: FieldDecision) -> Iterator[str]:
    """The expectations of one field that do not hold, in words."""
    expect = scenario.expect
    exactly, most = expect.exactly.get(path), expect.at_most.get(path)
    if exactly is not None and field.form is not exactly:
        yield exactly.code
    if most is not None and field.form > most:
        yield f"at most {most.code}"
    if path in expect.never and field.reason is not Reason.NOT_FOR_THIS_ROLE:
        yield "never"
    named = exactly is not None or most is not None
    shut = path in expect.withheld or (expect.nothing_else and not named)
    if shut and field.form is not Form.NONE:
        yield "none"


def _failure(
    scenario: Scenario, path: str, expected: str, decision: Decision, question: str | None
) -> Failure:
    field = decision.fields[path]
    return Failure(
        scenario=scenario,
        field=path,
        expected=expected,
        got=field.form.code,
        decided_by=field.policies or field.cut_by,
        reason=field.reason,
        question=question,
    )
