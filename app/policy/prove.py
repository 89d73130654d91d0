"""Proof that a bundle keeps the invariants, over every request that the schema allows (z3).

Invariants of one request are Cedar forbids that must already hold (`invariants`); those of two
requests stand in `relations`. Each is proved for every role, and for every set of policies
that is in force on some day; one that fails comes with the least request that shows it,
confirmed by the reference engine. Policies that can never match are named beside them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from app.policy.bundle import Bundle
from app.policy.claims import Answer, Claim, Question, Subject, Violation, refute
from app.policy.facts import read_facts
from app.policy.formulas import RoleFormulas, condition, limits, meaning, places
from app.policy.invariants import Invariant
from app.policy.policies import Policy
from app.policy.relations import relations
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import probe_schema_text
from app.policy.solver import Premises
from app.policy.symbolic import SymbolicRequest, any_request
from app.policy.witness import Witness

Timer = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Proof:
    """One claim: proved, or refuted by a witness.

    `number` is that of the disclosure model, 0 for a rule of its own; `milliseconds` is what
    the proof took.
    """

    id: str
    number: int
    title: str
    milliseconds: float
    witness: Witness | None

    @property
    def status(self) -> str:
        """`proved` or `refuted`."""
        return "proved" if self.witness is None else "refuted"

    def to_json(self) -> dict[str, Any]:
        """As the report shows it."""
        return {
            "id": self.id,
            "invariant": self.number or None,
            "title": self.title,
            "status": self.status,
            "ms": round(self.milliseconds, 1),
            "witness": self.witness and self.witness.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What was proved of the bundle with this digest, and its policies that can never match."""

    digest: str
    proofs: tuple[Proof, ...]
    dead: tuple[Policy, ...]

    @property
    def holds(self) -> bool:
        """Whether every claim was proved."""
        return all(proof.witness is None for proof in self.proofs)

    def with_more(self, proofs: Iterable[Proof]) -> "Report":
        """The report with further proofs."""
        return replace(self, proofs=(*self.proofs, *proofs))

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "digest": self.digest,
            "invariants": [proof.to_json() for proof in self.proofs],
            "dead_policies": [policy.id for policy in self.dead],
        }


def prove(
    bundle: Bundle, invariants: Iterable[Invariant], *, timer: Timer = time.perf_counter
) -> Report:
    """Every claim about a bundle, by number, and its dead policies. Raises as `proofs_of`."""
    proofs = tuple(proofs_of(bundle, invariants, timer=timer))
    return Report(bundle.digest, proofs, tuple(dead_policies(bundle)))


def proofs_of(
    bundle: Bundle,
    invariants: Iterable[Invariant],
    *,
    roles: Iterable[str] = tuple(ROLE_PURPOSES),
    timer: Timer = time.perf_counter,
) -> Iterator[Proof]:
    """Every claim about these roles in a bundle, by number.

    Raises:
        SolverGaveUp: a claim could be neither proved nor refuted.
        ReplayDiffers: the reference engine contradicts the solver.
    """
    asked = [(subject, role) for subject in subjects_of(bundle) for role in sorted(roles)]
    claims = sorted([*map(stated, invariants), *relations()], key=lambda claim: claim.number)
    yield from (_proof(claim, asked, timer) for claim in claims)


def _proof(claim: Claim, asked: Sequence[tuple[Subject, str]], timer: Timer) -> Proof:
    start = timer()
    witnesses = (refute(claim, subject, role) for subject, role in asked)
    witness = next(filter(None, witnesses), None)
    return Proof(claim.id, claim.number, claim.title, (timer() - start) * 1000, witness)


def subjects_of(bundle: Bundle) -> Iterator[Subject]:
    """Each set of policies that is in force on some day; one without a permit gives nothing."""
    facts = read_facts(probe_schema_text(bundle.vocabulary))
    seen: set[frozenset[str]] = set()
    for span, until in zip(bundle.spans, [*bundle.starts[1:], None], strict=True):
        policies = span.table.policies
        last = date.max if until is None else until - timedelta(days=1)
        if frozenset(policies) not in seen and not all(p.is_forbid for p in policies.values()):
            seen.add(frozenset(policies))
            yield Subject(policies, bundle.vocabulary, facts, bundle.register, span.start, last)


def stated(invariant: Invariant) -> Claim:
    """An invariant in Cedar as a claim: where it holds, nothing that it names is released."""
    policy = invariant.policy

    def question(subject: Subject, role: str) -> Question | None:
        if not policy.concerns(role):
            return None
        formulas = subject.of_role(role)
        holds = condition(policy, formulas.request)
        # The highest form first: a witness shows what would really be received.
        named = sorted(places(policy.mask), reverse=True)
        violations = [Violation((Answer(0, place, True),), holds) for place in named]
        return Question([formulas], violations, others=[policy])

    return Claim(invariant.id, invariant.number, invariant.title, question)


def dead_policies(bundle: Bundle) -> Iterator[Policy]:
    """Policies whose scope and conditions no request can meet."""
    facts = read_facts(probe_schema_text(bundle.vocabulary))
    matches = {role: _Matches(bundle, any_request(role, facts)) for role in ROLE_PURPOSES}
    known: dict[bytes, bool] = {}
    for policy in bundle.policies.values():
        key = meaning(policy)
        if key not in known:
            known[key] = any(matches[role].possible(policy) for role in _roles(policy))
        if not known[key]:
            yield policy


class _Matches:
    """Which policies a request of one role can match."""

    def __init__(self, bundle: Bundle, request: SymbolicRequest) -> None:
        formulas = RoleFormulas(bundle.policies.values(), request, bundle.vocabulary)
        self._holds = formulas.holds
        self._premises = Premises(limits([formulas]))

    def possible(self, policy: Policy) -> bool:
        return self._premises.allow(self._holds[policy.id])


def _roles(policy: Policy) -> Iterable[str]:
    return ROLE_PURPOSES if policy.role is None else (policy.role,)
