"""The watcher: nothing is missed, nothing told twice, and what it tells stands in the log."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text, update

from app.access_log import checkpoints, ledger
from app.access_log.entry import Actor, Entry, Grounds, Subject
from app.access_log.ledger import HEAD, LOOKUP
from app.access_log.query import EntryFilter, entries
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.alerts import memory
from app.alerts.memory import DAY, FACT, POSITION, RAISED, AlreadyLookedAt
from app.alerts.rules import Rules
from app.audit import watcher as watching
from app.audit.watcher import TASK, WATCHER, Watcher
from app.database import Database
from app.house import Act, House, record
from app.problems import Conflict, NotFound
from tests.administration.parties import plain_house
from tests.world import START, Clock

RANDOM = Random(18).randbytes  # noqa: S311 - repeatable on purpose
RULES = Rules.from_toml(
    """
[[rule]]
id = "guesses"
meaning = "Guesses."
kind = "outside-caseload"
severity = "high"
told = ["auditors", "operator"]
hours = 24
whom = "references"
least = 4

[[rule]]
id = "too-many"
meaning = "Too many."
kind = "unusual-volume"
severity = "high"
told = ["auditors"]
hours = 24
actor = "officer"
days = 1
past_days = 56
least_past = 4
deviations = 3.5
floor = 5
floor_without_past = 6

[[rule]]
id = "one-case"
meaning = "One case."
kind = "many-persons-one-case"
severity = "low"
told = ["auditors"]
hours = 720
least = 3

[[rule]]
id = "switch"
meaning = "Switch."
kind = "purpose-switch"
severity = "low"
told = ["auditors"]
hours = 24

[[rule]]
id = "unsigned"
meaning = "Unsigned."
kind = "stale-checkpoint"
severity = "high"
told = ["auditors", "operator"]
hours = 24
intervals = 60

[[rule]]
id = "witness"
meaning = "Witness."
kind = "refused-witness"
severity = "high"
told = ["auditors"]
hours = 24
"""
)


@pytest.fixture(scope="module")
def house() -> House:
    return plain_house()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watcher(database: Database, house: House, clock: Clock) -> Watcher:
    return Watcher(
        database=database,
        house=lambda: house,
        rules=RULES,
        clock=clock,
        interval=0.01,
        checkpoint_interval=timedelta(days=1),
    )


Append = Callable[..., None]


@pytest.fixture
def read(database: Database, house: House, clock: Clock) -> Append:
    """Record reads, each in its place; of a reference that is nobody's unless a person is named."""

    def one(connection: Connection, person: str | None, options: dict[str, Any]) -> None:
        problem = options.get("problem", NotFound)
        refused = person is None or options.get("refused", False)
        entry = Entry(
            operation=Operation.CONSULTATION if refused else Operation.DISCLOSURE,
            channel=options.get("channel", Channel.READ),
            outcome=Outcome.REFUSED if refused else Outcome.RELEASED,
            actor=Actor(agency="centre", client="c", officer=options.get("officer", "officer-1")),
            grounds=Grounds(
                purpose=options.get("purpose", "social_support"), case=options.get("case")
            ),
            subject=None if person is None else Subject(person),
            fields={"released": [], "withheld": [], "reason": problem.slug} if refused else None,
        )
        ledger.append(
            connection,
            entry,
            keys=house.log_keys(),
            random=RANDOM,
            at=options.get("at", clock()),
            origin=house.log_origin,
            policy_digest=house.bundle.digest,
        )

    def append(*persons: str | None, **options: Any) -> None:  # noqa: ANN401 - of an entry
        def work(connection: Connection) -> None:
            for person in persons:
                one(connection, person, options)
            ledger.integrate(connection)

        database.run_blocking(work)

    return append


def look(watcher: Watcher) -> list[dict[str, Any]]:
    """Let the watcher look; all alerts that stand in the log then."""
    asyncio.run(watcher.round())
    watcher.database.run_blocking(ledger.integrate)
    return alerts(watcher)


def alerts(watcher: Watcher) -> list[dict[str, Any]]:
    """What the log's alerts say."""
    return [entry["fields"] for entry in alert_entries(watcher)]


def alert_entries(watcher: Watcher) -> list[dict[str, Any]]:
    """The sections of each alert, as an auditor reads them."""

    def work(connection: Connection) -> list[dict[str, Any]]:
        found = entries(
            connection,
            EntryFilter(operation=Operation.ALERT),
            keys=watcher.house().log_keys(),
            limit=100,
            tree_size=ledger.read_head(connection).size,
        )
        return [dict(entry.sections) for entry in found]

    return watcher.database.read_blocking(work)


def counted(watcher: Watcher) -> list[tuple[str, int]]:
    return [(one["alert"], one["count"]) for one in look(watcher)]


def rows(database: Database, table: Any) -> int:  # noqa: ANN401 - a table
    query = select(func.count()).select_from(table)
    return database.read_blocking(lambda c: c.scalar(query)) or 0


def test_an_alert_is_an_entry_that_names_rule_actor_window_and_entries(
    watcher: Watcher, read: Append
) -> None:
    read(*[None] * 3)
    assert look(watcher) == []
    read(None)
    [said] = look(watcher)
    assert said == {
        "alert": "guesses",
        "kind": "outside-caseload",
        "severity": "high",
        "agency": "centre",
        "officer": "officer-1",
        "since": START.isoformat(),
        "until": START.isoformat(),
        "count": 4,
        "entries": [0, 1, 2, 3],
        "rules": RULES.digest,
    }
    [entry] = alert_entries(watcher)
    assert entry["circumstances"]["channel"] == "audit"
    assert entry["actor"]["officer"] == "watcher"
    assert "subject" not in entry


def test_no_alert_is_raised_twice_nor_about_an_alert(watcher: Watcher, read: Append) -> None:
    read(*[None] * 4)
    assert len(look(watcher)) == 1
    size = rows(watcher.database, LOOKUP)
    for _ in range(3):
        assert len(look(watcher)) == 1
    read(None)
    assert len(look(watcher)) == 1
    # Nothing but the read was added, and each entry was looked at.
    assert rows(watcher.database, LOOKUP) == size + 1
    assert watcher.database.read_blocking(memory.position) == size + 1


def test_a_run_that_comes_late_finds_what_one_in_time_would_have(
    watcher: Watcher, read: Append, clock: Clock
) -> None:
    for officer in ("a", "b", "c"):
        read(*[None] * 4, officer=officer)
        clock.advance(days=2)
    assert [one["officer"] for one in look(watcher)] == ["a", "b", "c"]


def test_a_look_is_bounded_and_the_next_one_goes_on(
    watcher: Watcher, read: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AT_ONCE", 3)
    monkeypatch.setattr(watching, "LOOKS", 2)
    read(*[None] * 9)
    assert counted(watcher) == [("guesses", 6)]
    assert watcher.database.read_blocking(memory.position) == 6
    look(watcher)
    assert watcher.database.read_blocking(memory.position) == 10
    assert rows(watcher.database, FACT) == 9


@pytest.mark.parametrize("altered", [-(2**63), 2**63 - 1])
def test_a_time_that_was_altered_stops_no_look_and_forgets_nothing(
    watcher: Watcher, read: Append, altered: int
) -> None:
    read(None)
    look(watcher)
    read(*[None] * 4, officer="altered")
    watcher.database.run_blocking(
        lambda c: c.execute(
            text("UPDATE access_log_lookup SET recorded_at = :at WHERE officer_id = 'altered'"),
            {"at": altered},
        ).close()
    )
    assert [one["officer"] for one in look(watcher)] == ["altered"]
    assert rows(watcher.database, FACT) == 5
    read(*[None] * 4, officer="another")
    assert [one["officer"] for one in look(watcher)] == ["altered", "another"]


def test_a_look_that_is_rolled_back_is_made_again(
    watcher: Watcher, read: Append, clock: Clock
) -> None:
    read(*[None] * 4)
    house = watcher.house()
    broken = replace(watcher, house=lambda: replace(house, random=_no_randomness))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(broken.round())
    assert rows(watcher.database, FACT) == rows(watcher.database, RAISED) == 0
    assert counted(watcher) == [("guesses", 4)]
    del clock


def _no_randomness(_: int) -> bytes:
    raise ZeroDivisionError


def test_of_two_that_look_at_once_one_writes_it_down(watcher: Watcher, read: Append) -> None:
    read(*[None] * 4)
    found = watcher.database.read_blocking(watcher.find)
    assert counted(watcher) == [("guesses", 4)]
    with pytest.raises(AlreadyLookedAt):
        watcher.database.run_blocking(lambda c: watcher.keep(c, found))
    assert len(look(watcher)) == 1


def test_while_another_process_looks_this_one_does_not(
    database: Database, watcher: Watcher, read: Append
) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("the file belongs to one process")
    read(*[None] * 4)
    with database.alone(TASK):
        assert look(watcher) == []
    assert len(look(watcher)) == 1


def test_what_failed_is_no_refusal_and_other_channels_are_no_reads(
    watcher: Watcher, read: Append
) -> None:
    read(*[None] * 4, problem=Conflict)
    read(*[None] * 4, channel=Channel.ADMINISTRATION)
    assert look(watcher) == []
    assert rows(watcher.database, FACT) == 0


def test_volume_is_counted_in_persons_over_several_looks(watcher: Watcher, read: Append) -> None:
    read(*["a", "b", "c"] * 3)
    assert look(watcher) == []
    read("a", "c", "d", "e")
    assert look(watcher) == []
    read("f")
    assert counted(watcher) == [("too-many", 6)]


def test_days_without_unusual_volume_are_the_past_of_later_ones(
    watcher: Watcher, read: Append, clock: Clock
) -> None:
    for persons in ("abcde", "abcdef", "abcdefg", "abcdefgh"):
        read(*persons)
        clock.advance(days=1)
    # The floor without a past is six: some of these days have reached it.
    before = look(watcher)
    read(*"abcdefghi")
    assert look(watcher) == before
    clock.advance(days=1)
    read(*(f"person {number}" for number in range(40)))
    assert counted(watcher)[len(before) :] == [("too-many", 40)]


def test_cases_of_two_agencies_and_an_erased_person_are_kept_apart(
    watcher: Watcher, read: Append, house: House, clock: Clock
) -> None:
    read("a", "b", case="17")
    read("c", case="18")
    assert look(watcher) == []
    erased = house.log_keys().subject_index("a")

    def erase(connection: Connection) -> None:
        mine = LOOKUP.c.subject_index == erased
        connection.execute(update(LOOKUP).where(mine).values(subject_index=None))

    watcher.database.run_blocking(erase)
    clock.advance(days=2)
    read("c", case="17", officer="officer-2")
    [alert] = look(watcher)
    assert (alert["alert"], alert["count"], alert["entries"]) == ("one-case", 3, [0, 1, 3])
    assert "17" not in str(alert["agency"])


def test_a_switch_of_purpose_is_seen_in_another_look(watcher: Watcher, read: Append) -> None:
    read("a", refused=True, purpose="family_support")
    assert look(watcher) == []
    read("a", purpose="social_support")
    assert counted(watcher) == [("switch", 2)]


def test_a_log_that_nobody_signs_is_told_once_a_day(
    watcher: Watcher, read: Append, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    eager = replace(watcher, checkpoint_interval=timedelta(seconds=1))
    read("a")
    assert look(eager) == []
    clock.advance(seconds=61)
    with caplog.at_level(logging.WARNING, logger="throughcare.watcher"):
        assert counted(eager) == [("unsigned", 61)]
    assert "alert unsigned, severity high: entry " in caplog.text
    clock.advance(seconds=50)
    assert len(look(eager)) == 1
    clock.advance(days=1)
    assert [one["alert"] for one in look(eager)] == ["unsigned"] * 2


def test_a_witness_that_refused_is_told_once_a_day(
    watcher: Watcher, database: Database, house: House, clock: Clock
) -> None:
    def refuse(alarm: str, witness: str) -> None:
        act = Act(
            operation=Operation.KEY_EVENT,
            channel=Channel.AUDIT,
            outcome=Outcome.REFUSED,
            fields={"alarm": alarm, "witness": witness},
        )
        database.run_blocking(lambda c: record(c, house, WATCHER, act, at=clock()))
        database.run_blocking(ledger.integrate)

    refuse("quorum-missing", "w1")
    assert look(watcher) == []
    refuse("witness-refused", "w1")
    refuse("witness-refused", "w1")
    refuse("witness-refused", "w2")
    assert [one["entries"] for one in look(watcher)] == [[1], [3]]


def test_a_log_that_is_signed_is_not_stale(
    watcher: Watcher, read: Append, clock: Clock, house: House
) -> None:
    eager = replace(watcher, checkpoint_interval=timedelta(seconds=1))
    read("a")
    key = house.ring.log_signing
    watcher.database.run_blocking(
        lambda c: checkpoints.publish(c, key=key, origin=house.log_origin, at=clock())
    )
    clock.advance(days=3)
    assert look(eager) == []


def test_what_no_rule_looks_back_to_is_forgotten(
    watcher: Watcher, read: Append, clock: Clock
) -> None:
    read(*[None] * 4, "a")
    look(watcher)
    assert [rows(watcher.database, table) for table in (FACT, DAY, RAISED)] == [5, 2, 1]
    clock.advance(days=100)
    read("b")
    look(watcher)
    assert [rows(watcher.database, table) for table in (FACT, DAY, RAISED)] == [1, 2, 1]
    # The one that is left says that nobody has signed this log.
    assert rows(watcher.database, POSITION) == 1


def test_the_line_for_the_operator_names_nobody(
    watcher: Watcher, read: Append, caplog: pytest.LogCaptureFixture
) -> None:
    read(*[None] * 4)
    read("a", "b", "c", case="17", officer="officer-2")
    with caplog.at_level(logging.WARNING, logger="throughcare.watcher"):
        assert len(look(watcher)) == 2
    assert "alert guesses, severity high: entry " in caplog.text
    assert "centre" not in caplog.text
    assert "officer" not in caplog.text
    # Rules that are for auditors alone are told to nobody else.
    assert "one-case" not in caplog.text


def test_the_loop_looks_and_goes_on_after_a_failure(
    watcher: Watcher, read: Append, caplog: pytest.LogCaptureFixture
) -> None:
    tries = iter([True])

    def house() -> House:
        if next(tries, False):
            raise ValueError("a planted name")
        return watcher.house()

    read(*[None] * 4)

    async def run() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(replace(watcher, house=house).run(stop))
        async with asyncio.timeout(60):
            while not await watcher.database.read(memory.position):  # noqa: ASYNC110 - it looks into a table
                await asyncio.sleep(0.01)
            stop.set()
            await task

    asyncio.run(run())
    assert "the access log could not be watched: ValueError" in caplog.text
    assert "planted" not in caplog.text
    assert len(look(watcher)) == 1
    assert rows(watcher.database, HEAD) == 1


def test_who_writes_more_than_one_round_looks_at_is_not_left_ahead(
    watcher: Watcher, read: Append, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "AT_ONCE", 1)
    monkeypatch.setattr(watching, "LOOKS", 2)
    monkeypatch.setattr(watching, "PAUSE", 0.01)
    read(*[None] * 20)

    async def run() -> None:
        stop = asyncio.Event()
        assert await watcher.round()
        task = asyncio.create_task(replace(watcher, interval=0.3).run(stop))
        async with asyncio.timeout(2.4):  # nine intervals are more
            while await watcher.database.read(memory.position) < 20:  # noqa: ASYNC110 - it looks into a table
                await asyncio.sleep(0.01)
        stop.set()
        await task

    asyncio.run(run())


def test_the_first_look_at_an_empty_log_writes_nothing(watcher: Watcher) -> None:
    assert look(watcher) == []
    assert rows(watcher.database, POSITION) == 0
