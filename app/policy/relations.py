"""Invariants about two requests, which Cedar cannot state: what may change with what (z3).

Each says how a second request differs from a first, and what must then be true of their
answers. Numbers are those of the disclosure model; 0 is a rule that all of it rests on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import pairwise

import z3

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy.actions import Vocabulary, contribute, release
from app.policy.agreements import Register
from app.policy.claims import Answer, Claim, Question, Subject, Violation
from app.policy.expressions import DECIDING_FACTS
from app.policy.formulas import RoleFormulas, places
from app.policy.policies import Policy
from app.policy.symbolic import TEXT, SymbolicRequest, any_request, every

CONSENTS = ("context.consents", "context.relative_consents")
DAYS = "context.days_to_release"
VITAL_INTEREST = "context.vital_interest"

# Roles of which every cell needs a consent, but for a safe way to meet (3.3).
_BY_CONSENT_ALONE: Mapping[str, frozenset[str]] = {
    "employment_service": frozenset(),
    "religious_counsellor": frozenset(),
    "ngo_mentor": frozenset({"security_intelligence.staff_safety_arrangement"}),
}
_RESCUERS = frozenset({"probation_service", "social_welfare_centre", "health_provider"})
_HEALTH = frozenset({"health_provider"})
# What a vital interest may open, and to whom (27).
_VITAL: Mapping[str, frozenset[str]] = {
    "health.self_harm_alert": _RESCUERS,
    "custody.emergency_contact": _RESCUERS,
    "health.medication_continuity_need": _RESCUERS,
    "identity.full_name": _HEALTH,
    "release.planned_release_date": _HEALTH,
}

Comparison = Callable[[SymbolicRequest], tuple[SymbolicRequest, list[z3.BoolRef]]]


def relations() -> tuple[Claim, ...]:
    """All of them."""
    return (
        Claim("0-forms", 0, "Who may have a form may have every lower one", _forms),
        Claim("0-absence", 0, "A missing fact never gives more", _never_more(_with_less_known)),
        Claim("11-grounds", 11, "What is released has a ground in force", _grounds),
        Claim(
            "13-withdrawal",
            13,
            "Withdrawing a consent never gives more",
            _never_more(lambda request: (with_fewer(request, CONSENTS), [])),
        ),
        Claim("13-own-consent", 13, "A consent opens no field but its own", _own_consent),
        Claim("13-without-consent", 13, "Without consent a consented cell is shut", _without),
        Claim(
            "14-days",
            14,
            "Before the release, more days to it never disclose more",
            _never_more(_further_from_release),
        ),
        Claim("27-vital-interest", 27, "A vital interest opens its few fields alone", _vital),
        Claim("28-onward", 28, "Nobody may write a section from which it only receives", _onward),
    )


# -- how a second request differs ---------------------------------------------------------------


def with_fewer(request: SymbolicRequest, paths: Iterable[str]) -> SymbolicRequest:
    """The same request with any of the members of these sets gone."""
    kept = {path: _Kept(request.entities[path], path) for path in paths}
    return replace(request, entities={**request.entities, **kept})


class _Kept(Mapping[str, z3.BoolRef]):
    """A set of which any member may be gone; made when it is asked for."""

    def __init__(self, whole: Mapping[str, z3.BoolRef], path: str) -> None:
        self._whole, self._path = whole, path

    def __getitem__(self, member: str) -> z3.BoolRef:
        return every((self._whole[member], z3.Bool(f"{member} kept in {self._path}")))

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)


def without(request: SymbolicRequest, paths: Iterable[str]) -> SymbolicRequest:
    """The same request with these sets empty."""
    empty = {path: dict.fromkeys(request.entities[path], z3.BoolVal(False)) for path in paths}
    return replace(request, entities={**request.entities, **empty})


def _with_less_known(request: SymbolicRequest) -> tuple[SymbolicRequest, list[z3.BoolRef]]:
    """The same request with any of the deciding facts missing, in whole or in part."""
    facts = {p: f for p, f in request.facts.by_path.items() if f.name in DECIDING_FACTS}
    less = with_fewer(request, facts.keys() & request.entities.keys())
    kept = {path: z3.Bool(f"{path} kept") for path in facts}
    flags = {
        p: every((term, kept[p])) for p, term in request.terms.items() if _is_flag(term, p, kept)
    }
    present = {p: every((truth, kept[p])) for p, truth in request.presence.items() if p in kept}
    texts = {p: _thinned(request, p) for p in request.texts.keys() & facts.keys()}
    changed = replace(
        less,
        terms={**less.terms, **flags},
        presence={**less.presence, **present},
        texts={**less.texts, **texts},
    )
    return changed, []


def _is_flag(term: z3.ExprRef, path: str, paths: Mapping[str, z3.BoolRef]) -> bool:
    return path in paths and z3.is_bool(term)


def _thinned(request: SymbolicRequest, path: str) -> Callable[[z3.ExprRef], z3.BoolRef]:
    contains = request.texts[path]
    kept = z3.Function(f"kept in {path}", TEXT, z3.BoolSort())
    return lambda text: every((contains(text), kept(text)))


def _further_from_release(request: SymbolicRequest) -> tuple[SymbolicRequest, list[z3.BoolRef]]:
    """The same request, as many days or more before the release."""
    days, further = request.terms[DAYS], z3.Int("days further from the release")
    related = [request.present(DAYS), days >= 0, further >= days]
    return replace(request, terms={**request.terms, DAYS: further}), related


# -- what must be true of the two ---------------------------------------------------------------


def _pair(subject: Subject, role: str, second: SymbolicRequest) -> list[RoleFormulas]:
    return [subject.of_role(role), subject.formulas(second)]


def _never_more(comparison: Comparison) -> Callable[[Subject, str], Question]:
    def question(subject: Subject, role: str) -> Question:
        second, related = comparison(subject.of_role(role).request)
        violations = [
            Violation((Answer(1, place, True), Answer(0, place, False)))
            for place in range(len(subject.vocabulary.actions))
        ]
        return Question(_pair(subject, role, second), violations, related)

    return question


def _forms(subject: Subject, role: str) -> Question:
    violations = [
        Violation(
            (
                Answer(0, _place(subject.vocabulary, path, higher), True),
                Answer(0, _place(subject.vocabulary, path, lower), False),
            )
        )
        for path in subject.vocabulary.fields
        for lower, higher in pairwise(DISCLOSED_FORMS)
    ]
    return Question([subject.of_role(role)], violations)


def _own_consent(subject: Subject, role: str) -> Question:
    """Two requests that differ in consents alone, but not in those to the field asked for."""
    first = subject.of_role(role).request
    other = any_request(role, subject.facts, name="other")
    sets = {path: other.entities[path] for path in CONSENTS}
    second = replace(first, entities={**first.entities, **sets})
    same = {
        path: every(first.entities[of][path] == sets[of][path] for of in CONSENTS)
        for path in subject.vocabulary.fields
    }
    violations = [
        Violation((Answer(1, place, True), Answer(0, place, False)), same[path])
        for path, place in _releases(subject.vocabulary)
    ]
    return Question(_pair(subject, role, second), violations)


def _without(subject: Subject, role: str) -> Question | None:
    if role not in _BY_CONSENT_ALONE:
        return None
    second = without(subject.of_role(role).request, CONSENTS)
    violations = [
        Violation((Answer(0, place, True),))
        for path, place in _releases(subject.vocabulary)
        if path not in _BY_CONSENT_ALONE[role]
    ]
    return Question([subject.formulas(second)], violations)


def _vital(subject: Subject, role: str) -> Question:
    second = without(subject.of_role(role).request, [VITAL_INTEREST])
    violations = [
        Violation((Answer(0, place, True), Answer(1, place, False)))
        for path, place in _releases(subject.vocabulary)
        if role not in _VITAL.get(path, ())
    ]
    return Question(_pair(subject, role, second), violations)


def _onward(subject: Subject, role: str) -> Question:
    """Two requests of one role that need have nothing in common."""
    second = any_request(role, subject.facts, name="other")
    bits = subject.vocabulary.bits
    violations = [
        Violation(
            (
                Answer(1, bits[contribute(_section(path))].bit_length() - 1, True),
                Answer(0, _place(subject.vocabulary, path, Form.EXISTENCE), True),
            )
        )
        for path in subject.vocabulary.fields
        if subject.vocabulary.owners[_section(path)] != role
    ]
    return Question(_pair(subject, role, second), violations)


def _grounds(subject: Subject, role: str) -> Question:
    """A permit whose agreement or legal basis is not in force, where it releases something."""
    formulas = subject.of_role(role)
    ends = (subject.first_day, subject.last_day)
    violations = [
        Violation((Answer(0, place, True),), formulas.holds[id_])
        for id_, policy in formulas.policies.items()
        if not policy.is_forbid and not all(_has_ground(policy, subject.register, d) for d in ends)
        for place in places(policy.mask)
    ]
    return Question([formulas], violations)


def _has_ground(policy: Policy, register: Register, day: date) -> bool:
    """Said anew, and not by the rule that puts policies in force: that is what is proved."""
    basis = register.legal_bases.get(policy.legal_basis)
    agreement = register.agreements.get(policy.agreement)
    if basis is None or agreement is None or not basis.citation or not agreement.citation:
        return False
    return agreement.valid_from <= day <= agreement.valid_until


def _releases(vocabulary: Vocabulary) -> Iterator[tuple[str, int]]:
    """Each field with the places of its forms."""
    for path in vocabulary.fields:
        yield from ((path, _place(vocabulary, path, form)) for form in DISCLOSED_FORMS)


def _place(vocabulary: Vocabulary, path: str, form: Form) -> int:
    return vocabulary.bits[release(path, form)].bit_length() - 1


def _section(path: str) -> str:
    return path.partition(".")[0]
