"""The compiled policies of every role: a request goes in, the decision of a whole file comes out.

Compiled when a bundle is read, so that a policy outside the subset is refused then. The
reference engine says beside it, at each decision, whether the same policies hold
(`cross_check`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.policy.compiler import Satisfied, compile_role
from app.policy.decision import Decision
from app.policy.engine import UNDECIDED
from app.policy.errors import DecisionFailed
from app.policy.facts import Facts
from app.policy.request import Request
from app.policy.role_table import RoleTable
from app.policy.table import Table


@dataclass(frozen=True, slots=True)
class Compiled:
    """For each role what is satisfied by a request, and what follows from it."""

    roles: Mapping[str, tuple[Satisfied, RoleTable]]

    def decide(self, request: Request) -> Decision:
        """What this request may have.

        Raises:
            DecisionFailed: a fact does not fit the schema; everything is to be withheld.
        """
        try:
            satisfied, table = self.roles[request.role]
            held = satisfied(request)
        except (KeyError, TypeError, ValueError) as error:
            raise DecisionFailed(UNDECIDED) from error
        return table.decide(held, request.purpose)


def compile_table(table: Table, facts: Facts) -> Compiled:
    """The compiled form of a table.

    Raises:
        PolicyError: a policy is outside the subset that is compiled.
    """
    return Compiled(
        MappingProxyType(
            {
                role: (compile_role(role, role_table.policies, facts), role_table)
                for role, role_table in table.roles.items()
            }
        )
    )
