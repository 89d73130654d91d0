"""The rules of alerts, read from a TOML file: what each looks for, and from which measure on.

A rule is data, and its kind names the function that looks (`kinds.py`). Whatever a file says that
no rule can mean is refused with the line of its rule.
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from datetime import time, timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from app.policy.roles import ROLE_PURPOSES
from app.problems import ThroughcareError

SHIPPED = resources.files("app.alerts") / "rules.toml"

# Nothing is remembered for longer than this: facts behind a window, days of a past.
LONGEST_WINDOW = timedelta(days=31)
LONGEST_PAST = timedelta(days=92)

Text = Annotated[str, Field(min_length=1, max_length=400)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
Count = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Hours = Annotated[int, Field(strict=True, ge=1, le=24 * LONGEST_WINDOW.days)]
Measure = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Moment = Annotated[time, Field(strict=True)]
AUDITORS, OPERATOR = "auditors", "operator"


class RulesRefused(ThroughcareError):
    """A file of rules does not say what rules must say. Tells where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule has.

    Attributes:
        id: names it in alerts.
        meaning: a sentence for whoever reads an alert.
        severity: how soon somebody should look.
        told: auditors, who have every alert as an entry; and the operator, through the service's
            own log, which names nobody.
        hours: how far back it looks from an entry, and for how long it then keeps silent about
            the same actor.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: Id
    meaning: Text
    severity: Literal["low", "medium", "high"]
    told: frozenset[Literal["auditors", "operator"]]
    hours: Hours

    @property
    def window(self) -> timedelta:
        """How far back it looks."""
        return timedelta(hours=self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnusualVolume(Rule):
    """Files of more persons than this actor ever reads: `volume.py` has the formula.

    Attributes:
        actor: each officer, or the agency as a whole.
        days: over so many days up to today the persons of each day are added.
        past_days: how far back the past goes to which that is compared.
        least_past: so many days with reads a past needs; without them `floor_without_past` counts.
        deviations: so far from the median, in robust standard deviations.
        floor: fewer persons than this are never unusual.
    """

    kind: Literal["unusual-volume"]
    actor: Literal["officer", "agency"]
    days: Annotated[int, Field(strict=True, ge=1, le=14)]
    past_days: Annotated[int, Field(strict=True, ge=14, le=LONGEST_PAST.days - 28)]
    least_past: Count
    deviations: Measure
    floor: Count
    floor_without_past: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfHours(Rule):
    """Reads on days off, and before or after the hours, in the legal time of the country.

    Attributes:
        opens, closes: the hours of a working day.
        round_the_clock: roles that work in shifts, of whom this says nothing.
        least: so many reads.
    """

    kind: Literal["out-of-hours"]
    opens: Moment
    closes: Moment
    round_the_clock: frozenset[str]
    least: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeSwitch(Rule):
    """Somebody refused under one purpose asks about the same person under another."""

    kind: Literal["purpose-switch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideCaseload(Rule):
    """Refused reads of what is not the agency's.

    Attributes:
        whom: `persons` whom the exchange knows and the agency has no ground for (any more), each
            counted once; or `references` that are nobody's, each attempt counted.
        least: so many.
    """

    kind: Literal["outside-caseload"]
    whom: Literal["persons", "references"]
    least: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyPersons(Rule):
    """Files of at least so many persons under one case of one agency."""

    kind: Literal["many-persons-one-case"]
    least: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleCheckpoint(Rule):
    """An entry waits for its signature for more than so many intervals between checkpoints."""

    kind: Literal["stale-checkpoint"]
    intervals: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedWitness(Rule):
    """A witness refused to cosign a checkpoint."""

    kind: Literal["refused-witness"]


AnyRule = Annotated[
    UnusualVolume
    | OutOfHours
    | PurposeSwitch
    | OutsideCaseload
    | ManyPersons
    | StaleCheckpoint
    | RefusedWitness,
    Field(discriminator="kind"),
]
_RULES = TypeAdapter(Annotated[list[AnyRule], Field(min_length=1, max_length=100)])
_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of an installation; `digest` is the SHA-256 of their file."""

    all: tuple[AnyRule, ...]
    digest: str

    @classmethod
    def from_file(cls, file: Path | None) -> "Rules":
        """The rules of a file, or those that come with the product. RulesRefused."""
        source = file or SHIPPED
        try:
            text = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RulesRefused(f"{source}: this file of rules cannot be read") from error
        return cls.from_toml(text, name=str(source))

    @classmethod
    def from_toml(cls, text: str, *, name: str = "rules") -> "Rules":
        """Rules from the text of a file.

        Raises:
            RulesRefused: with `name`, the line and the id of each rule that cannot be used.
        """
        try:
            document = tomllib.loads(text)
            if unknown := document.keys() - {"rule"}:
                raise RulesRefused(f"{name}: no such key: {', '.join(sorted(unknown))}")
            found = _RULES.validate_python(document.get("rule"))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise RulesRefused(f"{name}: {error}") from error
        except ValidationError as error:
            raise RulesRefused("; ".join(_findings(error, text, document, name))) from error
        for number, rule in enumerate(found):
            if problem := _objection(rule, found[:number]):
                raise RulesRefused(f"{name}:{_line(text, number)}: rule {rule.id}: {problem}")
        return cls(tuple(found), hashlib.sha256(text.encode()).hexdigest())


def _objection(rule: AnyRule, before: list[AnyRule]) -> str | None:
    """What is wrong with a rule whose every member is well formed."""
    if any(rule.id == other.id for other in before):
        return "id: there is another rule of this id"
    if AUDITORS not in rule.told:
        return "told: every alert is an entry, which auditors read"
    if isinstance(rule, OutOfHours) and rule.opens >= rule.closes:
        return "closes: expected a time after `opens`"
    if isinstance(rule, OutOfHours) and (odd := rule.round_the_clock - ROLE_PURPOSES.keys()):
        return f"round_the_clock: no such role: {', '.join(sorted(odd))}"
    if isinstance(rule, UnusualVolume) and rule.least_past > rule.past_days:
        return "least_past: expected no more than `past_days`"
    return None


def _findings(error: ValidationError, text: str, document: dict[str, Any], name: str) -> list[str]:
    return [
        _finding(one["loc"], one["msg"], text, document, name)
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _finding(
    place: tuple[int | str, ...], message: str, text: str, document: dict[str, Any], name: str
) -> str:
    if not place:
        return f"{name}: expected a list of [[rule]]"
    number = int(place[0])
    rule = document["rule"][number]
    known = rule.get("id") if isinstance(rule, dict) else None
    # Behind the number comes the kind that the rule says it is.
    member = ".".join(map(str, place[2:])) or "kind"
    return f"{name}:{_line(text, number)}: rule {known or number + 1}: {member}: {message}"


def _line(text: str, number: int) -> int:
    """The line at which a rule begins, the first being 1; of one that is written inline, 1."""
    starts = [match.start() for match in _TABLE.finditer(text)]
    return text.count("\n", 0, starts[number]) + 1 if number < len(starts) else 1
