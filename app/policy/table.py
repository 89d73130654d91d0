"""From the conditions that hold to the decision, for every role. Pure.

Who says which conditions hold is not this module's matter: the compiled functions give a
truth vector, the reference engine gives ids, and the table makes the same decision of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from app.policy.actions import Vocabulary
from app.policy.decision import Decision, Reason
from app.policy.policies import Policy
from app.policy.role_table import RoleTable
from app.policy.roles import ROLE_PURPOSES

# Whole decisions that are kept for each role: a few hundred vectors are common, and a crafted
# flood of others may not fill the memory.
REMEMBERED: Final = 256


@dataclass(frozen=True)
class Table:
    """The policies in force over a span of days, by id."""

    digest: str
    vocabulary: Vocabulary
    policies: Mapping[str, Policy]
    remembered: int = REMEMBERED

    def decide(self, satisfied: frozenset[str], *, role: str, purpose: str) -> Decision:
        """The decision when exactly these policies' conditions hold."""
        table = self.roles[role]
        held = sum(1 << n for n, policy in enumerate(table.policies) if policy.id in satisfied)
        return table.decide(held, purpose)

    @cached_property
    def roles(self) -> Mapping[str, RoleTable]:
        """The table of each role."""
        return {
            role: RoleTable(self.digest, self.vocabulary, self._concerning(role), self.remembered)
            for role in ROLE_PURPOSES
        }

    def _concerning(self, role: str) -> tuple[Policy, ...]:
        return tuple(policy for _, policy in sorted(self.policies.items()) if policy.concerns(role))

    @property
    def reasons(self) -> Mapping[tuple[str, str], tuple[Reason, ...]]:
        """For each role and purpose the reason of each field, should it be withheld."""
        return {
            (role, purpose): reasons
            for role, table in self.roles.items()
            for purpose, reasons in table.reasons.items()
        }
