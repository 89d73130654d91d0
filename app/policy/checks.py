"""What a policy must not do, checked at load: each check names one trap. Pure.

Strict validation by the engine finds misspelt names and wrong types. These checks find
what validates and still surprises: conditions that can err, rules that the probe would
not see, permits that hold because a fact is missing, windows without an end.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from app.policy import agreements, expressions
from app.policy.actions import READ_ACCESS_LOG, Vocabulary
from app.policy.agreements import Register
from app.policy.errors import Finding
from app.policy.policies import Policy
from app.policy.roles import (
    FACT_ROLES,
    RELATIVES_FIELDS,
    RESERVED_FIELDS,
    ROLE_PURPOSES,
    VITAL_FIELDS,
)

_NEEDED = ("id", "agreement", "legal_basis")
_OTHER = frozenset({"contribute", READ_ACCESS_LOG})
_NAMING_FIELDS = frozenset({"consents", "relative_consents", "vital_interest"})
_NAMING_PARTS = frozenset({"court_orders", "legal_authorities"})


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
        for check_of_a_permit in _OF_A_PERMIT:
            yield from check_of_a_permit(policy)


def facts_of_a_forbid(policy: Policy) -> Iterator[str]:
    """A forbid that rests on a fact that can be missing would not apply when it is."""
    for name in sorted(policy.attributes & expressions.DECIDING_FACTS):
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
    before the release would disclose less as the release comes nearer. Only an incident may
    stand beside a window.
    """
    if "days_to_release" not in policy.attributes:
        return
    naming = [n for n in policy.conjuncts if "days_to_release" in expressions.attributes(n)]
    yield from _window([node for node in naming if "||" not in node])
    for node in naming:
        for alternative in expressions.alternatives(node) if "||" in node else ():
            if expressions.attribute(alternative) != "context.incident":
                yield from _window(list(expressions.parts(alternative)))


def _window(nodes: Sequence[expressions.Node]) -> Iterator[str]:
    bounds = [expressions.day_bound(node) for node in nodes if "has" not in node]
    if None in bounds:
        yield "days_to_release must be compared in conditions of their own or beside an incident"
        return
    upper = [days for kind, days in filter(None, bounds) if kind == "at most"]
    lower = [days for kind, days in filter(None, bounds) if kind == "at least"]
    if upper and not lower:
        yield "days_to_release has no lower end: it would hold for ever after the release"
    if lower and max(lower) > 0:
        yield "the window closes before the release"
    if upper and lower and min(upper) < max(lower):
        yield "the window of days is empty"


def grounds(policy: Policy) -> Iterator[str]:
    """A fact that speaks for some roles only is no ground for another."""
    for name in sorted(policy.attributes & FACT_ROLES.keys()):
        if policy.role not in FACT_ROLES[name]:
            yield f"`{name}` is no ground for this role"


def exact_grants(policy: Policy) -> Iterator[str]:
    """A consent and a vital interest open exactly the field that they name."""
    for name in _NAMING_FIELDS & policy.attributes:
        named = expressions.members_tested(policy.conjuncts, name)
        if named is None or len(named) != 1 or policy.granted_fields != named:
            yield f"a permit on `{name}` must grant the very field that it names and nothing else"


def covered_grants(policy: Policy) -> Iterator[str]:
    """An order or an authority opens only the part of the file that it names.

    One condition must name that part and no other; conditions beside it narrow further.
    """
    for name in _NAMING_PARTS & policy.attributes:
        named = [expressions.members_tested(node, name) for node in policy.conjuncts]
        for path in sorted(policy.granted_fields):
            cover = {path, path.partition(".")[0]}
            if not any(parts and parts <= cover for parts in named):
                yield f"a permit on `{name}` must name the part that holds `{path}`"


def vital_interest(policy: Policy) -> Iterator[str]:
    """Vital interest opens a few fields, and which ones depends on who helps."""
    if "vital_interest" in policy.attributes:
        for path in sorted(policy.granted_fields):
            if policy.role not in VITAL_FIELDS.get(path, ()):
                yield f"vital interest does not open `{path}` to this role"


def reserved_fields(policy: Policy) -> Iterator[str]:
    """Some fields are for a few roles, whatever the condition."""
    for path in sorted(policy.granted_fields & RESERVED_FIELDS.keys()):
        if policy.role not in RESERVED_FIELDS[path]:
            yield f"`{path}` is not for this role"


def relatives(policy: Policy) -> Iterator[str]:
    """Of a relative nothing without that relative's word, but for the prison that took it down."""
    if policy.role == "correctional_service" or _demands(policy, _is_word_of_the_relative):
        return
    for path in sorted(policy.granted_fields & RELATIVES_FIELDS):
        yield f"`{path}` needs the relative's own consent or a vital interest"


def demands_of_a_role(policy: Policy) -> Iterator[str]:
    """Local police need their territory; nothing goes abroad without the two approvals."""
    if policy.role == "police_local" and not _demands(policy, _is_territory):
        yield "a permit for local police must demand that the person comes to its territory"
    if policy.role == "international_gateway" and not _demands(policy, _is_approval):
        yield "a permit for the international gateway must demand an approved transfer"


def _demands(policy: Policy, test: Callable[[expressions.Node], bool]) -> bool:
    return any(expressions.demands(node, test) for node in policy.conjuncts)


def _is_word_of_the_relative(node: expressions.Node) -> bool:
    return bool(expressions.attributes(node) & {"relative_consents", "vital_interest"})


def _is_approval(node: expressions.Node) -> bool:
    return expressions.attribute(node) == "context.transfer_approved"


def _is_territory(node: expressions.Node) -> bool:
    sides = node.get("contains", {}).values()
    return [expressions.attribute(side) for side in sides] in (
        ["principal.municipalities", "resource.return_municipality"],
        ["principal.municipalities", "resource.leave_municipality"],
    )


def contributions(policy: Policy, vocabulary: Vocabulary) -> Iterator[str]:
    """Only the role that owns a section may write it."""
    if policy.is_forbid:
        return
    for name in policy.action_names:
        kind, _, section = name.partition(":")
        if kind == "contribute" and vocabulary.owners.get(section, policy.role) != policy.role:
            yield f"its role does not own the section `{section}`"


_OF_A_PERMIT = (
    purposes_of_a_permit,
    facts_of_a_permit,
    window,
    grounds,
    exact_grants,
    covered_grants,
    vital_interest,
    reserved_fields,
    relatives,
    demands_of_a_role,
)
