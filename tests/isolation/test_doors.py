"""Every route for every role, over HTTP: who may gets its success, who may not learns nothing."""

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from app.api.answers import HEADERS
from app.api.application import make_application
from tests.api.exchange import is_problem, without_date
from tests.broken_log import AT_COMMIT, FULL, broken, overflowing
from tests.effort import EFFORT
from tests.isolation.doors import (
    ALL,
    DESK,
    DOORS,
    FIRST_LEAF,
    NO_ID,
    NO_TILE,
    OFF_RECORD,
    PUBLIC,
    Door,
)
from tests.isolation.stage import CUSTODIAN, FILE, NOBODY, Party, Stage
from tests.isolation.views import sees
from tests.world import World

CONTRACT = make_application().openapi()["paths"]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in CONTRACT.items()
    for method, operation in operations.items()
}
PROTECTED = {name.decode() for name, _ in HEADERS}
FAMILY = str(FILE["identity"]["full_name"]["value"]["family"])
NDJSON = "application/x-ndjson"
PROBATION = "probation_service"
IMPORT = "POST /v1/inmate-files/import"
# What is read and not recorded does not wait for the writer.
MATRIX = "GET /v1/policy/matrix"
EVERYBODY = ALL | DESK
# By whether a door is the registry's.
OPEN_TO = {True: DESK, False: ALL, None: EVERYBODY}


def some(stage: Stage, name: str, labels: Iterable[str]) -> list[str]:
    """A quarter of these on PostgreSQL, another one at each door; the others on SQLite."""
    ordered = sorted(labels)
    if EFFORT > 1:  # make fuzz tries all of them on both
        return ordered
    quarter = ordered[list(DOORS).index(name) % 4 :: 4]
    if stage.exchange.world.settings.database_url.startswith("postgresql"):
        return quarter
    return [label for label in ordered if label not in quarter]


def behind(name: str, stage: Stage, party: Party) -> dict[str, str]:
    """The path parameters of something that is there."""
    return {"reference": party.reference, **DOORS[name].target(stage, party)}


def nowhere(target: dict[str, str]) -> dict[str, str]:
    """The path parameters of something that is not."""
    named = {"reference": NOBODY, "section": target.get("section", ""), "place": NO_TILE}
    return {parameter: named.get(parameter, NO_ID) for parameter in target}


def prepared(
    name: str, stage: Stage, party: Party, target: dict[str, str], door: Door | None = None
) -> Callable[[], httpx.Response]:
    """Asks at this door, or at another one in its place; all that it takes is there before."""
    method, _, path = name.partition(" ")
    door = door or DOORS[name]
    options: dict[str, Any] = {"headers": dict(door.headers)}
    if door.content is not None:
        options["json"] = door.content(stage, party)
        if NDJSON in OPERATIONS[name]["requestBody"]["content"]:
            options["headers"]["Content-Type"] = NDJSON
    by = party.in_person(stage) if door.in_person else party
    return lambda: by.speaker.call(method, path.format(**target), **options)


def knock(
    name: str, stage: Stage, party: Party, target: dict[str, str], door: Door | None = None
) -> httpx.Response:
    """What this party gets at this door, or at another one in its place."""
    answer = prepared(name, stage, party, target, door)()
    assert set(answer.headers) >= PROTECTED
    # A refusal holds nothing of anybody.
    assert answer.is_success or FAMILY not in answer.text
    return answer


def successes(name: str) -> set[int]:
    """The statuses that the contract calls a success."""
    return {int(status) for status in OPERATIONS[name]["responses"] if status.startswith("2")}


def purpose_opens(door: Door, party: Party) -> bool:
    """Whether what the party calls for is what the door is for."""
    looks_after_registry = party.label.removeprefix("strange ") in DESK
    return door.registry is None or door.registry is looks_after_registry


def expected(stage: Stage, door: Door, party: Party) -> int | None:
    """The refusal that this party is to get, or None for a success."""
    if not purpose_opens(door, party):
        return 403
    if party.label in door.may or (door.seers and sees(stage, party)):
        return None
    if party.label in door.told:
        return door.told[party.label]
    if door.known == "as seen":
        return 403 if not door.seers and sees(stage, party) else 404
    return door.known


def test_every_route_of_the_contract_has_a_line_in_the_table() -> None:
    secured = {name for name, operation in OPERATIONS.items() if "security" in operation}
    assert secured == set(DOORS), "a route has no line in tests/isolation/doors.py"
    assert set(OPERATIONS) - secured == set(PUBLIC)
    for name, door in DOORS.items():
        assert door.may <= OPEN_TO[door.registry]
        assert door.strangers_may <= OPEN_TO[door.registry]
        assert door.may or door.seers or door.elsewhere, name


@pytest.mark.parametrize("name", DOORS)
def test_without_a_token_no_door_opens(world: World, name: str) -> None:
    method, _, path = name.partition(" ")
    filled = path.replace("{reference}", "P-1").replace("{section}", "needs")
    filled = filled.replace("{place}", FIRST_LEAF)
    while "{" in filled:
        filled = f"{filled[: filled.index('{')]}{NO_ID}{filled[filled.index('}') + 1 :]}"
    is_problem(world.raw(method, filled), 401, "unauthenticated")


def in_the_log(stage: Stage) -> str:
    """The entry of a disclosure to the custodian, once a checkpoint covers it."""
    entry_id = stage.custodian.speaker.get(stage.custodian.reference).headers["disclosure-entry"]
    deadline = time.monotonic() + 30
    while stage.exchange.world.raw("GET", f"/log/proof/{entry_id}").status_code == 404:
        assert time.monotonic() < deadline, "no checkpoint covered the entry"
        time.sleep(0.02)
    return entry_id


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_says_nothing_of_anybody(stage: Stage, name: str) -> None:
    method, _, path = name.partition(" ")
    there = {"level": "0", "place": FIRST_LEAF, "entry_id": in_the_log(stage)}
    answer = stage.exchange.world.raw(method, path.format(**there))
    assert answer.status_code == PUBLIC[name]
    assert stage.custodian.id not in answer.text


@pytest.mark.parametrize("name", DOORS)
def test_who_may_gets_in_and_who_may_not_is_told_the_rule_or_nothing(
    stage: Stage, name: str
) -> None:
    door = DOORS[name]
    shut = {one: told for one in EVERYBODY if (told := expected(stage, door, stage.party(one)))}
    wrong: dict[str, tuple[int, object, str]] = {}
    # What does not open changes nothing, so that all of them may stand before the same.
    common = behind(name, stage, stage.custodian)
    for label in some(stage, name, shut):
        party, told = stage.party(label), shut[label]
        own = behind(name, stage, party) if "{reference}" in name else common
        answer = knock(name, stage, party, own)
        if answer.status_code != told:
            wrong[label] = (answer.status_code, told, answer.text[:200])
    for label in some(stage, name, EVERYBODY - shut.keys()):
        party = stage.party(label)
        answer = knock(name, stage, party, behind(name, stage, party))
        if answer.status_code not in successes(name):
            wrong[label] = (answer.status_code, successes(name), answer.text[:200])
    assert not wrong


@pytest.mark.parametrize("name", [name for name, door in DOORS.items() if door.in_person])
def test_a_door_for_proven_officers_is_shut_to_one_who_is_only_named(
    stage: Stage, name: str
) -> None:
    named = replace(DOORS[name], in_person=False)
    for label in sorted(named.may):
        party = stage.party(label)
        answer = knock(name, stage, party, behind(name, stage, party), named)
        is_problem(answer, 403, "forbidden")


@pytest.mark.parametrize("name", DOORS)
def test_to_strangers_somebody_looks_like_nobody(stage: Stage, name: str) -> None:
    door = DOORS[name]
    wrong = {}
    there = behind(name, stage, stage.strangers[PROBATION])
    for role in some(stage, name, stage.strangers):
        party = stage.strangers[role]
        answer = knock(name, stage, party, there)
        if role in door.strangers_may:
            assert answer.status_code in successes(name), (role, answer.text)
            continue
        empty = knock(name, stage, party.naming_nobody(), nowhere(there))
        told = door.told.get(party.label, door.strange) if purpose_opens(door, party) else 403
        if without_date(answer) != without_date(empty) or answer.status_code != told:
            wrong[role] = (answer.status_code, empty.status_code, answer.text[:200])
    assert not wrong


def test_no_door_remembers_whom_it_refused(stage: Stage) -> None:
    def remembered() -> int:
        gc.collect()
        return sum(isinstance(one, Request) for one in gc.get_objects())

    stranger = stage.strangers[PROBATION]
    asks = {
        name: prepared(
            name, stage, stranger.naming_nobody(), nowhere(behind(name, stage, stranger))
        )
        for name in DOORS
    }
    gc.collect()
    gc.freeze()  # what is there already need not be looked through again and again
    try:
        for name, ask in asks.items():
            for _ in range(3):
                ask()
            # A connection that stays open holds its last one.
            assert remembered() <= 1, name
    finally:
        gc.unfreeze()


def withheld(name: str, answer: httpx.Response) -> bool:
    """Whether nothing left by this door, and its caller was told to come again."""
    if name == IMPORT and answer.is_success:
        lines = answer.text.splitlines()
        return bool(lines) and all('"status":"refused"' in line for line in lines)
    assert FAMILY not in answer.text
    return answer.status_code == 503 and not {"etag", "disclosure-entry"} & {*answer.headers}


def test_no_door_gives_what_cannot_be_recorded_and_each_opens_again(stage: Stage) -> None:
    database, owner = stage.exchange.world.service.database, stage.exchange.world.owner
    names = list(DOORS)
    if EFFORT == 1 and database.engine.dialect.name == "postgresql":
        names = names[::6]  # all of them on SQLite; make fuzz tries all on both
    knocks = {}
    for name in names:
        may = DOORS[name].may
        party = stage.party(CUSTODIAN if CUSTODIAN in may or not may else min(may))
        knocks[name] = prepared(name, stage, party, behind(name, stage, party))
    for fault in (broken(owner, AT_COMMIT), broken(owner, FULL)):
        with fault:
            answers = {name: knocks[name]() for name in names}
        given = [name for name, answer in answers.items() if not withheld(name, answer)]
        assert [name for name in given if name not in OFF_RECORD] == []
    with overflowing(database):
        answers = {name: knocks[name]() for name in names if name != MATRIX}
    assert [name for name, answer in answers.items() if not withheld(name, answer)] == []
    assert all("retry-after" in answer.headers for answer in answers.values())
    # Nobody restarted anything.
    answers = {name: knocks[name]() for name in names if not DOORS[name].elsewhere}
    assert {n: a.text for n, a in answers.items() if a.status_code not in successes(n)} == {}
