"""What a policy must not do, checked at load: each check names one trap. Pure.

Strict validation by the engine finds misspelt names and wrong types. These checks find
what validates and still surprises: conditions that can err, rules that the probe would
not see, permits that hold because a fact is missing, windows without an end.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from app.policy import agreements, expressions
from app.policy.actions import READ_ACCESS_LOG, Vocabulary
from app.policy.agreements import Register
from app.policy.errors import Finding
from app.policy.policies import Policy
from app.policy.roles import CONSENT_ROLES, ROLE_PURPOSES

_NEEDED = ("id", "agreement", "legal_basis")
_OTHER = frozenset({"contribute", READ_ACCESS_LOG})


def check(
    policies: Iterable[Policy], register: Register, vocabulary: Vocabulary
) -> Iterator[Finding]:
    """Everything wrong with the policies of a bundle."""
    policies = tuple(policies)
    yield from duplicate_ids(policies)
    for policy in policies:
        messages = chain(
            annotations(policy, register),
            scopes(policy),
            condition_messages(policy),
            contributions(policy, vocabulary),
        )
        yield from map(policy.finding, messages)


def duplicate_ids(policies: Iterable[Policy]) -> Iterator[Finding]:
    """Two policies of one id: keyed by it, one of them would be lost."""
    policies = tuple(policies)
    counts = Counter(policy.id for policy in policies)
    for policy in policies:
        if policy.id and counts[policy.id] > 1:
            yield policy.finding("another policy has the same @id")


def annotations(policy: Policy, register: Register) -> Iterator[str]:
    """Each policy says its id, its agreement and its legal basis, and they fit each other."""
    for name in _NEEDED:
        if not policy.annotation(name):
            yield f"@{name} is missing"
    for name in policy.rule.get("annotations", {}).keys() - {*_NEEDED, "note"}:
        yield f"@{name} is not an annotation that is known here"
    agreement = register.agreements.get(policy.agreement)
    if agreement is None:
        yield f"the agreement is not in {agreements.FILE}"
        return
    if policy.legal_basis not in agreement.legal_bases:
        yield "the legal basis is not one of its agreement"
    if policy.role is not None and policy.role not in agreement.parties:
        yield "its role is not a party to its agreement"


def scopes(policy: Policy) -> Iterator[str]:
    """Permits name one role and grant groups; forbids name block groups; no resource scope."""
    principal, resource = policy.rule["principal"], policy.rule["resource"]
    kind = policy.rule["principal"].get("entity", {}).get("type")
    if principal["op"] != "All" and (principal["op"], kind) != ("in", "Role"):
        yield "the principal's scope must be `principal in Role`"
    if principal["op"] == "All" and not policy.is_forbid:
        yield "a permit must name the role that it is for"
    if resource["op"] != "All":
        yield "a resource scope is not seen by the probe"
    if not policy.action_names:
        yield "it must name the actions that it is about"
    wanted = "block" if policy.is_forbid else "grant"
    for name in policy.action_names:
        if name.partition(":")[0] not in {wanted, *_OTHER}:
            yield f"it may name `{wanted}:` groups only, not `{name}`"


def condition_messages(policy: Policy) -> Iterator[str]:
    """The conditions: first whether they can err, and if they cannot, what they rest on."""
    problems = [message for node in policy.conjuncts for message in expressions.problems(node)]
    if problems:
        yield from problems
    elif policy.is_forbid:
        yield from facts_of_a_forbid(policy)
    else:
        yield from purposes_of_a_permit(policy)
        yield from facts_of_a_permit(policy)
        yield from window(policy)
        yield from consent(policy)


def facts_of_a_forbid(policy: Policy) -> Iterator[str]:
    """A forbid that rests on a fact that can be missing would not apply when it is."""
    for name in sorted(expressions.attributes(policy.conjuncts) & expressions.DECIDING_FACTS):
        yield f"a forbid may not rest on `{name}`, which can be missing"


def facts_of_a_permit(policy: Policy) -> Iterator[str]:
    """A permit that holds because a fact is missing would widen where nothing is known."""
    for node in policy.conjuncts:
        for name in expressions.resting_on_absence(node):
            yield f"a permit may not hold because `{name}` is missing or has a certain state"
        if expressions.tests_membership(node):
            yield "the role of a permit stands in its scope, not in a condition"


def purposes_of_a_permit(policy: Policy) -> Iterator[str]:
    """Each permit names purposes of its role, once, where they must hold."""
    naming = [node for node in policy.conjuncts if "purpose" in expressions.attributes(node)]
    if len(naming) != 1 or not policy.purposes:
        yield "a permit must name its purposes in one condition of their own"
    legitimate = ROLE_PURPOSES.get(policy.role or "", ())
    for name in policy.purposes:
        if name not in legitimate:
            yield f"the purpose `{name}` is not one of its role"


def window(policy: Policy) -> Iterator[str]:
    """A window of days has two ends, the later one on or after the release.

    `days <= 90` alone would also hold for those released years ago; a window that closes
    before the release would disclose less as the release comes nearer.
    """
    naming = [n for n in policy.conjuncts if "days_to_release" in expressions.attributes(n)]
    bounds = [expressions.day_bound(node) for node in naming if "has" not in node]
    if None in bounds:
        yield "days_to_release must be compared in conditions of their own"
        return
    upper = [days for kind, days in filter(None, bounds) if kind == "at most"]
    lower = [days for kind, days in filter(None, bounds) if kind == "at least"]
    if upper and not lower:
        yield "days_to_release has no lower end: it would hold for ever after the release"
    if lower and max(lower) > 0:
        yield "the window closes before the release"
    if upper and lower and min(upper) < max(lower):
        yield "the window of days is empty"


def consent(policy: Policy) -> Iterator[str]:
    """A consent opens exactly the field that it was given for, and only for help."""
    fields = expressions.consented_fields(policy.conjuncts)
    if "consents" not in expressions.attributes(policy.conjuncts):
        return
    granted = {name.split(":")[1] for name in policy.action_names if name.startswith("grant:")}
    if len(fields) != 1 or granted != fields:
        yield "a permit on consent must grant the very field of the consent and nothing else"
    if policy.role not in CONSENT_ROLES:
        yield "consent is no ground for this role"


def contributions(policy: Policy, vocabulary: Vocabulary) -> Iterator[str]:
    """Only the role that owns a section may write it."""
    if policy.is_forbid:
        return
    for name in policy.action_names:
        kind, _, section = name.partition(":")
        if kind == "contribute" and vocabulary.owners.get(section, policy.role) != policy.role:
            yield f"its role does not own the section `{section}`"
