"""A request as JSON and back: for witnesses, explanations and scenarios. Pure.

Facts that are absent, false or empty are left out; what is left out counts as absent.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, get_args, get_type_hints

from app.policy.request import OfficerAssurance, Request
from app.policy.roles import PURPOSES, ROLE_PURPOSES
from app.problems import FieldError, InvalidInput

_KINDS = get_type_hints(Request)
_DEFAULTS = {field.name: field.default for field in fields(Request)}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "role": tuple(ROLE_PURPOSES),
    "purpose": PURPOSES,
    "officer_assurance": get_args(OfficerAssurance),
}
# Who asks whom, where it does not matter which: three parties that are not the same.
PARTIES: Mapping[str, str] = {"agency": "agency", "client": "client", "custodian": "custodian"}


def request_to_json(request: Request) -> dict[str, Any]:
    """Every fact that is there; sets as sorted lists."""
    facts = {name: getattr(request, name) for name in _KINDS}
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in facts.items()
        if value != _DEFAULTS[name]
    }


def request_from_json(content: Mapping[str, Any]) -> Request:
    """The request of a JSON object.

    Raises:
        InvalidInput: a fact is unknown, missing, or of another type than it must be.
    """
    findings = [FieldError(f"/{name}", "no such fact") for name in content.keys() - _KINDS.keys()]
    values: dict[str, Any] = {}
    for name, kind in _KINDS.items():
        if name not in content:
            if _DEFAULTS[name] is MISSING:
                findings.append(FieldError(f"/{name}", "is needed"))
        elif _fits(content[name], kind, _CHOICES.get(name)):
            values[name] = frozenset(content[name]) if kind == frozenset[str] else content[name]
        else:
            findings.append(FieldError(f"/{name}", f"must be {_words(kind, _CHOICES.get(name))}"))
    if findings:
        raise InvalidInput("the request cannot be read", errors=tuple(findings))
    return Request(**values)


def _fits(value: Any, kind: Any, choices: tuple[str, ...] | None) -> bool:  # noqa: ANN401 - any JSON
    if choices:
        return value in choices
    if kind == frozenset[str]:
        return isinstance(value, list) and all(isinstance(member, str) for member in value)
    # The exact types: a boolean is an integer to isinstance.
    return type(value) in (get_args(kind) or (kind,))


def _words(kind: Any, choices: tuple[str, ...] | None) -> str:  # noqa: ANN401 - a type
    if choices:
        return "one of " + ", ".join(choices)
    names: Mapping[Any, Literal["a list of texts", "true or false", "a whole number", "a text"]] = {
        frozenset[str]: "a list of texts",
        bool: "true or false",
        int: "a whole number",
        int | None: "a whole number",
    }
    return names.get(kind, "a text")
