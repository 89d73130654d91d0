"""An alert: a rule, whom it is about, and the entries that it rests on. It names no person."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.access_log.canonical_json import JsonObject
from app.alerts.fact import Fact
from app.alerts.rules import AnyRule

# The newest ones: enough to begin with, and an entry of bounded length.
MOST_ENTRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What was found.

    Attributes:
        rule: by which rule.
        agency, officer: who acted; None where it is the log itself, or a whole agency.
        about: tells alerts of one rule and actor apart; only the service reads it.
        since, until: the first and the last moment of what was counted.
        count: what the rule counted.
        entries: places in the log, at most `MOST_ENTRIES`.
    """

    rule: AnyRule
    agency: str | None = None
    officer: str | None = None
    about: str = ""
    since: datetime
    until: datetime
    count: int
    entries: tuple[int, ...] = ()

    @classmethod
    def of(
        cls,
        rule: AnyRule,
        facts: Sequence[Fact],
        *,
        count: int,
        officer: str | None = None,
        about: str = "",
    ) -> "Alert":
        """An alert that rests on these facts of one agency, of which there is at least one."""
        times = [fact.at for fact in facts]
        return cls(
            rule=rule,
            agency=facts[0].agency,
            officer=officer,
            about=about,
            since=min(times),
            until=max(times),
            count=count,
            entries=tuple(fact.index for fact in facts)[-MOST_ENTRIES:],
        )

    @property
    def key(self) -> tuple[str, str]:
        """By what it is told from others: its rule, and whom or what it is about."""
        return self.rule.id, json.dumps([self.agency, self.officer, self.about])

    def to_json(self) -> JsonObject:
        """As it stands in its entry."""
        stated = {"agency": self.agency, "officer": self.officer}
        return {
            "alert": self.rule.id,
            "kind": self.rule.kind,
            "severity": self.rule.severity,
            **{name: value for name, value in stated.items() if value is not None},
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "count": self.count,
            "entries": list(self.entries),
        }
