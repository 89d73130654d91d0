"""Which members of a request's sets the engine has to be told of. Pure.

A consent to a field that no policy of the set asks for cannot matter to it, and the engine takes
ten microseconds to read each. A set is narrowed only where every mention of it in the policies is
a test for written members; where it is not, it is left whole.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from app.policy.expressions import Node, walk

SET_TESTS = ("contains", "containsAll", "containsAny")

Entities = frozenset[tuple[str, str]]  # type and id of each


def members_asked(conditions: Iterable[Any]) -> Mapping[str, Entities | None]:
    """For each attribute that conditions mention the entities that they ask it for.

    None for an attribute that is mentioned in any other way.
    """
    mentions: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    asked: dict[str, set[tuple[str, str]]] = {}
    for node in walk(list(conditions)):
        if isinstance(name := node.get("attr"), str):
            mentions[name] += 1
        name, members = entities_tested(node)
        if name:
            tests[name] += 1
            asked.setdefault(name, set()).update(members)
    return {
        name: frozenset(asked[name]) if tests[name] == count else None
        for name, count in mentions.items()
    }


def narrowed(
    circumstances: Mapping[str, Any], asked: Mapping[str, Entities | None]
) -> Mapping[str, Any]:
    """A context with no member in its sets of entities that is not asked for."""
    return {
        name: _wanted(value, asked.get(name, frozenset())) if isinstance(value, list) else value
        for name, value in circumstances.items()
    }


def _wanted(members: list[Any], asked: Entities | None) -> list[Any]:
    if asked is None:
        return members
    return [member for member in members if (member["type"], member["id"]) in asked]


def entities_tested(node: Node) -> tuple[str, Entities]:
    """Attribute and entities of a test for written members; an empty name for any other node."""
    operator = next((test for test in SET_TESTS if test in node), None)
    attribute = node[operator]["left"].get(".") if operator else None
    if not operator or not attribute:
        return "", frozenset()
    right = node[operator]["right"]
    listed = [right] if operator == "contains" else right.get("Set", [right])
    entities = [_entity(member) for member in listed]
    if None in entities:
        return "", frozenset()
    return attribute["attr"], frozenset(entity for entity in entities if entity)


def _entity(node: Node) -> tuple[str, str] | None:
    value = node.get("Value")
    if not isinstance(value, Mapping) or "__entity" not in value:
        return None
    return value["__entity"]["type"], value["__entity"]["id"]
