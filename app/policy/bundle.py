"""A bundle of policies that was read, checked and is ready to decide. Immutable."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from app.policy.actions import Vocabulary
from app.policy.agreements import Register
from app.policy.decision import Decision
from app.policy.policies import Policy
from app.policy.probe import Probe
from app.policy.request import Request
from app.policy.table import Table


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` on, until the next span, the same policies are in force."""

    start: date
    table: Table
    probe: Probe


@dataclass(frozen=True, slots=True)
class Bundle:
    """Policies, agreements and the digest of the exact files that they came from.

    `digest` is SHA-256 in hexadecimal over all files of the bundle. `policies` holds every
    policy by id, in force or not.
    """

    digest: str
    vocabulary: Vocabulary
    register: Register
    policies: Mapping[str, Policy]
    spans: tuple[Span, ...]

    def decide(self, request: Request, *, at: date) -> Decision:
        """What this request may have of the file on this legal day.

        Raises:
            DecisionFailed: the engine gave no clean answer; everything is to be withheld.
        """
        span = self.span(at)
        satisfied = span.probe.satisfied(request)
        return span.table.decide(satisfied, role=request.role, purpose=request.purpose)

    def span(self, at: date) -> Span:
        """The policies in force on this day."""
        return self.spans[bisect_right(self.spans, at, key=lambda span: span.start) - 1]


def make_bundle(
    policies: Iterable[Policy], register: Register, vocabulary: Vocabulary, *, digest: str
) -> Bundle:
    """A bundle of checked policies whose masks are known."""
    by_id = {policy.id: policy for policy in policies}
    spans = []
    for start in _starts(register):
        in_force = {
            id_: policy for id_, policy in by_id.items() if policy.in_force(register, start)
        }
        table = Table(digest=digest, vocabulary=vocabulary, policies=in_force)
        spans.append(Span(start, table, Probe(tuple(in_force.values()), vocabulary)))
    return Bundle(digest, vocabulary, register, by_id, tuple(spans))


def _starts(register: Register) -> list[date]:
    """The days on which something comes into force or has ended, and the first day of all."""
    days = {date.min}
    for agreement in register.agreements.values():
        days.add(agreement.valid_from)
        if agreement.valid_until < date.max:
            days.add(agreement.valid_until + timedelta(days=1))
    return sorted(days)
