"""The facts that a condition may ask for, as the schema declares them. Pure.

A fact is an attribute of the client (`principal`), of the file (`resource`) or of the
circumstances (`context`). Its name is also that of the request's field, so a fact that is
added to the schema and to the request is known here without a further word.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from app.policy.errors import Finding, PolicyError
from app.policy.request import Request

STRING: Final = "String"
LONG: Final = "Long"
BOOL: Final = "Bool"

_VARIABLES = {"Client": "principal", "InmateFile": "resource", "Circumstances": "context"}
_COMMENT = re.compile(r"//[^\n]*")
_ENUMERATION = re.compile(r"entity (\w+) enum \[([^\]]*)\];")
_SHAPE = re.compile(r"(?:entity|type) (\w+) (?:in \[\w+\] |= )?\{([^}]*)\}")
_ATTRIBUTE = re.compile(r"(\w+)(\?)?: (Set<)?(\w+)>?")
_IN_REQUEST = frozenset(field.name for field in fields(Request))
_MEMBER = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Fact:
    """One attribute: `context.consents` is a set (`many`) of the enumerated entity `Field`.

    `kind` is `String`, `Long`, `Bool` or the name of an enumeration. `optional`: it may be
    missing, which is None in a request.
    """

    variable: str
    name: str
    kind: str
    many: bool
    optional: bool

    @property
    def path(self) -> str:
        """As a condition writes it."""
        return f"{self.variable}.{self.name}"

    @property
    def type(self) -> str:
        """The Cedar type."""
        return f"Set<{self.kind}>" if self.many else self.kind


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts by path, and the members of each enumeration."""

    by_path: Mapping[str, Fact]
    members: Mapping[str, frozenset[str]]


def read_facts(schema: str) -> Facts:
    """The facts of a generated schema.

    Raises:
        PolicyError: an attribute of a type that is not known here, or one that a request lacks.
    """
    text = _COMMENT.sub("", schema)
    members = {
        found.group(1): frozenset(_MEMBER.findall(found.group(2)))
        for found in _ENUMERATION.finditer(text)
    }
    facts = {
        fact.path: fact
        for shape in _SHAPE.finditer(text)
        for fact in _attributes(_VARIABLES.get(shape.group(1), ""), shape.group(2))
    }
    for fact in facts.values():
        _check(fact, members)
    return Facts(facts, members)


def _check(fact: Fact, members: Mapping[str, frozenset[str]]) -> None:
    kinds = {STRING, *members} if fact.many else {STRING, LONG, BOOL, *members}
    if not fact.variable or fact.kind not in kinds or (fact.many and fact.optional):
        raise _wrong(f"`{fact.name}` has a type that conditions cannot be compiled for")
    if fact.name not in _IN_REQUEST:
        raise _wrong(f"`{fact.path}` is no fact of a request")


def _attributes(variable: str, body: str) -> Iterator[Fact]:
    for declaration in filter(None, map(str.strip, body.split(","))):
        found = _ATTRIBUTE.fullmatch(declaration)
        if found is None:
            raise _wrong(f"`{declaration}` cannot be read as an attribute")
        name, optional, many, kind = found.groups()
        yield Fact(variable, name, kind, many=bool(many), optional=bool(optional))


def _wrong(message: str) -> PolicyError:
    return PolicyError([Finding("schema.cedarschema", 0, "", message)])
