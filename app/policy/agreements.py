"""The agreements that policies rest on, from `agreements.toml`: parties, dates, legal bases.

A permit without a citation or outside its agreement's dates is not in force. What a
national lawyer has not given is marked `illustrative` and loads only where a setting says so.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from app.policy.errors import Finding, PolicyError
from app.policy.roles import ROLE_PURPOSES

FILE = "agreements.toml"
REFUSED = "is illustrative, which only THROUGHCARE_ALLOW_ILLUSTRATIVE=true lets through"
# What a value has to be, in the words of TOML.
_KINDS: Mapping[type, str] = MappingProxyType(
    {str: "a text", bool: "true or false", date: "a date", list: "a list", dict: "tables"}
)


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """A ground in law; without a citation it carries nothing."""

    id: str
    citation: str
    illustrative: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who agreed on what and for how long. Both dates are part of the term."""

    id: str
    title: str
    parties: frozenset[str]
    citation: str
    valid_from: date
    valid_until: date
    review_date: date
    legal_bases: frozenset[str]
    illustrative: bool

    def in_force(self, at: date) -> bool:
        """Whether the agreement is cited and the day lies in its term."""
        return bool(self.citation) and self.valid_from <= at <= self.valid_until


@dataclass(frozen=True, slots=True)
class Register:
    """All agreements and legal bases of a bundle by id."""

    agreements: Mapping[str, Agreement]
    legal_bases: Mapping[str, LegalBasis]


def read_register(text: str, *, allow_illustrative: bool) -> Register:
    """The register; `PolicyError` names the table and key that do not fit."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([Finding(FILE, 0, "", f"not TOML: {error}")]) from error
    _only(document, "the file", {"legal_bases", "agreements"})
    register = Register(
        agreements={id_: _agreement(id_, table) for id_, table in _tables(document, "agreements")},
        legal_bases={id_: _basis(id_, table) for id_, table in _tables(document, "legal_bases")},
    )
    _check(register, allow_illustrative=allow_illustrative)
    return register


def _basis(id_: str, table: Mapping[str, Any]) -> LegalBasis:
    where = f"legal_bases.{id_}"
    _only(table, where, {"citation", "illustrative"})
    return LegalBasis(
        id=id_,
        citation=_get(table, where, "citation", str).strip(),
        illustrative=_get(table, where, "illustrative", bool),
    )


def _agreement(id_: str, table: Mapping[str, Any]) -> Agreement:
    where = f"agreements.{id_}"
    _only(table, where, set(Agreement.__dataclass_fields__) - {"id"})
    return Agreement(
        id=id_,
        title=_get(table, where, "title", str),
        parties=_texts(table, where, "parties"),
        citation=_get(table, where, "citation", str).strip(),
        valid_from=_get(table, where, "valid_from", date),
        valid_until=_get(table, where, "valid_until", date),
        review_date=_get(table, where, "review_date", date),
        legal_bases=_texts(table, where, "legal_bases"),
        illustrative=_get(table, where, "illustrative", bool),
    )


def _check(register: Register, *, allow_illustrative: bool) -> None:
    for basis in register.legal_bases.values():
        if basis.illustrative and not allow_illustrative:
            raise _wrong(f"legal_bases.{basis.id}", REFUSED)
    for agreement in register.agreements.values():
        where = f"agreements.{agreement.id}"
        if agreement.illustrative and not allow_illustrative:
            raise _wrong(where, REFUSED)
        if agreement.valid_until < agreement.valid_from:
            raise _wrong(where, "ends before it begins")
        if unknown := agreement.parties - ROLE_PURPOSES.keys():
            raise _wrong(where, f"names an unknown role as a party: {', '.join(sorted(unknown))}")
        if unknown := agreement.legal_bases - register.legal_bases.keys():
            raise _wrong(where, f"names an unknown legal basis: {', '.join(sorted(unknown))}")


def _tables(document: Mapping[str, Any], name: str) -> list[tuple[str, Mapping[str, Any]]]:
    tables = _get(document, "the file", name, dict)
    if not all(isinstance(table, dict) for table in tables.values()):
        raise _wrong(name, "must hold tables")
    return list(tables.items())


def _texts(table: Mapping[str, Any], where: str, key: str) -> frozenset[str]:
    values = _get(table, where, key, list)
    if not values or not all(isinstance(value, str) for value in values):
        raise _wrong(where, f"{key} must list at least one text")
    return frozenset(values)


def _get(table: Mapping[str, Any], where: str, key: str, kind: type) -> Any:  # noqa: ANN401 - TOML
    value = table.get(key)
    # A TOML date-time is a date to isinstance, and True is an int: the exact type is meant.
    if type(value) is not kind:
        raise _wrong(where, f"{key} must be {_KINDS[kind]}")
    return value


def _only(table: Mapping[str, Any], where: str, keys: set[str]) -> None:
    if unknown := table.keys() - keys:
        raise _wrong(where, f"has unknown keys: {', '.join(sorted(unknown))}")


def _wrong(where: str, message: str) -> PolicyError:
    return PolicyError([Finding(FILE, 0, "", f"{where} {message}")])
