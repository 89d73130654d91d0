"""A bundle that may follow the one in force: checked, proved, compared. Loads the solver."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from app.access_log import canonical_json
from app.access_log.instants import format_instant
from app.activation.loading import Terms, load, prove
from app.activation.register import Standing
from app.activation.statement import Kind, Statement
from app.policy.archive import Archive
from app.policy.changes import Changes, changes
from app.policy.errors import Finding, PolicyError


@dataclass(frozen=True, slots=True)
class Candidate:
    """What would follow `after`, and everything that it changes."""

    after: Standing
    archive: Archive
    changes: Changes

    @property
    def report(self) -> bytes:
        """The report of what changes, canonical (RFC 8785)."""
        return canonical_json.encode(self.changes.to_json())

    @property
    def report_digest(self) -> str:
        """SHA-256 of the report, hexadecimal."""
        return hashlib.sha256(self.report).hexdigest()

    def statement(self, kind: Kind, *, effective_from: date | None, at: datetime) -> Statement:
        """What an officer signs for it."""
        return Statement(
            kind=kind.value,
            after=self.after.sequence,
            old=self.after.digest,
            new=self.archive.digest,
            report=self.report_digest,
            gains=self.changes.gains,
            losses=self.changes.losses,
            effective_from=None if effective_from is None else effective_from.isoformat(),
            country=self.archive.country,
            made_at=format_instant(at),
        )


def candidate(after: Standing, old: Archive, new: Archive, terms: Terms) -> Candidate:
    """Load and prove a bundle, and compare it with the one in force.

    Raises:
        PolicyError: with every finding: file, line, policy id.
    """
    prove(new, terms)
    return _compared(after, old, new, terms)


def narrowed(after: Standing, old: Archive, new: Archive, terms: Terms) -> Candidate:
    """Load a bundle that only takes away, and compare it: an emergency does not wait for proofs.

    Raises:
        PolicyError: it cannot be loaded, or somebody would receive more.
    """
    made = _compared(after, old, new, terms)
    wider = [
        Finding(new.country, 0, ", ".join(one.policies), f"{one.role} gains {one.subject}")
        for one in made.changes.differences
        if one.change == "gains"
    ] + [
        Finding(new.country, 0, one.authority.id, f"{one.authority.recipient} gains an authority")
        for one in made.changes.authorities
        if one.change == "gains"
    ]
    if made.changes.invariants:
        wider.append(Finding(new.country, 0, "", "an emergency leaves the invariants alone"))
    if wider:
        raise PolicyError(wider)
    return made


def _compared(after: Standing, old: Archive, new: Archive, terms: Terms) -> Candidate:
    made = changes(
        load(old, terms),
        load(new, terms),
        old_invariants=old.invariants,
        new_invariants=new.invariants,
    )
    return Candidate(after, new, made)
