"""What two bundles release differently: to whom, which field, in which form, when (z3).

Two bundles are compared by what they do, not by how they are written: only a situation in
which one releases what the other withholds is a difference. Each comes with its cause, the
policies to which it is owed, and with the least request that shows it, tried with both
bundles on the reference engine. This is what people read before they sign a bundle.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal, NamedTuple

import z3

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy.actions import READ_ACCESS_LOG, Vocabulary, contribute, release
from app.policy.bundle import Bundle
from app.policy.claims import Subject
from app.policy.examples import Examples
from app.policy.facts import read_facts
from app.policy.formulas import ActionClass, RoleFormulas, limits, meaning
from app.policy.policies import Policy
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import probe_schema_text
from app.policy.situations import Situation, situation
from app.policy.solver import can_be
from app.policy.symbolic import negation, some
from app.policy.witness import Witness

Direction = Literal["gains", "loses"]
_HIGHEST_FIRST = tuple(reversed(DISCLOSED_FORMS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A role gains or loses an action: of a field the highest form, with what it had beside it.

    `subject` is a field's path, or another action (`contribute:SECTION`, `read_access_log`),
    which has no form. `policies` are those to which the difference is owed. `periods` are the
    days on which it is so, both ends among them.
    """

    role: str
    subject: str
    form: Form | None
    before: Form | None
    after: Form | None
    change: Direction
    situation: Situation
    policies: tuple[str, ...]
    witness: Witness
    periods: tuple[tuple[date, date], ...]

    @property
    def words(self) -> str:
        """The situation in words."""
        return self.situation.words(self.subject)

    @property
    def causes(self) -> frozenset[tuple[str, Direction, str]]:
        """What merges differences for a reader: a role gains or loses in one situation.

        The situation is one also where each field rests on what was said of itself.
        """
        by_name = self.situation.words("")
        return frozenset((self.role, self.change, words) for words in (self.words, by_name))

    @property
    def step(self) -> str:
        """`none -> full` for a field; empty for what has no forms."""
        if self.before is None or self.after is None:
            return ""
        return f"{self.before.code} -> {self.after.code}"

    def to_json(self) -> dict[str, Any]:
        """As the report shows it."""
        return {
            "role": self.role,
            "field": self.subject,
            "form": self.form and self.form.code,
            "change": self.change,
            "situation": self.words,
            "policies": list(self.policies),
            "witness": self.witness.to_json(),
            "replayed": True,  # a witness exists only once both engines confirmed it
            "before": None if self.before is None else self.before.code,
            "after": None if self.after is None else self.after.code,
            "periods": [[first.isoformat(), last.isoformat()] for first, last in self.periods],
        }


def compare(old: Bundle, new: Bundle) -> tuple[Difference, ...]:
    """Every difference of two bundles over the same fields, on all days.

    Raises:
        ValueError: they speak of different fields.
        SolverGaveUp: the solver gave no answer.
        ReplayDiffers: the reference engine contradicts the solver.
    """
    if old.vocabulary != new.vocabulary:
        raise ValueError("the bundles speak of different fields")
    found: dict[tuple[object, ...], Difference] = {}
    for before, after in _periods(old, new):
        period = (before.first_day, before.last_day)
        for one in differences(before, after):
            key = (one.causes, one.subject, one.form, one.policies)
            earlier = found[key].periods if key in found else ()
            found[key] = replace(found.get(key, one), periods=_joined((*earlier, period)))
    return tuple(sorted(found.values(), key=_order(new.vocabulary)))


def report(old: Bundle, new: Bundle, found: Sequence[Difference]) -> dict[str, Any]:
    """The differences of two bundles as a JSON object; one number for each cause."""
    numbers = {id(one): n for n, group in enumerate(by_cause(found), 1) for one in group}
    findings = [{**one.to_json(), "cause": numbers[id(one)]} for one in found]
    return {"old": old.digest, "new": new.digest, "findings": findings}


def by_cause(found: Sequence[Difference]) -> tuple[tuple[Difference, ...], ...]:
    """Differences that have one cause together, in the order of the first of each."""
    groups: list[list[Difference]] = []
    for one in found:
        same = [group for group in groups if any(one.causes & other.causes for other in group)]
        if same:
            same[0].append(one)
        else:
            groups.append([one])
    return tuple(map(tuple, groups))


def _joined(periods: Sequence[tuple[date, date]]) -> tuple[tuple[date, date], ...]:
    """Periods in their order, those that follow each other as one."""
    *earlier, (first, last) = periods
    if earlier and earlier[-1][1] + timedelta(days=1) == first:
        return (*earlier[:-1], (earlier[-1][0], last))
    return tuple(periods)


def _order(vocabulary: Vocabulary) -> Callable[[Difference], tuple[object, ...]]:
    """By role, gains first, then as the catalogue has the fields."""
    roles = {role: place for place, role in enumerate(ROLE_PURPOSES)}
    subjects = {subject: place for place, subject in enumerate(_subjects(vocabulary))}
    return lambda one: (
        roles[one.role],
        one.change,
        subjects[one.subject],
        -(one.form or 0),
        one.policies,
    )


def _periods(old: Bundle, new: Bundle) -> Iterator[tuple[Subject, Subject]]:
    """What is in force in each, for every stretch of days on which neither changes."""
    facts = read_facts(probe_schema_text(new.vocabulary))
    starts = sorted({*old.starts, *new.starts})
    ends = [*(start - timedelta(days=1) for start in starts[1:]), date.max]
    for first, last in zip(starts, ends, strict=True):
        before, after = (
            Subject(b.span(first).table.policies, b.vocabulary, facts, b.register, first, last)
            for b in (old, new)
        )
        yield before, after


def differences(old: Subject, new: Subject) -> Iterator[Difference]:
    """What the policies of two subjects release differently."""
    for role in ROLE_PURPOSES:
        # Most changes concern one role; what is written the same is the same.
        if _written(old, role) != _written(new, role):
            for change in _DIRECTIONS:
                yield from _Comparison(role, change, old, new).differences()


def _written(side: Subject, role: str) -> frozenset[tuple[bool, int, bytes]]:
    policies = [policy for policy in side.policies.values() if policy.concerns(role)]
    return frozenset((policy.is_forbid, policy.mask, meaning(policy)) for policy in policies)


class _Cause(NamedTuple):
    """A policy by which the one side releases what the other withholds.

    Either a permit of the side that releases, or a forbid of the side that withholds.
    """

    policy: str
    is_forbid: bool


_DIRECTIONS: tuple[Direction, ...] = ("gains", "loses")


class _Comparison:
    """What a role gains (or loses) from old to new: the one side releases, the other does not."""

    def __init__(self, role: str, change: Direction, old: Subject, new: Subject) -> None:
        self.role, self.change, self.old, self.new = role, change, old, new
        sides = (new, old) if change == "gains" else (old, new)
        self.giving = sides[0].of_role(role)
        self.other = sides[1].formulas(self.giving.request)
        self._limits = limits([self.giving, self.other])
        self._known: dict[tuple[object, ...], Situation | None] = {}

    def differences(self) -> Iterator[Difference]:
        """For each field the highest form by each cause, and of the rest only what is more."""
        vocabulary = self.new.vocabulary
        for subject in _subjects(vocabulary):
            higher: list[int] = []
            for form, action in _actions(vocabulary, subject):
                place = vocabulary.bits[action].bit_length() - 1
                found = list(self._causes(place, higher))
                for cause, where in found:
                    yield self._difference(subject, form, action, cause, where)
                higher += [place] if found else []

    def _causes(self, place: int, higher: Sequence[int]) -> Iterator[tuple[_Cause, Situation]]:
        """The causes of what differs at an action, and not at a higher form already."""
        found: list[_Cause] = []
        for cause in self._candidates(place):
            where = self._situation(place, higher, cause, found)
            if where is not None:
                found.append(cause)
                yield cause, where

    def _candidates(self, place: int) -> Iterator[_Cause]:
        """Policies that name the action and do not say the same on the other side."""
        mine, theirs = self.giving.classes[place], self.other.classes[place]
        same = _meanings(self.other, theirs.permits)
        for id_ in mine.permits:
            if meaning(self.giving.policies[id_]) not in same:
                yield _Cause(id_, is_forbid=False)
        same = _meanings(self.giving, mine.forbids)
        for id_ in theirs.forbids:
            if meaning(self.other.policies[id_]) not in same:
                yield _Cause(id_, is_forbid=True)

    def _situation(
        self, place: int, higher: Sequence[int], cause: _Cause, found: Sequence[_Cause]
    ) -> Situation | None:
        """Where a cause makes a difference that none found before makes, None if nowhere."""
        key = (cause, *found, *map(self._class, [place, *higher]))
        if key not in self._known:
            # It is told as wide as it is, also where an earlier cause makes the same difference.
            parts = [*self._constraints(place, cause), *map(self._same_at, higher)]
            constraints = [*self._limits, *parts]
            possible = can_be([*constraints, *self._not_by(cause, found)])
            examples = Examples([self.giving.request], self._naming([place, *higher]))
            self._known[key] = situation(examples, constraints) if possible else None
        return self._known[key]

    def _constraints(self, place: int, cause: _Cause) -> Iterator[z3.BoolRef]:
        """Released here, withheld there, because of this cause."""
        offered = self.other.any_holds(self.other.classes[place].permits)
        yield self.giving.released(place)
        yield negation(self.other.released(place))
        yield offered if cause.is_forbid else negation(offered)
        yield self._holds(cause)

    def _not_by(self, cause: _Cause, found: Iterable[_Cause]) -> Iterator[z3.BoolRef]:
        """None of the causes of the same kind that were found before."""
        same_kind = [earlier for earlier in found if earlier.is_forbid == cause.is_forbid]
        yield from (negation(self._holds(earlier)) for earlier in same_kind)

    def _same_at(self, place: int) -> z3.BoolRef:
        return some([negation(self.giving.released(place)), self.other.released(place)])

    def _class(self, place: int) -> tuple[ActionClass, ActionClass]:
        return self.giving.classes[place], self.other.classes[place]

    def _naming(self, places: Iterable[int]) -> list[Policy]:
        """The policies of both sides that name one of these actions: no other can matter."""
        mask = sum(1 << place for place in places)
        sides = [*self.giving.policies.values(), *self.other.policies.values()]
        return [policy for policy in sides if policy.mask & mask]

    def _holds(self, cause: _Cause) -> z3.BoolRef:
        return (self.other if cause.is_forbid else self.giving).holds[cause.policy]

    def _difference(
        self, subject: str, form: Form | None, action: str, cause: _Cause, where: Situation
    ) -> Difference:
        gained = self.change == "gains"
        permits = [
            side.replay.confirm(where.request, action, released=released)
            for side, released in ((self.old, not gained), (self.new, gained))
        ]
        return Difference(
            role=self.role,
            subject=subject,
            form=form,
            before=_form(self.old, subject, where) if form else None,
            after=_form(self.new, subject, where) if form else None,
            change=self.change,
            situation=where,
            policies=(cause.policy,),
            witness=Witness(
                request=where.request,
                day=self.new.first_day,
                action=action,
                policies=permits[gained],
            ),
            periods=((self.new.first_day, self.new.last_day),),
        )


def _meanings(formulas: RoleFormulas, ids: Iterable[str]) -> frozenset[bytes]:
    return frozenset(meaning(formulas.policies[id_]) for id_ in ids)


def _subjects(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Everything that can be gained or lost: fields, sections to write, the access log."""
    return (*vocabulary.fields, *map(contribute, vocabulary.owners), READ_ACCESS_LOG)


def _actions(vocabulary: Vocabulary, subject: str) -> Iterator[tuple[Form | None, str]]:
    if subject in vocabulary.fields:
        yield from ((form, release(subject, form)) for form in _HIGHEST_FIRST)
    else:
        yield None, subject


def _form(side: Subject, subject: str, where: Situation) -> Form:
    """The form that the reference engine releases of a field."""
    actions = [release(subject, form) for form in _HIGHEST_FIRST]
    permits = side.replay.permits(where.request, actions)
    released = [form for form, ids in zip(_HIGHEST_FIRST, permits, strict=True) if ids]
    return max(released, default=Form.NONE)
