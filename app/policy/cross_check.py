"""Every decision of the compiled table, held against the reference engine's own answer.

The engine says which conditions hold for the same request (`probe`). If it says anything else
than the table, or nothing clean, the decision is not used: everything is withheld, and the
distinct error raises the alarm.
"""

import logging
from datetime import date
from functools import lru_cache
from itertools import count
from typing import Final, Literal

from app.policy.decision import Decision
from app.policy.engine import UNDECIDED
from app.policy.errors import DecisionFailed
from app.policy.probe import Probe
from app.policy.request import Request
from app.telemetry.measures import note_disagreement

Mode = Literal["always", "sampled", "off"]

log = logging.getLogger("throughcare.policy")

# Answers of the engine that are kept, about 3 kB each.
REMEMBERED: Final = 4096
# With `sampled`, one decision of so many is checked, the first one among them.
SAMPLE: Final = 16


class Disagreement(DecisionFailed):
    """Table and engine differ, or the engine gave no clean answer: everything is withheld.

    To a caller it looks like any failed decision. `alarm` is for the operators: it names the
    bundle, role, purpose and policies, and nothing about a person.
    """

    def __init__(self, alarm: str) -> None:
        super().__init__(UNDECIDED)
        self.alarm = alarm


class CrossCheck:
    """Asks the engine beside the table: always, for a sample, or never.

    The engine's answers, not its agreement, are kept: by the exact inputs, the digest of the
    bundle and the legal day. An error is never kept.
    """

    def __init__(self, mode: Mode = "always", *, remembered: int = REMEMBERED) -> None:
        self.mode = mode
        self._turns = count()
        self._answer = lru_cache(maxsize=remembered)(_answer)

    def confirm(self, decision: Decision, request: Request, *, at: date, probe: Probe) -> None:
        """Return if the engine finds the same policies satisfied, or was not to be asked.

        Raises:
            Disagreement: it does not, or fails.
        """
        if not self._is_due():
            return
        try:
            satisfied = self._answer(request, decision.digest, at, probe)
        except Exception as error:
            # INVARIANT: whatever goes wrong in the engine, nothing is released.
            what = f"failed: {type(error).__name__}"
            raise _alarmed(decision, request, what) from error
        if satisfied != decision.satisfied:
            differing = ", ".join(sorted(satisfied ^ decision.satisfied))
            raise _alarmed(decision, request, f"differs in: {differing}")

    def _is_due(self) -> bool:
        if self.mode == "sampled":
            return next(self._turns) % SAMPLE == 0
        return self.mode != "off"


def _answer(request: Request, digest: str, at: date, probe: Probe) -> frozenset[str]:
    del digest, at  # part of the key alone
    return probe.satisfied(request)


def _alarmed(decision: Decision, request: Request, what: str) -> Disagreement:
    """The alarm is raised here, once, whoever asked for the decision."""
    disagreement = Disagreement(
        f"policy {decision.digest}, role {request.role}, purpose {request.purpose}: "
        f"the reference engine {what}"
    )
    log.critical("%s", disagreement.alarm)
    note_disagreement()
    return disagreement
