"""The conditions that a policy may use: a subset of Cedar in which nothing can err. Pure.

A condition that errs makes its policy silently not apply; for a forbid that means allowed.
Strict validation does not prevent it (`days + 1 > 0` overflows), so everything that can err,
and everything that the probe would not see, is outside the subset.

The nodes are those of Cedar's JSON policy format (docs.cedarpolicy.com, "JSON policy format"):
a mapping with one member, the operator.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

Node = Mapping[str, Any]

# Facts that are recorded or not: one that is missing counts as absent, and may only narrow.
DECIDING_FACTS = frozenset(
    {
        "municipalities",
        "return_municipality",
        "leave_municipality",
        "days_to_release",
        "incident",
        "assigned",
        "designated",
        "child_linked",
        "victim_registered",
        "transfer_approved",
        "consents",
        "relative_consents",
        "vital_interest",
        "court_orders",
        "legal_authorities",
    }
)
_VARIABLES = frozenset({"principal", "resource", "context"})
_ORDERINGS = frozenset({"<", "<=", ">", ">="})
_SET_TESTS = frozenset({"contains", "containsAll", "containsAny"})
_ENTITIES = frozenset({"Role", "Purpose", "Field", "Part", "OfficerAssurance"})


def conjuncts(conditions: list[Mapping[str, Any]]) -> Iterator[Node]:
    """What must hold, each part on its own: `when` bodies cut at `&&`, `unless` bodies negated."""
    for condition in conditions:
        body: Node = condition["body"]
        yield from parts(body) if condition["kind"] == "when" else ({"!": {"arg": body}},)


def parts(node: Node) -> Iterator[Node]:
    """A condition cut at `&&`."""
    if "&&" in node:
        yield from parts(node["&&"]["left"])
        yield from parts(node["&&"]["right"])
    else:
        yield node


def problems(node: Node) -> Iterator[str]:
    """Everything in a condition that is outside the subset."""
    operator, argument = next(iter(node.items()))
    if operator in {"&&", "||"}:
        yield from problems(argument["left"])
        yield from problems(argument["right"])
    elif operator == "!":
        yield from problems(argument["arg"])
    elif operator == "has":
        if not _is_variable(argument["left"]) or not isinstance(argument["attr"], str):
            yield "`has` is asked of something computed"
    elif operator == ".":
        yield from _attribute_problems(node)
    else:
        yield from _test_problems(operator, argument)


def _test_problems(operator: str, argument: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if operator == "Value":
        yield "a constant is no condition: the policy would always or never match"
    elif operator in _ORDERINGS:
        if attribute(argument["left"]) is None or type(literal(argument["right"])) is not int:
            yield f"`{operator}` must compare an attribute with a number"
        yield from _term_problems(argument)
    elif operator in _SET_TESTS | {"==", "!="}:
        yield from _term_problems(argument)
        sides = [attribute(argument["left"]), attribute(argument["right"])]
        if sides[0] == sides[1]:  # both constants, or one attribute twice
            yield "a comparison that no request can change"
        if operator in {"containsAll", "containsAny"} and "Set" not in argument["right"]:
            # `[x].containsAll(context.consents)` would hold without any consent, too.
            yield f"`{operator}` must be given a list that is written out"
    elif operator == "in":
        if argument["left"] != {"Var": "principal"}:
            yield "`in` is for `principal in Role` alone; the probe does not see actions"
        yield from _term_problems({"right": argument["right"]})
    else:
        yield f"`{operator}` is outside the subset that cannot err"


def _term_problems(argument: Mapping[str, Node]) -> Iterator[str]:
    for term in argument.values():
        if "." in term:
            yield from _attribute_problems(term)
        elif "Set" in term:
            for member in term["Set"]:
                yield from _literal_problems(member)
        else:
            yield from _literal_problems(term)


def _attribute_problems(node: Node) -> Iterator[str]:
    if attribute(node) is None:
        yield "an attribute is taken of something computed"


def _literal_problems(node: Node) -> Iterator[str]:
    if "Value" not in node:
        yield f"`{next(iter(node))}` is outside the subset that cannot err"
        return
    value = node["Value"]
    if isinstance(value, str) and not (
        value.isprintable() and unicodedata.is_normalized("NFC", value)
    ):
        yield "a text holds characters that cannot be seen in print"
    if isinstance(value, bool):
        yield "a comparison with true or false: write the condition itself or its negation"
    if isinstance(value, dict) and value.get("__entity", {}).get("type") not in _ENTITIES:
        yield "a condition names an entity of a type that is not one of ours"


def resting_on_absence(node: Node, *, negated: bool = False) -> Iterator[str]:
    """Deciding facts whose absence would make a permit's condition hold."""
    operator, argument = next(iter(node.items()))
    if operator in {"&&", "||"}:
        yield from resting_on_absence(argument["left"], negated=negated)
        yield from resting_on_absence(argument["right"], negated=negated)
    elif operator == "!":
        yield from resting_on_absence(argument["arg"], negated=not negated)
    elif negated or operator in {"==", "!="}:
        yield from sorted(attributes(node) & DECIDING_FACTS)


def walk(node: Any) -> Iterator[Node]:  # noqa: ANN401 - any JSON
    """Every mapping in a condition, from the outside in."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(reversed(part.values()))
        elif isinstance(part, list | tuple):
            waiting.extend(reversed(part))


def attributes(node: Any) -> frozenset[str]:  # noqa: ANN401 - any JSON
    """The names of all attributes in a condition, `has` included."""
    return frozenset(part["attr"] for part in walk(node) if isinstance(part.get("attr"), str))


def tests_membership(node: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a condition asks `principal in Role` anywhere."""
    return any("in" in part for part in walk(node))


def members_tested(node: Any, fact: str) -> frozenset[str] | None:  # noqa: ANN401 - any JSON
    """What conditions ask a set of the circumstances for: `context.FACT.contains(Field::"...")`.

    None if the fact is mentioned in any other way.
    """
    tests = [test for part in walk(node) if (test := _membership_test(part, fact))]
    mentions = sum(part.get("attr") == fact for part in walk(node))
    return frozenset(chain.from_iterable(tests)) if len(tests) == mentions else None


def _membership_test(node: Node, fact: str) -> tuple[str, ...]:
    """The ids that a set test of this fact names, else none."""
    argument = next((node[operator] for operator in _SET_TESTS if operator in node), None)
    if argument is None or attribute(argument["left"]) != f"context.{fact}":
        return ()
    listed = argument["right"].get("Set", [argument["right"]])
    values = [literal(member) for member in listed]
    entities = [value["__entity"] for value in values if isinstance(value, Mapping)]
    return tuple(str(found["id"]) for found in entities)


def demands(node: Node, test: Callable[[Node], bool]) -> bool:
    """Whether a condition cannot hold where the test does not (negations are for other checks)."""
    if "||" in node:
        return demands(node["||"]["left"], test) and demands(node["||"]["right"], test)
    if "&&" in node:
        return demands(node["&&"]["left"], test) or demands(node["&&"]["right"], test)
    return test(node)


def alternatives(node: Node) -> Iterator[Node]:
    """A condition cut at `||`."""
    if "||" in node:
        yield from alternatives(node["||"]["left"])
        yield from alternatives(node["||"]["right"])
    else:
        yield node


def attribute(node: Node) -> str | None:
    """`context.purpose` for an attribute of a variable, None for any other node."""
    if "." not in node or not _is_variable(node["."]["left"]):
        return None
    return f"{node['.']['left']['Var']}.{node['.']['attr']}"


def literal(node: Node) -> Any:  # noqa: ANN401 - a literal is a text, number or entity
    """The value of a literal, None for any other node."""
    return node.get("Value")


def entity(node: Node, kind: str) -> str | None:
    """The id of an entity literal of this type, None for any other node."""
    value = literal(node)
    found = value.get("__entity", {}) if isinstance(value, Mapping) else {}
    return str(found["id"]) if found.get("type") == kind else None


def purposes(node: Node) -> tuple[str, ...]:
    """The purposes of `context.purpose == P` or `[P, Q].contains(context.purpose)`, else none."""
    if "==" in node:
        subject, members = node["=="]["left"], [node["=="]["right"]]
    elif "contains" in node and "Set" in node["contains"]["left"]:
        subject, members = node["contains"]["right"], node["contains"]["left"]["Set"]
    else:
        return ()
    if attribute(subject) != "context.purpose":
        return ()
    return tuple(name for member in members if (name := entity(member, "Purpose")))


def day_bound(node: Node) -> tuple[str, int] | None:
    """(`at least` or `at most`, days) of a comparison of `context.days_to_release`."""
    operator, argument = next(iter(node.items()))
    if operator not in _ORDERINGS or attribute(argument["left"]) != "context.days_to_release":
        return None
    days: int = argument["right"]["Value"]
    return {
        "<=": ("at most", days),
        "<": ("at most", days - 1),
        ">=": ("at least", days),
        ">": ("at least", days + 1),
    }[operator]


def _is_variable(node: Node) -> bool:
    return node.get("Var") in _VARIABLES
