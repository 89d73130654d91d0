"""Random well-typed policies over whatever facts the schema has, in Cedar's own syntax."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from random import Random

import cedarpy

from app.files.forms import DISCLOSED_FORMS
from app.policy import engine
from app.policy.actions import READ_ACCESS_LOG, Vocabulary, block, contribute, grant
from app.policy.agreements import Agreement, LegalBasis, Register
from app.policy.bundle import Bundle, make_bundle
from app.policy.cross_check import CrossCheck
from app.policy.facts import BOOL, LONG, STRING, Fact, Facts
from app.policy.masks import with_masks
from app.policy.policies import Policy
from app.policy.roles import ROLE_PURPOSES
from app.policy.statements import Statement
from tests.policy.random_requests import TEXTS

FIRST, CHANGE, LAST = date(2026, 1, 1), date(2027, 1, 1), date(2028, 12, 31)
# One agreement for the whole time, one that ends and one that begins within it.
TERMS = {"WHOLE": (FIRST, LAST), "EARLY": (FIRST, CHANGE), "LATE": (CHANGE, LAST)}
DAYS = (FIRST, CHANGE, LAST)
NUMBERS = (-180, -1, 0, 1, 30, 90, 2**63 - 1, -(2**63))
ORDERINGS = ("<", "<=", ">", ">=", "==", "!=")


class PolicyWriter:
    """Writes policies for the facts of a schema."""

    def __init__(self, random: Random, facts: Facts, vocabulary: Vocabulary) -> None:
        self._random = random
        self._facts = facts
        self._vocabulary = vocabulary

    def policies(self, count: int, *, roles: int = 5) -> tuple[Policy, ...]:
        """That many policies, of a few roles so that they meet each other."""
        few = self._random.sample(sorted(ROLE_PURPOSES), roles)
        texts = [self.policy(f"P{number:03}", few) for number in range(count)]
        return tuple(
            Policy(Statement("random.cedar", line, text), engine.parse(text))
            for line, text in enumerate(texts, start=1)
        )

    def policy(self, id_: str, roles: Sequence[str]) -> str:
        """A permit of one of the roles, or a forbid of one or of all."""
        random = self._random
        forbid = random.random() < 0.3
        everybody = forbid and random.random() < 0.5
        scope = "principal" if everybody else f'principal in Role::"{random.choice(roles)}"'
        actions = self._blocks() if forbid else self._grants()
        conditions = "".join(self._clause() for _ in range(random.choice((0, 1, 1, 1, 2))))
        agreement = random.choice(sorted(TERMS))
        return (
            f'@id("{id_}") @agreement("{agreement}") @legal_basis("LAW-{random.randint(1, 2)}") '
            f"{'forbid' if forbid else 'permit'} ({scope}, action in [{actions}], resource)"
            f"{conditions};"
        )

    def _clause(self) -> str:
        kind = self._random.choice(("when", "when", "unless"))
        return f" {kind} {{ {self.condition(self._random.randint(0, 3))} }}"

    def _grants(self) -> str:
        random = self._random
        names = [
            grant(path, random.choice(DISCLOSED_FORMS))
            for path in random.sample(self._vocabulary.fields, random.randint(1, 12))
        ]
        if random.random() < 0.2:
            names.append(contribute(random.choice(sorted(self._vocabulary.owners))))
        if random.random() < 0.1:
            names.append(READ_ACCESS_LOG)
        return _written("Action", names)

    def _blocks(self) -> str:
        random = self._random
        subjects = [*self._vocabulary.owners, *self._vocabulary.fields]
        chosen = random.sample(subjects, random.randint(1, 6))
        return _written("Action", [block(name, random.choice(DISCLOSED_FORMS)) for name in chosen])

    def condition(self, depth: int, guarded: frozenset[str] = frozenset()) -> str:
        """A condition; an optional fact is asked for only under its `has`."""
        kind = self._random.randrange(10) if depth else 9
        if kind < 4:
            return f"({self.condition(depth - 1, guarded)} && {self.condition(depth - 1, guarded)})"
        if kind < 6:
            return f"({self.condition(depth - 1, guarded)} || {self.condition(depth - 1, guarded)})"
        if kind < 8:
            return f"!({self.condition(depth - 1, guarded)})"
        optional = [fact for fact in self._facts.by_path.values() if fact.optional]
        if kind == 8 and optional:
            fact = self._random.choice(optional)
            inner = self.condition(depth - 1, guarded | {fact.path})
            return f"({_presence(fact)} && {inner})"
        return self._test(guarded)

    def _test(self, guarded: frozenset[str]) -> str:
        if self._random.random() < 0.1:
            roles = self._random.sample(sorted(ROLE_PURPOSES), 3)
            return f"principal in [{_written('Role', roles)}]"
        fact = self._random.choice(list(self._facts.by_path.values()))
        if not fact.optional or fact.path in guarded:
            return self._test_of(fact)
        return f"({_presence(fact)} && {self._test_of(fact)})"

    def _test_of(self, fact: Fact) -> str:
        random = self._random
        if fact.kind == BOOL:
            return fact.path
        if fact.kind == LONG:
            return f"{fact.path} {random.choice(ORDERINGS)} {random.choice(NUMBERS)}"
        members = self._members(fact)
        listed = f"[{', '.join(members)}]"
        if fact.many:
            if random.random() < 0.5:
                return f"{fact.path}.contains({random.choice(self._terms(fact, members))})"
            return f"{fact.path}.{random.choice(('containsAny', 'containsAll'))}({listed})"
        if random.random() < 0.4:
            return f"{listed}.contains({fact.path})"
        return (
            f"{fact.path} {random.choice(('==', '!='))} {random.choice(self._terms(fact, members))}"
        )

    def _members(self, fact: Fact) -> list[str]:
        random = self._random
        if fact.kind == STRING:
            # The engine does not normalise what a policy says; loading demands the composed form.
            return [json.dumps(text) for text in random.sample([TEXTS[0], TEXTS[1], ""], 2)]
        pool = sorted(self._facts.members[fact.kind])
        return [_entity(fact.kind, id_) for id_ in random.sample(pool, min(len(pool), 3))]

    def _terms(self, fact: Fact, members: list[str]) -> list[str]:
        """Literals, and other facts of the same kind that are always there."""
        others = [
            other.path
            for other in self._facts.by_path.values()
            if (other.kind, other.many, other.optional) == (fact.kind, False, False)
            and other.path != fact.path
        ]
        return [*members, *others, *others]


def _presence(fact: Fact) -> str:
    return f"{fact.variable} has {fact.name}"


def _entity(kind: str, id_: str) -> str:
    return f'{kind}::"{id_}"'


def _written(kind: str, ids: Iterable[str]) -> str:
    return ", ".join(_entity(kind, id_) for id_ in ids)


def register() -> Register:
    """The agreements that random policies rest on."""
    bases = frozenset({"LAW-1", "LAW-2"})
    agreements = {
        id_: Agreement(
            id=id_,
            title=id_,
            parties=frozenset(ROLE_PURPOSES),
            citation="Random agreement",
            valid_from=start,
            valid_until=end,
            review_date=end,
            legal_bases=bases,
            illustrative=False,
        )
        for id_, (start, end) in TERMS.items()
    }
    return Register(
        agreements, {id_: LegalBasis(id_, "Random law", illustrative=False) for id_ in bases}
    )


def random_bundle(
    writer: PolicyWriter, vocabulary: Vocabulary, schema: cedarpy.Schema, *, count: int
) -> Bundle:
    """A bundle of random policies that the engine finds valid, without a cross-check."""
    policies = writer.policies(count)
    errors = engine.validate([policy.statement.text for policy in policies], schema)
    if errors:
        raise AssertionError(errors)
    return make_bundle(
        with_masks(policies, vocabulary, schema),
        register(),
        vocabulary,
        digest="random",
        cross_check=CrossCheck("off"),
    )
