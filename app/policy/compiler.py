"""Policies of a role as one straight-line Python function: which of them are satisfied.

    def satisfied(request):
        context_purpose = request.purpose
        if context_purpose not in Purpose: refuse('context.purpose')
        ...
        held = 0b0001
        if (context_purpose in ('supervision', )) and context_assigned: held |= 0b0110
        return held

The answer is a truth vector: bit n is set if the scope and conditions of the nth policy hold.
Policies of the same condition share one test. Facts are read and checked first, as strictly
as the reference engine checks a request against the schema: what it would refuse is refused.

The source is made of the checked subset alone (`conditions`), and runs without builtins.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from app.policy.conditions import ConditionWriter, OutsideSubset, variable
from app.policy.errors import Finding, PolicyError
from app.policy.facts import BOOL, LONG, STRING, Fact, Facts
from app.policy.policies import Policy
from app.policy.request import Request

TruthVector = int
Satisfied = Callable[[Request], TruthVector]

FUNCTION: Final = "satisfied"
# The numbers of Cedar: signed, 64 bits.
LOWEST: Final = -(2**63)
HIGHEST: Final = 2**63 - 1
# For each type the test that a value which needs no more care does not pass, and what then.
_SCREENS: Mapping[str, tuple[str, str]] = {
    STRING: ("type({0}) is not str or not {0}.isascii()", "{0} = normal_text({0})"),
    f"Set<{STRING}>": (
        "type({0}) is not frozenset or not ''.join({0}).isascii()",
        "{0} = normal_texts({0})",
    ),
    LONG: (f"type({{0}}) is not int or not {LOWEST} <= {{0}} <= {HIGHEST}", "refuse({1!r})"),
    BOOL: ("{0} is not True and {0} is not False", "refuse({1!r})"),
}
_SCREEN_OF_ENTITIES = ("type({0}) is not frozenset", "refuse({1!r})")
_SCREEN_OF_AN_ENTITY = ("{0} not in {2}", "refuse({1!r})")


class BadFact(ValueError):
    """A fact has a value that its type in the schema does not allow. Names the fact only."""


def compile_role(role: str, policies: Sequence[Policy], facts: Facts) -> Satisfied:
    """The function of a role; bit n of its answer is the nth of these policies.

    It raises `BadFact`, `TypeError` or `ValueError` for a request that does not fit the schema.

    Raises:
        PolicyError: a policy is outside the subset; with file, line and policy id.
    """
    return build(role_source(role, policies, facts), facts)


def role_source(role: str, policies: Sequence[Policy], facts: Facts) -> str:
    """The Python source of a role's function."""
    lines = [f"def {FUNCTION}(request):"]
    for fact in facts.by_path.values():
        lines += _reading(fact)
    lines.append("    held = 0")
    for condition, vector in _conditions(role, policies, facts).items():
        lines += [f"    if {condition}:", f"        held |= {vector:#b}"]
    return "\n".join([*lines, "    return held", ""])


def build(source: str, facts: Facts) -> Satisfied:
    """The function of a source that `role_source` wrote."""
    namespace: dict[str, Any] = {
        "__builtins__": {},
        "type": type,
        "str": str,
        "int": int,
        "frozenset": frozenset,
        "normal_text": normal_text,
        "normal_texts": normal_texts,
        "refuse": refuse,
        **facts.members,
    }
    exec(compile(source, "<policies>", "exec"), namespace)  # noqa: S102 - from the checked subset
    function: Satisfied = namespace[FUNCTION]
    return function


def _conditions(role: str, policies: Sequence[Policy], facts: Facts) -> Mapping[str, TruthVector]:
    """Each distinct condition with the bits of the policies that it decides."""
    writer = ConditionWriter(facts, role)
    vectors: dict[str, TruthVector] = {}
    findings: list[Finding] = []
    for place, policy in enumerate(policies):
        try:
            condition = writer.all_of(policy.conjuncts)
        except OutsideSubset as error:
            findings.append(policy.finding(str(error)))
        else:
            vectors[condition] = vectors.get(condition, 0) | 1 << place
    if findings:
        raise PolicyError(findings)
    return vectors


def _reading(fact: Fact) -> Iterator[str]:
    """The lines that read a fact and check it; one that is missing is None."""
    name = variable(fact)
    test, remedy = _SCREENS.get(
        fact.type, _SCREEN_OF_ENTITIES if fact.many else _SCREEN_OF_AN_ENTITY
    )
    test, remedy = (part.format(name, fact.path, fact.kind) for part in (test, remedy))
    yield f"    {name} = request.{fact.name}"
    yield f"    if {name} is not None and ({test}):" if fact.optional else f"    if {test}:"
    yield f"        {remedy}"


def normal_text(text: object) -> str:
    """A text in Unicode NFC, as the engine is given it; anything else is refused."""
    if not isinstance(text, str):
        raise TypeError
    text.encode()  # a lone surrogate is no text; raises UnicodeEncodeError
    return unicodedata.normalize("NFC", text)


def normal_texts(texts: object) -> frozenset[str]:
    """A set of texts, each in Unicode NFC."""
    if not isinstance(texts, frozenset):
        raise TypeError
    return frozenset(map(normal_text, texts))


def refuse(path: str) -> NoReturn:
    """End a decision: the fact does not fit the schema."""
    raise BadFact(path)
