"""A bundle of policies that was read, checked and is ready to decide. Immutable."""

import logging
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from app.policy import authorities
from app.policy.actions import Vocabulary
from app.policy.agreements import Register
from app.policy.authorities import Authorities
from app.policy.compiled import Compiled, compile_table
from app.policy.cross_check import CrossCheck
from app.policy.decision import Decision
from app.policy.errors import DecisionFailed
from app.policy.facts import read_facts
from app.policy.policies import Policy
from app.policy.probe import Probe
from app.policy.request import Request
from app.policy.schema import probe_schema_text
from app.policy.table import REMEMBERED, Table
from app.telemetry.measures import note_misfit

log = logging.getLogger("throughcare.policy")


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` on, until the next span, the same policies are in force."""

    start: date
    table: Table
    compiled: Compiled
    probe: Probe


@dataclass(frozen=True, slots=True)
class Bundle:
    """Policies, agreements and the digest of the exact files that they came from.

    `digest` is SHA-256 in hexadecimal over all files of the bundle. `policies` holds every
    policy by id, in force or not. `starts` are the first days of the spans. `authorities` are
    the named legal authorities of the country.
    """

    digest: str
    vocabulary: Vocabulary
    register: Register
    policies: Mapping[str, Policy]
    spans: tuple[Span, ...]
    starts: tuple[date, ...]
    cross_check: CrossCheck
    authorities: Authorities = field(default_factory=dict)

    def decide(self, request: Request, *, at: date) -> Decision:
        """What this request may have of the file on this legal day.

        Raises:
            DecisionFailed: a fact does not fit; everything is to be withheld, and the alarm was
                raised in the log.
            Disagreement: (a `DecisionFailed`) the reference engine does not confirm the
                decision; everything is to be withheld, and the alarm to be raised.
        """
        span = self.span(at)
        try:
            decision = span.compiled.decide(request)
        except DecisionFailed:
            log.critical(
                "policy %s, role %s, purpose %s: a fact does not fit, nothing was decided",
                self.digest,
                request.role,
                request.purpose,
            )
            note_misfit()
            raise
        self.cross_check.confirm(decision, request, at=at, probe=span.probe)
        return decision

    def legal_authorities(
        self, *, role: str, agency: str, purpose: str, at: date
    ) -> frozenset[str]:
        """Parts of the file that a named legal authority opens to a recipient on this day."""
        return authorities.opened(
            self.authorities, role=role, agency=agency, purpose=purpose, at=at
        )

    def span(self, at: date) -> Span:
        """The policies in force on this day."""
        return self.spans[bisect_right(self.starts, at) - 1]


def make_bundle(
    policies: Iterable[Policy],
    register: Register,
    vocabulary: Vocabulary,
    *,
    digest: str,
    cross_check: CrossCheck | None = None,
    remembered: int = REMEMBERED,
) -> Bundle:
    """A bundle of checked policies whose masks are known.

    Args:
        policies: each with its mask.
        register: says which of them are in force on which days.
        vocabulary: the actions of the masks.
        digest: of the files that the policies came from.
        cross_check: how decisions are held against the engine; always, if not given.
        remembered: decisions that are kept for each role.

    Raises:
        PolicyError: a policy is outside the subset that is compiled.
    """
    by_id = {policy.id: policy for policy in policies}
    facts = read_facts(probe_schema_text(vocabulary))
    spans = []
    for start in _starts(register):
        in_force = {
            id_: policy for id_, policy in by_id.items() if policy.in_force(register, start)
        }
        table = Table(digest, vocabulary, in_force, remembered)
        probe = Probe(tuple(in_force.values()), vocabulary)
        spans.append(Span(start, table, compile_table(table, facts), probe))
    starts = tuple(span.start for span in spans)
    return Bundle(
        digest, vocabulary, register, by_id, tuple(spans), starts, cross_check or CrossCheck()
    )


def _starts(register: Register) -> list[date]:
    """The days on which something comes into force or has ended, and the first day of all."""
    days = {date.min}
    for agreement in register.agreements.values():
        days.add(agreement.valid_from)
        if agreement.valid_until < date.max:
            days.add(agreement.valid_until + timedelta(days=1))
    return sorted(days)
