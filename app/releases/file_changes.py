"""Which events a change of a file makes: fields that are watched, and what counts. Pure.

Dates of release are judged in `changes`, temporary leaves in `leaves`. A change that changes
nothing that is watched makes no event.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Sections = Mapping[str, Mapping[str, Mapping[str, Any]]]
Values = Mapping[str, Any]
When = Callable[[Values, Values], bool]

LEFT = "release.actual_release_datetime"
TYPE = "release.release_type"
CONFIDENCE = "release.release_date_confidence"
# A projected date is no decision yet.
DECIDED = frozenset({"confirmed", "court_ordered"})
CONDITIONS = ("supervision.supervision_conditions", "supervision.contact_prohibitions")
TERMS = (*CONDITIONS, "supervision.supervision_start_date", "supervision.supervision_end_date")
PLAN = (
    "plan.individual_plan_summary",
    "plan.programmes_completed",
    "plan.release_preparation_status",
    "plan.follow_up_schedule",
)


@dataclass(frozen=True, slots=True)
class FileEvent:
    """An event that a change makes. `fields`: it tells of these and of no other."""

    event: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One event, the fields it watches, and when a change of them makes it.

    `delta`: it carries the changed ones alone.
    """

    event: str
    watches: tuple[str, ...]
    when: When
    delta: bool = False


def _appeared(before: Values, after: Values) -> bool:
    return not any(before.values()) and any(after.values())


def _vanished(before: Values, after: Values) -> bool:
    return any(before.values()) and not any(after.values())


def _replaced(before: Values, after: Values) -> bool:
    return any(before.values()) and any(after.values()) and before != after


def _conditions_changed(before: Values, after: Values) -> bool:
    set_before, set_after = (any(values[path] for path in CONDITIONS) for values in (before, after))
    return set_before and set_after and before != after


def _release_is(release_type: str, *confidences: str) -> Callable[[Values], bool]:
    return lambda values: values[TYPE] == release_type and values[CONFIDENCE] in confidences


def _begins(holds: Callable[[Values], bool]) -> When:
    return lambda before, after: not holds(before) and holds(after) and after[LEFT] is None


def _ends(holds: Callable[[Values], bool]) -> When:
    return lambda before, after: holds(before) and not holds(after) and after[LEFT] is None


_conditional = _release_is("conditional", *DECIDED)
_RELEASE = (TYPE, CONFIDENCE, LEFT)

RULES = (
    Rule("conditional_release_granted", _RELEASE, _begins(_conditional)),
    Rule("conditional_release_revoked", _RELEASE, _ends(_conditional)),
    # Both the type and the day have to be the court's, as where the policy asks for it.
    Rule(
        "release_advanced_by_court",
        _RELEASE,
        _begins(_release_is("court_ordered_early", "court_ordered")),
    ),
    Rule("early_release_decided", _RELEASE, _begins(_release_is("pardon_amnesty", *DECIDED))),
    Rule("supervision_conditions_set", CONDITIONS, _appeared),
    Rule("supervision_conditions_changed", TERMS, _conditions_changed),
    Rule("supervision_conditions_ended", CONDITIONS, _vanished),
    Rule("transferred", ("custody.establishment_code",), _replaced),
    Rule("case_lead_changed", ("plan.responsible_case_lead",), _replaced),
    Rule("joint_evaluation_closed", ("plan.joint_evaluation_outcome",), _appeared),
    Rule("plan_updated", PLAN, lambda before, after: before != after, delta=True),
)


def file_events(before: Sections | None, after: Sections) -> tuple[FileEvent, ...]:
    """The events of a change, in the order of the rules. `before` is None for a new file."""
    return tuple(
        FileEvent(rule.event, _changed(old, new) if rule.delta else ())
        for rule in RULES
        if rule.when(old := _values(before, rule.watches), new := _values(after, rule.watches))
    )


def _values(sections: Sections | None, paths: tuple[str, ...]) -> dict[str, Any]:
    return {path: _value(sections or {}, path) for path in paths}


def _value(sections: Sections, path: str) -> Any:  # noqa: ANN401 - by the field's type
    section, _, name = path.partition(".")
    envelope = sections.get(section, {}).get(name)
    return None if envelope is None else envelope["value"]


def _changed(before: Values, after: Values) -> tuple[str, ...]:
    return tuple(path for path in after if before[path] != after[path])
