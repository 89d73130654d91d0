"""When a role's fields open and close around a release. Pure but for the engine's confirmation.

Shown for the most favourable request of a role: every fact speaks for it but the extraordinary
ones (an incident, a leave, a vital interest), so no field opens earlier for anybody. Read off
the decisions themselves, at each day on which a condition can change.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from app.files.forms import Form
from app.policy import expressions
from app.policy.bundle import Bundle
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable
from app.policy.wording import day_in_words

Forms = Mapping[str, Form]


@dataclass(frozen=True, slots=True)
class Step:
    """A day before the release (negative: after it) from which fields have another form."""

    day: int
    opens: Forms
    closes: Forms

    def to_json(self) -> dict[str, Any]:
        """The step as a JSON object."""
        changed = {"opens": _listed(self.opens), "closes": _listed(self.closes)}
        return {"day": self.day, "words": day_in_words(self.day), **changed}


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a role may have without any day of release, and what changes from which day on."""

    role: str
    always: Forms
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """The timeline as a JSON object."""
        steps = [step.to_json() for step in self.steps]
        return {"role": self.role, "always": _listed(self.always), "steps": steps}


def timelines(bundle: Bundle, *, at: date) -> tuple[Timeline, ...]:
    """The timeline of each role, by the policies that are in force on a day.

    Raises:
        DecisionFailed: the engine gave no clean answer.
    """
    return tuple(_timeline(bundle, role, at) for role in ROLE_PURPOSES)


def _timeline(bundle: Bundle, role: str, at: date) -> Timeline:
    always = forms = _forms(bundle, role, None, at)
    steps = []
    for day in sorted(_turning_points(bundle, role, at), reverse=True):
        now = _forms(bundle, role, day, at)
        opens = {path: form for path, form in now.items() if form > forms.get(path, Form.NONE)}
        closes = {
            path: now.get(path, Form.NONE)
            for path, form in forms.items()
            if now.get(path, Form.NONE) < form
        }
        if opens or closes:
            steps.append(Step(day, opens, closes))
        forms = now
    return Timeline(role, always, tuple(steps))


def _forms(bundle: Bundle, role: str, days: int | None, at: date) -> dict[str, Form]:
    """The highest form of each field over the purposes of the role."""
    highest: dict[str, Form] = {}
    for request in _requests(bundle, role, days):
        for path, field in bundle.decide(request, at=at).released.items():
            highest[path] = max(field.form, highest.get(path, Form.NONE))
    return highest


def _requests(bundle: Bundle, role: str, days: int | None) -> Iterator[Request]:
    for purpose in ROLE_PURPOSES[role]:
        favourable = most_favourable(role, purpose, fields=frozenset(bundle.vocabulary.fields))
        ordinary = replace(
            favourable,
            days_to_release=days,
            incident=False,
            leave_municipality=None,
            vital_interest=frozenset(),
        )
        # Whoever keeps the file is told by its own duty; a recipient does not keep it.
        yield ordinary
        yield replace(ordinary, custodian="another")


def _turning_points(bundle: Bundle, role: str, at: date) -> Iterator[int]:
    """The days from which a condition of the role can have changed, and one before all."""
    found = {0}
    for policy in bundle.span(at).table.policies.values():
        if policy.concerns(role):
            tests = filter(_is_ordering, expressions.walk(policy.conjuncts))
            bounds = map(expressions.day_bound, tests)
            found |= {
                days if kind == "at most" else days - 1 for kind, days in filter(None, bounds)
            }
    yield from found
    yield max(found) + 1


def _is_ordering(node: Mapping[str, Any]) -> bool:
    return bool(node.keys() & {"<", "<=", ">", ">="})


def _listed(forms: Forms) -> list[dict[str, str]]:
    return [{"field": path, "form": form.code} for path, form in forms.items()]
