"""Scenarios: examples of what the policy must decide, as data that lawyers can read and write.

The format is described in `docs/policy-scenarios.md`. A file is read strictly: a key, role,
purpose, fact, field or form that does not exist is an error with its place, because a misspelt
expectation would hold for ever.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.files.forms import Form
from app.policy.actions import Vocabulary
from app.policy.errors import Finding, PolicyError, refuse
from app.policy.facts import read_facts
from app.policy.request import Request, parts_of
from app.policy.request_json import PARTIES, request_from_json
from app.policy.schema import probe_schema_text
from app.problems import InvalidInput

FOLDER = "scenarios"
SUFFIX = ".json"

_FORMS: Mapping[str, Form] = {form.code: form for form in Form}
_FILE_KEYS = {"title": str, "note": str, "scenarios": list}
_SCENARIO_KEYS = {
    "id": str,
    "title": str,
    "source": str,
    "day": str,
    "request": dict,
    "expect": dict,
    "country": str,
}
_EXPECTATION_KEYS = {
    "exactly": dict,
    "at_most": dict,
    "withheld": list,
    "never": list,
    "everything_else": str,
    "open_questions": dict,
}
_WITH_FORMS = frozenset({"exactly", "at_most"})
_OF_FIELDS = _WITH_FORMS | {"withheld", "never"}
_OPTIONAL = frozenset({"note", "country", *_EXPECTATION_KEYS})


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the decision about each field must be; a field may stand in more than one.

    `never` says more than `withheld`: no situation gives the field to this role. Where
    `nothing_else` is set, what `exactly` and `at_most` do not name is withheld. `open_questions`
    says of a field why the policy is known to decide otherwise: the texts that both rest on do not
    agree, and somebody still has to settle it.
    """

    exactly: Mapping[str, Form]
    at_most: Mapping[str, Form]
    withheld: frozenset[str]
    never: frozenset[str]
    nothing_else: bool
    open_questions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One situation and what is expected of it. `country`: under the overlay of this one alone."""

    file: str
    id: str
    title: str
    source: str
    day: date
    request: Request
    expect: Expectation
    country: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which file something stands, as an RFC 6901 pointer."""

    file: str
    pointer: str = ""

    def __truediv__(self, name: object) -> "_Place":
        return _Place(self.file, f"{self.pointer}/{name}")

    def finding(self, message: str) -> Finding:
        return Finding(self.file, 0, "", f"{self.pointer or '/'}: {message}")


def read_scenarios(directory: Path, vocabulary: Vocabulary) -> tuple[Scenario, ...]:
    """The scenarios of a bundle's directory, by file and in the order of each.

    Raises:
        PolicyError: with every finding: file, and place in it.
    """
    found: list[Scenario] = []
    findings: list[Finding] = []
    folder = directory / FOLDER
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        place = _Place(f"{FOLDER}/{path.name}")
        try:
            found += _Reader(vocabulary).file(_load(path, place), place)
        except PolicyError as error:
            findings += error.findings
    refuse(findings)
    if not found:
        raise PolicyError([Finding(FOLDER, 0, "", "there are no scenarios to test")])
    refuse(_repeated(found))
    return tuple(found)


def _repeated(scenarios: Sequence[Scenario]) -> Iterator[Finding]:
    seen: set[str] = set()
    for one in scenarios:
        if one.id in seen:
            yield Finding(one.file, 0, "", f"/scenarios: the id {one.id} stands there before")
        seen.add(one.id)


def _load(path: Path, place: _Place) -> Any:  # noqa: ANN401 - JSON can be anything
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except (OSError, ValueError) as error:
        raise PolicyError([place.finding(f"is not JSON: {error}")]) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return members


class _Reader:
    """Reads files of scenarios for one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._fields = vocabulary.fields
        names = frozenset(vocabulary.fields)
        kinds = {"Field": names, "Part": parts_of(names)}
        facts = read_facts(probe_schema_text(vocabulary)).by_path.values()
        # What each fact may hold that is a set of fields, or of fields and sections.
        self._members = {fact.name: kinds[fact.kind] for fact in facts if fact.kind in kinds}

    def file(self, content: Any, place: _Place) -> list[Scenario]:  # noqa: ANN401 - JSON
        """The scenarios of a file."""
        refuse(_misshapen(content, _FILE_KEYS, place))
        found: list[Scenario] = []
        findings: list[Finding] = []
        for number, one in enumerate(content["scenarios"]):
            try:
                found.append(self._scenario(one, place / "scenarios" / number))
            except PolicyError as error:
                findings += error.findings
        refuse(findings)
        return found

    def _scenario(self, content: Any, place: _Place) -> Scenario:  # noqa: ANN401 - JSON
        refuse(_misshapen(content, _SCENARIO_KEYS, place))
        refuse(_misshapen(content["expect"], _EXPECTATION_KEYS, place / "expect"))
        refuse(self._unknown(content, place))
        return Scenario(
            file=place.file,
            id=content["id"],
            title=content["title"],
            source=content["source"],
            day=date.fromisoformat(content["day"]),
            request=request_from_json({**PARTIES, **content["request"]}),
            expect=self._expectation(content["expect"]),
            country=content.get("country"),
        )

    def _unknown(self, content: Mapping[str, Any], place: _Place) -> Iterator[Finding]:
        """What has the right shape and names something that does not exist."""
        try:
            date.fromisoformat(content["day"])
        except ValueError:
            yield (place / "day").finding("must be a day, as 2027-03-03")
        yield from self._unknown_facts(content["request"], place / "request")
        if not content["expect"]:
            yield (place / "expect").finding("expects nothing")
        yield from self._unknown_fields(content["expect"], place / "expect")
        yield from self._unknown_words(content["expect"], place / "expect")

    def _unknown_fields(self, expect: Mapping[str, Any], place: _Place) -> Iterator[Finding]:
        for name in expect.keys() & _OF_FIELDS:
            for subject in expect[name]:
                if not isinstance(subject, str) or not self._paths(subject):
                    yield (place / name).finding(f"{subject} is no field and no section")
        for subject, why in expect.get("open_questions", {}).items():
            if subject not in self._fields or not isinstance(why, str):
                yield (place / "open_questions" / subject).finding("must be a field with a text")

    @staticmethod
    def _unknown_words(expect: Mapping[str, Any], place: _Place) -> Iterator[Finding]:
        if expect.get("everything_else", "withheld") != "withheld":
            yield (place / "everything_else").finding("must be `withheld`")
        for name in expect.keys() & _WITH_FORMS:
            for subject, form in expect[name].items():
                if form not in [*_FORMS]:
                    yield (place / name / subject).finding(f"must be one of {', '.join(_FORMS)}")

    def _unknown_facts(self, facts: Mapping[str, Any], place: _Place) -> Iterator[Finding]:
        try:
            request_from_json({**PARTIES, **facts})
        except InvalidInput as error:
            for one in error.errors:
                yield _Place(place.file, place.pointer + one.pointer).finding(one.message)
            return
        for name in facts.keys() & self._members.keys():
            for member in sorted(set(facts[name]) - self._members[name]):
                yield (place / name).finding(f"{member} is nothing that this fact can name")

    def _expectation(self, content: Mapping[str, Any]) -> Expectation:
        return Expectation(
            exactly=self._forms(content.get("exactly", {})),
            at_most=self._forms(content.get("at_most", {})),
            withheld=self._all(content.get("withheld", ())),
            never=self._all(content.get("never", ())),
            nothing_else="everything_else" in content,
            open_questions=content.get("open_questions", {}),
        )

    def _forms(self, named: Mapping[str, str]) -> Mapping[str, Form]:
        return {
            path: _FORMS[form] for subject, form in named.items() for path in self._paths(subject)
        }

    def _all(self, subjects: Sequence[str]) -> frozenset[str]:
        return frozenset(path for subject in subjects for path in self._paths(subject))

    def _paths(self, subject: str) -> list[str]:
        """The field of this path, or all fields of the section; none for what does not exist."""
        return [path for path in self._fields if subject in {path, path.partition(".")[0]}]


def _misshapen(content: Any, keys: Mapping[str, type], place: _Place) -> Iterator[Finding]:  # noqa: ANN401 - JSON
    if not isinstance(content, dict):
        yield place.finding("must be an object")
        return
    for name in content.keys() - keys.keys():
        yield (place / name).finding("no such key")
    for name, kind in keys.items():
        if name in content:
            if not isinstance(content[name], kind):
                yield (place / name).finding(f"must be {_KINDS[kind]}")
        elif name not in _OPTIONAL:
            yield (place / name).finding("is needed")


_KINDS: Mapping[type, str] = {str: "a text", list: "a list", dict: "an object"}
