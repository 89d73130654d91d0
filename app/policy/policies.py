"""One policy: its statement, what the engine read in it, and the mask of its actions. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from app.policy import expressions
from app.policy.agreements import Register
from app.policy.engine import Rule
from app.policy.errors import Finding
from app.policy.statements import Statement


@dataclass(frozen=True)
class Policy:
    """A statement and its parsed rule; `mask` holds the bit of each action that it names."""

    statement: Statement
    rule: Rule
    mask: int = 0

    @cached_property
    def id(self) -> str:
        """The `@id`, by which answers and the access log name the policy."""
        return self.annotation("id")

    @cached_property
    def is_forbid(self) -> bool:
        """Whether it takes away rather than gives."""
        return bool(self.rule["effect"] == "forbid")

    @cached_property
    def role(self) -> str | None:
        """The role of its scope; None for everybody."""
        entity: Mapping[str, Any] = self.rule["principal"].get("entity", {})
        return entity.get("id")

    @cached_property
    def action_names(self) -> tuple[str, ...]:
        """The actions and groups of its scope, as written; empty for all actions."""
        scope = self.rule["action"]
        entities = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
        return tuple(entity["id"] for entity in entities)

    @cached_property
    def granted_fields(self) -> frozenset[str]:
        """The paths of the fields that it grants in some form, as its scope names them."""
        groups = [name.split(":") for name in self.action_names if name.startswith("grant:")]
        return frozenset(group[1] for group in groups)

    @cached_property
    def conjuncts(self) -> tuple[expressions.Node, ...]:
        """The conditions that must all hold."""
        return tuple(expressions.conjuncts(self.rule["conditions"]))

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The names of all facts that its conditions mention."""
        return expressions.attributes(self.conjuncts)

    @cached_property
    def purposes(self) -> tuple[str, ...]:
        """The purposes that it names; a permit always does."""
        return tuple(name for node in self.conjuncts for name in expressions.purposes(node))

    @cached_property
    def legal_basis(self) -> str:
        """The id of its ground in law."""
        return self.annotation("legal_basis")

    @cached_property
    def agreement(self) -> str:
        """The id of the agreement that it carries out."""
        return self.annotation("agreement")

    def annotation(self, name: str) -> str:
        """The text of an annotation, empty if it has none."""
        return str(self.rule.get("annotations", {}).get(name) or "")

    def concerns(self, role: str) -> bool:
        """Whether its scope lets it apply to this role."""
        return self.role in {None, role}

    def in_force(self, register: Register, at: date) -> bool:
        """Whether it applies on this day.

        A forbid always does: were it to lapse, more would be disclosed. A permit needs its
        agreement's term and a citation.
        """
        if self.is_forbid:
            return True
        cited = bool(register.legal_bases[self.legal_basis].citation)
        return cited and register.agreements[self.agreement].in_force(at)

    def finding(self, message: str) -> Finding:
        """Something wrong with this policy."""
        return self.statement.finding(message)
