"""The invariants that are written in Cedar: forbids that must already hold (`policies/invariants`).

An invariant decides nothing and is never in force. It says: in every situation in which its
scope and conditions hold, no policy releases any action that it names. It may rest on facts
that can be missing, because it describes, and takes nothing away.

    @id("9-address")
    @invariant("9")
    @title("The address of return never reaches victim support")
    forbid (principal in Role::"victim_support_service",
            action in Action::"block:residence_contact.return_address:existence", resource);
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cedarpy

from app.policy import checks, expressions
from app.policy.actions import Vocabulary
from app.policy.assembly import invalid, parse, read_folder
from app.policy.errors import Finding, PolicyError, refuse
from app.policy.masks import with_masks
from app.policy.policies import Policy
from app.policy.schema import schema_text

FOLDER = "invariants"
# The numbers of the disclosure model that Cedar can state for one request: a bundle that lost
# one of them must not look as if it had been proved.
STATED_IN_CEDAR = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 25, 28)
_ANNOTATIONS = frozenset({"id", "title", "invariant"})


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must hold already; `number` is that of the disclosure model."""

    id: str
    number: int
    title: str
    policy: Policy


def read_invariants(directory: Path, vocabulary: Vocabulary) -> tuple[Invariant, ...]:
    """The invariants of a bundle's directory, by number.

    Raises:
        PolicyError: with every finding: file, line, id.
    """
    if not (directory / FOLDER).is_dir():
        raise PolicyError([Finding(FOLDER, 0, "", "there are no invariants to prove")])
    policies = parse(read_folder(directory, FOLDER))
    refuse(_misstated(policies))
    refuse(_not_stated(policies))
    schema = cedarpy.Schema.from_str(schema_text(vocabulary))
    refuse(invalid(policies, schema))
    found = [_invariant(policy) for policy in with_masks(policies, vocabulary, schema)]
    return tuple(sorted(found, key=lambda invariant: (invariant.number, invariant.id)))


def _invariant(policy: Policy) -> Invariant:
    number = int(policy.annotation("invariant"))
    return Invariant(policy.id, number, policy.annotation("title"), policy)


def _misstated(policies: Sequence[Policy]) -> Iterator[Finding]:
    counts = Counter(policy.id for policy in policies)
    for policy in policies:
        yield from map(policy.finding, _messages(policy))
        if counts[policy.id] > 1:
            yield policy.finding("another invariant has the same @id")


def _messages(policy: Policy) -> Iterator[str]:
    if policy.rule.get("annotations", {}).keys() != _ANNOTATIONS:
        yield f"an invariant has the annotations {', '.join(sorted(_ANNOTATIONS))}"
    if not policy.annotation("invariant").isdecimal():
        yield "@invariant is the number of the disclosure model"
    if not policy.is_forbid:
        yield "an invariant is a forbid that must hold already"
    yield from checks.scopes(policy)
    for node in policy.conjuncts:
        yield from expressions.problems(node)


def _not_stated(policies: Sequence[Policy]) -> Iterator[Finding]:
    stated = {policy.annotation("invariant") for policy in policies}
    for number in STATED_IN_CEDAR:
        if str(number) not in stated:
            yield Finding(FOLDER, 0, "", f"invariant {number} is not stated")
