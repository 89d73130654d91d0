"""Everything that somebody can send is bounded, member by member, by the contract itself."""

from collections.abc import Iterator

# The one place of the standard library that knows how long a match can be.
from re import _parser
from typing import Any

import pytest

from app.api.application import make_application

CONTRACT = make_application().openapi()
# A date, a time with offset and microseconds, a UUID: their formats are held by our own parsers.
FORMATS = {"date": 10, "date-time": 32, "uuid": 36}
LONGEST_TEXT, LONGEST_LIST = 5000, 200
# Read by others than our models, with bounds of their own.
ELSEWHERE = {
    # A form of 24 kB in all, of tokens of 8 kB each (tests/api/test_identity.py).
    "/oauth2/token",
    "/oauth2/revoke",
    "/oauth2/introspect",
    # A key of one of two kinds, with known members (tests/notifications/test_subscribe.py).
    "NewSubscription/encryption_jwk",
    "SubscriptionChange/encryption_jwk",
    # A key that verifies, of which only known members are kept (tests/api/test_registry.py).
    "PublicKeys/keys[]",
}


def sent() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of something that is sent, with a name to find it by."""
    for path, operations in CONTRACT["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                yield f"{path} {parameter['name']}", parameter["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield path, content["schema"]


def leaves(
    name: str, schema: dict[str, Any], known: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all that it holds, each named component once."""
    if "$ref" in schema:
        component = schema["$ref"].rpartition("/")[2]
        if component not in known:
            known.add(component)
            yield from leaves(component, CONTRACT["components"]["schemas"][component], known)
        return
    yield name, schema
    for member, inner in schema.get("properties", {}).items():
        yield from leaves(f"{name}/{member}", inner, known)
    for inner in schema.get("patternProperties", {}).values():
        yield from leaves(f"{name}{{}}", inner, known)
    for inner in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())):
        yield from leaves(name, inner, known)
    if "items" in schema:
        yield from leaves(f"{name}[]", schema["items"], known)


def longest(schema: dict[str, Any]) -> float:
    """The length of the longest text that fits."""
    bounds = [schema["maxLength"]] if "maxLength" in schema else []
    if "pattern" in schema:
        pattern = schema["pattern"]
        assert pattern.startswith("^"), pattern
        assert pattern.endswith("$"), pattern
        bounds.append(_parser.parse(pattern).getwidth()[1])
    if schema.get("format") in FORMATS:
        bounds.append(FORMATS[schema["format"]])
    if "enum" in schema or "const" in schema:
        bounds.append(max(len(str(one)) for one in schema.get("enum", [schema.get("const")])))
    return min(bounds, default=float("inf"))


def unbounded(schema: dict[str, Any]) -> str | None:
    """What is missing from a schema, or None."""
    kind = schema.get("type")
    if kind == "string" and longest(schema) > LONGEST_TEXT:
        return "a text without a longest one"
    if kind == "array" and schema.get("maxItems", LONGEST_LIST + 1) > LONGEST_LIST:
        return "a list without a longest one"
    if kind == "integer" and not (
        {"minimum", "exclusiveMinimum"} & schema.keys()
        and {"maximum", "exclusiveMaximum"} & schema.keys()
    ):
        return "a number without bounds"
    if kind == "object" and schema.get("additionalProperties") is not False and not _map(schema):
        return "an object that takes any member"
    return None


def _map(schema: dict[str, Any]) -> bool:
    """Whether an object has so many members at most, each by a name of bounded length."""
    names = schema.get("patternProperties", {})
    return schema.get("maxProperties", LONGEST_LIST + 1) <= LONGEST_LIST and all(
        longest({"pattern": name}) <= LONGEST_TEXT for name in names or [""]
    )


def findings() -> list[str]:
    known: set[str] = set()
    return [
        f"{name}: {missing}"
        for start, schema in sent()
        for name, one in leaves(start, schema, known)
        if not name.startswith(tuple(ELSEWHERE)) and (missing := unbounded(one))
    ]


def test_whatever_can_be_sent_is_bounded() -> None:
    assert findings() == []


def test_every_body_that_is_read_strictly_is_among_them() -> None:
    known: set[str] = set()
    names = {name for start, schema in sent() for name, _ in leaves(start, schema, known)}
    assert {"InmateFileSubmission", "NewConsent", "ImportLine", "NewSubscription"} <= names


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "pattern": "^[a-z]+$"},
        {"type": "array", "items": {"type": "string", "maxLength": 3}},
        {"type": "integer", "minimum": 0},
        {"type": "object"},
    ],
)
def test_what_has_no_bound_is_found(schema: dict[str, Any]) -> None:
    assert unbounded(schema)
