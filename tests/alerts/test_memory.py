"""The past in the database is the past that was measured with: `bench.alerts` has one in memory."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Connection, insert

from app.access_log.ledger import LOOKUP
from app.agencies.registry import AGENCY
from app.alerts import memory
from app.alerts.fact import Fact, Past
from app.alerts.look import Batch, Last, look, only_new
from app.alerts.rules import LONGEST_WINDOW, Rules
from app.releases.profile import Profile
from bench.alerts import Remembered as InMemory
from tests.alerts.conftest import AT

AGENCIES = {"a": "ngo_mentor", "b": "police_local"}


def busy(random: Random) -> list[Fact]:
    """Facts of four officers over three days, with much that is odd."""
    times = sorted(AT + timedelta(minutes=random.randrange(4_000)) for _ in range(240))
    return [
        Fact(
            index=index,
            at=at,
            agency=random.choice("ab"),
            officer=random.choice("xy"),
            refused=random.random() < 0.3,
            purpose=random.choice(("one", "two")),
            subject=random.choice((None, *"klmnopqrst")),
            case=random.choice((None, None, "case 1", "case 2")),
            emergency=random.random() < 0.1,
        )
        for index, at in enumerate(times)
    ]


def stored(connection: Connection, fact: Fact) -> None:
    """The look-up row of a fact."""
    connection.execute(
        insert(LOOKUP).values(
            log_index=fact.index,
            entry_id=str(fact.index),
            leaf_hash=b"",
            recorded_at=fact.at,
            operation="",
            channel="",
            outcome="",
            purpose=fact.purpose,
            subject_index=fact.subject,
        )
    )


def strict() -> Rules:
    """The shipped rules, easier to break."""
    shipped = Rules.from_file(None)
    changes = {"floor_without_past": 4, "least": 3}
    return replace(
        shipped,
        all=tuple(
            replace(rule, **{name: n for name, n in changes.items() if hasattr(rule, name)})  # type: ignore[arg-type]  # only what it has
            for rule in shipped.all
        ),
    )


def test_the_database_remembers_what_was_measured_with(
    connection: Connection, profile: Profile
) -> None:
    for agency, role in AGENCIES.items():
        connection.execute(
            insert(AGENCY).values(
                agency_id=agency,
                name=agency,
                role=role,
                country="XK",
                standing_acceptance=False,
                fallback=False,
                status="active",
                created_at=AT,
            )
        )
    facts = busy(Random(5))  # noqa: S311 - repeatable on purpose
    in_memory, rules = InMemory(profile, AGENCIES), strict()
    raised: dict[tuple[str, str], Last] = {}
    kinds = set()
    for start in range(0, len(facts), 60):
        batch = facts[start : start + 60]
        for fact in batch:
            in_memory.add(fact)
            stored(connection, fact)
        in_database = memory.Remembered(connection, batch, profile)
        pasts: tuple[Past, Past] = (in_memory, in_database)
        one, other = (only_new(look(rules, Batch(batch, past, profile)), raised) for past in pasts)
        assert one == other
        memory.remember(connection, batch, in_database.days)
        for alert in one:
            memory.remember_raised(connection, alert)
            raised[alert.key] = Last(alert.until, alert.count)
            kinds.add(alert.rule.kind)
        assert memory.raised(connection) == raised
    assert len(kinds) == 5


def test_what_is_older_than_a_window_is_forgotten_a_portion_at_a_time(
    connection: Connection, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "FORGOTTEN_AT_ONCE", 2)
    facts = [Fact(index=index, at=AT, agency="a", officer="x") for index in range(3)]
    memory.remember(connection, facts, {})
    for fact in facts:
        stored(connection, fact)
    later = AT + LONGEST_WINDOW + timedelta(seconds=1)

    def left() -> int:
        past = memory.Remembered(connection, (), profile)
        return len(past.facts("a", since=AT, until=later))

    counts = []
    for at in (AT + LONGEST_WINDOW, later, later):
        memory.forget(connection, at=at, today=profile.local_date(at))
        counts.append(left())
    assert counts == [3, 1, 0]
