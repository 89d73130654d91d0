"""What a candidate bundle would have decided in the cases that really occurred.

Recorded decisions are repeated under the bundle in force and then put to the candidate. The
report holds roles, fields, forms and entry ids: nothing of a person.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.access_log.decisions import RecordedDecision
from app.audit.repeat import Repeated, Status, form_of, repeat
from app.policy.bundle import Bundle
from app.policy.errors import DecisionFailed

# Ids that are named of each difference; all are counted. It bounds the memory of a long replay.
NAMED = 100


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A field that a role would have had in another form."""

    role: str
    field: str
    before: str
    after: str


@dataclass(slots=True)
class Entries:
    """How many entries, and the ids of the newest of them."""

    count: int = 0
    newest: list[str] = field(default_factory=list)

    def add(self, entry_id: str) -> None:
        """Count an entry; they come the newest first."""
        self.count += 1
        if len(self.newest) < NAMED:
            self.newest.append(entry_id)

    def to_json(self) -> dict[str, Any]:
        """Count and ids."""
        return {"count": self.count, "entries": self.newest}


@dataclass(slots=True)
class Replay:
    """The report. `apart` holds what could not be compared, by the status of its repetition.

    `undecided` are those for which the candidate gives no clean answer: it would withhold all.
    """

    bundle: Bundle
    candidate: Bundle
    decisions: int = 0
    compared: int = 0
    differing: int = 0
    changes: dict[Change, Entries] = field(default_factory=dict)
    apart: dict[Status, Entries] = field(default_factory=dict)
    undecided: Entries = field(default_factory=Entries)

    def add(self, recorded: RecordedDecision) -> None:
        """Repeat one decision, and compare it where it can be."""
        self.decisions += 1
        repeated = repeat(recorded, self.bundle)
        if not repeated.agrees:
            self.apart.setdefault(repeated.status, Entries()).add(recorded.entry_id)
            return
        self._compare(recorded, repeated)

    def _compare(self, recorded: RecordedDecision, repeated: Repeated) -> None:
        assert repeated.asked is not None  # noqa: S101 - it was decided from it
        request = repeated.asked.request
        try:
            decision = self.candidate.decide(request, at=repeated.asked.day)
        except DecisionFailed:
            self.undecided.add(recorded.entry_id)
            return
        self.compared += 1
        after = {path: form_of(decision, path) for path in recorded.forms}
        changed = [path for path, form in recorded.forms.items() if after[path] != form]
        self.differing += bool(changed)
        for path in changed:
            change = Change(request.role, path, recorded.forms[path], after[path])
            self.changes.setdefault(change, Entries()).add(recorded.entry_id)

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "policy": self.bundle.digest,
            "candidate": self.candidate.digest,
            "decisions": self.decisions,
            "compared": self.compared,
            "differing": self.differing,
            "differences": [
                {
                    "role": change.role,
                    "field": change.field,
                    "before": change.before,
                    "after": change.after,
                    **entries.to_json(),
                }
                for change, entries in sorted(self.changes.items())
            ],
            "not_reproduced": {
                status.value: entries.to_json() for status, entries in sorted(self.apart.items())
            },
            "undecided": self.undecided.to_json(),
        }


def replay(decisions: Iterable[RecordedDecision], bundle: Bundle, candidate: Bundle) -> Replay:
    """Repeat decisions under the bundle in force and under a candidate."""
    report = Replay(bundle, candidate)
    for recorded in decisions:
        report.add(recorded)
    return report
