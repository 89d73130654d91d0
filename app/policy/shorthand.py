"""The conditions of one role as the reference engine reads them fastest. Pure.

It takes the engine five microseconds to read a member of a set of entities, and there may be a
hundred. Three things are therefore written shorter for it, and nothing else is:

- A fact that no condition of the role mentions is not told: it cannot matter.
- A set that is only ever asked for written members becomes a text with one letter for each of
  those members that is in it: `context.consents.contains(Field::"needs.employment_need")`
  becomes `context.consents like "*a*"`. A member that nobody asks for has no letter.
- The schema declares just that, so that the engine still checks the types of what it is told.

The letters are known here alone: were a condition or a request written wrongly, the engine would
find other policies satisfied than the compiled table, which withholds the whole file.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

from app.policy.expressions import Node
from app.policy.facts import STRING, Fact, Facts
from app.policy.narrowing import SET_TESTS, Entities, entities_tested, members_asked
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import PROBE

CLIENT: Final = {"type": "Client", "id": "client"}  # no policy can name a client or a file
FILE: Final = {"type": "InmateFile", "id": "file"}

_FIRST_LETTER = 0xE000  # the private-use characters: no text has them, JSON writes them as they are
# Always told, so that the engine refuses a purpose that there is not.
_ALWAYS = frozenset({"purpose"})
_EMPTY_TEST = {"contains": False, "containsAny": False, "containsAll": True}
_SHAPE = """
entity Client in [Role] {{ {principal} }};
entity InmateFile {{ {resource} }};
action "{probe}" appliesTo {{
  principal: [Client], resource: [InmateFile], context: {{ {context} }}
}};
"""

Letters = Mapping[str, str]  # the letter of each member, by its id


@dataclass(frozen=True, slots=True)
class Shorthand:
    """What the engine is told for the conditions of a role, and how.

    `told` are the facts that they mention, `letters` those among them that are written in
    letters, by name.
    """

    told: tuple[Fact, ...]
    letters: Mapping[str, Letters]
    members: Mapping[str, frozenset[str]]

    def schema_text(self) -> str:
        """The schema of what is told, in Cedar's own syntax."""
        kinds = {"Role", *(fact.kind for fact in self.told if fact.kind in self.members)}
        declared = {**self.members, "Role": frozenset(ROLE_PURPOSES)}
        enumerations = (_enumeration(kind, declared[kind]) for kind in sorted(kinds))
        shapes = {
            variable: ", ".join(map(self._declaration, self._of(variable)))
            for variable in ("principal", "resource", "context")
        }
        return "\n".join(enumerations) + _SHAPE.format(probe=PROBE, **shapes)

    def written(self, node: Any) -> Any:  # noqa: ANN401 - any JSON
        """A condition in this shorthand."""
        if isinstance(node, list):
            return [self.written(member) for member in node]
        if not isinstance(node, Mapping):
            return node
        name, asked = entities_tested(node)
        if name in self.letters:
            return self._test(node, name, asked)
        return {key: self.written(value) for key, value in node.items()}

    def context(self, request: Request) -> Mapping[str, Any]:
        """The circumstances of a request, as far as they are asked for."""
        return self._values("context", request)

    def entities(self, request: Request) -> list[Mapping[str, Any]]:
        """Client and file as Cedar entities. The client has exactly one parent: its role."""
        role = {"type": "Role", "id": request.role}
        return [
            {"uid": CLIENT, "attrs": self._values("principal", request), "parents": [role]},
            {"uid": FILE, "attrs": self._values("resource", request), "parents": []},
        ]

    def _of(self, variable: str) -> Iterable[Fact]:
        return (fact for fact in self.told if fact.variable == variable)

    def _declaration(self, fact: Fact) -> str:
        type_ = STRING if fact.name in self.letters else fact.type
        return f"{fact.name}{'?' if fact.optional else ''}: {type_}"

    def _values(self, variable: str, request: Request) -> Mapping[str, Any]:
        values = ((fact, getattr(request, fact.name)) for fact in self._of(variable))
        return {
            fact.name: self._value(fact, value)
            for fact, value in values
            if not (fact.optional and value is None)
        }

    def _value(self, fact: Fact, value: Any) -> Any:  # noqa: ANN401 - of the fact's type
        if fact.name in self.letters:
            letters = self.letters[fact.name]
            return "".join([letters[id_] for id_ in letters.keys() & value])
        if fact.many:
            known = self.members.get(fact.kind)
            # What is said of a field that the catalogue does not have says nothing.
            listed = value if known is None else value & known
            return [self._single(fact, member) for member in sorted(listed)]
        return self._single(fact, value)

    def _single(self, fact: Fact, value: Any) -> Any:  # noqa: ANN401 - of the fact's type
        if fact.kind in self.members:
            return {"type": fact.kind, "id": unicodedata.normalize("NFC", value)}
        return unicodedata.normalize("NFC", value) if fact.kind == STRING else value

    def _test(self, node: Node, name: str, asked: Entities) -> Node:
        operator, argument = next((test, node[test]) for test in SET_TESTS if test in node)
        tests = [_has_letter(argument["left"], self.letters[name][id_]) for _, id_ in sorted(asked)]
        if not tests:
            return {"Value": _EMPTY_TEST[operator]}
        joint = "&&" if operator == "containsAll" else "||"
        return reduce(lambda left, right: {joint: {"left": left, "right": right}}, tests)


def shorthand(conditions: Iterable[Any], facts: Facts) -> Shorthand:
    """The shorthand for these conditions, all those of a role that a request decides."""
    asked = members_asked(conditions)
    told = tuple(fact for fact in facts.by_path.values() if fact.name in {*asked, *_ALWAYS})
    letters = {
        fact.name: some
        for fact in told
        if fact.many and (some := _letters(fact, asked.get(fact.name))) is not None
    }
    return Shorthand(told, letters, facts.members)


def _letters(fact: Fact, members: Entities | None) -> Letters | None:
    """None for a set that is also asked for in another way, or for members of another type."""
    if members is None or any(kind != fact.kind for kind, _ in members):
        return None
    return {id_: chr(_FIRST_LETTER + place) for place, (_, id_) in enumerate(sorted(members))}


def _enumeration(kind: str, members: Iterable[str]) -> str:
    listed = ", ".join(f'"{member}"' for member in sorted(members))
    return f"entity {kind} enum [{listed}];"


def _has_letter(text: Node, letter: str) -> Node:
    return {"like": {"left": text, "pattern": ["Wildcard", {"Literal": letter}, "Wildcard"]}}
