"""Nothing leaves whose record cannot be made durable, and the service recovers by itself.

The failures are the database's own: a constraint that breaks at COMMIT, a trigger that refuses
an entry, a file that may not grow.
"""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any, cast

import httpx
import pytest
from sqlalchemy import event

from app.access_log.vocabulary import Operation
from app.capacity import Capacity
from app.problems import Overloaded
from tests import broken_log
from tests.api.exchange import Exchange, Speaker, is_problem
from tests.broken_log import AT_COMMIT, AT_ONCE, WHOLE_TRANSACTION, How

NAME = {"full_name": {"value": {"family": "Markfamily", "given": ["Markgiven"]}}}
NEED = {"employment_need": {"value": "job_search"}}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def person(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison, {"identity": NAME})


@contextmanager
def broken(exchange: Exchange, how: How) -> Iterator[None]:
    with broken_log.broken(exchange.world.owner, how):
        yield


def tells_nothing(answer: httpx.Response) -> None:
    is_problem(answer, 503, "unavailable")
    assert "etag" not in answer.headers
    assert "disclosure-entry" not in answer.headers
    assert "Mark" not in answer.text
    assert "Mark" not in str(answer.headers)


@pytest.mark.parametrize("how", [AT_COMMIT, AT_ONCE, WHOLE_TRANSACTION])
def test_an_answer_whose_record_fails_is_503_without_data(
    exchange: Exchange,
    prison: Speaker,
    person: str,
    how: How,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = prison.get(person)
    before, recorded = exchange.stored(), len(exchange.entries())
    police = exchange.agency("police_local", municipalities=("XK-PEJA",))
    unknown = exchange.refer(prison, person, police)
    recorded = len(exchange.entries())
    before = exchange.stored()
    with broken(exchange, how):
        tells_nothing(prison.get(person))
        tells_nothing(prison.get(person, if_none_match=good.headers["etag"]))
        tells_nothing(prison.call("GET", "/v1/cases"))
        tells_nothing(prison.put(person, {"needs": NEED}, if_match="*"))
        tells_nothing(prison.put("NOT-STORED", {"needs": NEED}))
        tells_nothing(prison.put(person, {"sentence": {}}, if_match="*"))
        tells_nothing(
            prison.post("/v1/case-assignments", {"reference": person, "agency": police.id})
        )
        # A refusal that cannot be recorded is not given either.
        tells_nothing(police.get(unknown))
        tells_nothing(police.get("0" * 32))
    assert exchange.stored() == before
    assert len(exchange.entries()) == recorded
    # Nobody restarted anything.
    again = prison.get(person)
    assert (again.status_code, again.content) == (200, good.content)
    assert len(exchange.entries()) == recorded + 1
    assert "Mark" not in service_words(caplog)


def service_words(caplog: pytest.LogCaptureFixture) -> str:
    """What the service itself logged, tracebacks included."""
    ours = ("throughcare", "uvicorn.error", "asyncio", "sqlalchemy")
    return "\n".join(
        caplog.handler.format(record) for record in caplog.records if record.name.startswith(ours)
    )


def fill(capacity: Capacity, client: str) -> int:
    """Let a client wait for as much as it may; how much that is."""
    for number in count():
        try:
            capacity.enter(client, urgent=False)
        except Overloaded:
            return number
    raise AssertionError("there is no bound")


def is_overloaded(answer: httpx.Response) -> None:
    is_problem(answer, 503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    assert "Mark" not in answer.text


def test_where_too_much_waits_an_escape_is_taken_and_all_else_is_told_to_come_again(
    exchange: Exchange, prison: Speaker, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = exchange.world.service.database
    before = exchange.stored()
    assert prison.get(person).status_code == 200  # it has a token
    with monkeypatch.context() as full:
        capacity = Capacity(total=64)
        full.setattr(database, "capacity", capacity)
        assert sum(fill(capacity, f"client-{number}") for number in range(5)) == 56
        is_overloaded(prison.get(person))
        is_overloaded(prison.put(person, {"needs": NEED}, if_match="*"))
        is_overloaded(prison.patch(person, "needs", NEED, if_match="*"))
        path = f"/v1/inmate-files/{person}/events"
        is_overloaded(prison.post(path, {"event": "follow_up_recorded"}))
        assert exchange.world.raw("GET", "/health/ready").status_code == 503
        assert exchange.stored() == before
        assert prison.post(path, {"event": "escaped"}).status_code == 201
        assert prison.patch(person, "release", {}, if_match="*").status_code == 200
        for number in range(4):
            capacity.leave(f"client-{number}")
        assert prison.get(person).status_code == 200


def test_whoever_floods_the_service_keeps_nobody_else_out(
    exchange: Exchange, prison: Speaker, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = exchange.some("oversight_auditor")
    assert prison.get(person).status_code == 200  # it has a token
    with monkeypatch.context() as flooded:
        capacity = Capacity(total=64)
        flooded.setattr(exchange.world.service.database, "capacity", capacity)
        assert fill(capacity, f"{prison.id}-1") == 14
        is_overloaded(prison.get(person))
        assert auditor.call("GET", "/v1/access-log/entries").status_code == 200


def test_of_an_import_each_line_that_cannot_be_recorded_is_refused(
    exchange: Exchange, prison: Speaker
) -> None:
    before = exchange.stored()
    body = b'{"reference":"I-1","sections":{}}\n{"reference":"I-2","sections":{}}\n'
    with broken(exchange, AT_COMMIT):
        answer = prison.call(
            "POST",
            "/v1/inmate-files/import",
            content=body,
            headers={"Content-Type": "application/x-ndjson"},
        )
    lines = answer.text.splitlines()
    assert len(lines) == 2
    assert all('"status":"refused","problem":"unavailable"' in line for line in lines)
    assert exchange.stored() == before


def test_an_auditor_gets_no_page_whose_reading_is_not_recorded(exchange: Exchange) -> None:
    auditor = exchange.agency("oversight_auditor")
    assert auditor.call("GET", "/v1/access-log/entries").status_code == 200
    exports, asked = "/v1/access-log/exports", {"format": "csv"}
    made = auditor.post(exports, asked).json()["export_id"]
    assert auditor.call("GET", f"{exports}/{made}/content").status_code == 200
    with broken(exchange, AT_COMMIT):
        tells_nothing(auditor.call("GET", "/v1/access-log/entries"))
        tells_nothing(auditor.call("GET", exports))
        tells_nothing(auditor.post(exports, asked))
        tells_nothing(auditor.call("GET", f"{exports}/{made}/content"))
    assert auditor.call("GET", "/v1/access-log/entries").status_code == 200


def test_of_many_at_once_each_has_its_entry_or_no_answer(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    before = len(exchange.entries(agency_id=prison.id, operation=Operation.DISCLOSURE))
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(prison.get, person) for _ in range(20)]
        with broken(exchange, AT_COMMIT):
            asked += [threads.submit(prison.get, person) for _ in range(20)]
            answers = [one.result() for one in asked]
        answers += list(threads.map(lambda _: prison.get(person), range(10)))
    assert {one.status_code for one in answers} == {200, 503}
    given = {one.headers["disclosure-entry"] for one in answers if one.status_code == 200}
    entries = exchange.entries(agency_id=prison.id, operation=Operation.DISCLOSURE)[before:]
    assert {one.id for one in entries} == given
    assert all(one.status_code == 200 for one in answers[-10:])


def test_a_file_that_may_not_grow_any_more_releases_nothing(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    database = exchange.world.service.database
    if database.engine.dialect.name != "sqlite":
        pytest.skip("a limit of SQLite")
    good = prison.get(person)
    before = len(exchange.entries(agency_id=prison.id))

    def full(connection: sqlite3.Connection, _: object = None) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size for it

    # The writing connection of now, and each that comes after it.
    database.run_blocking(lambda c: full(cast("Any", c.connection.driver_connection)))
    event.listen(database.engine, "connect", full)
    try:
        answers = [prison.get(person) for _ in range(100)]
    finally:
        event.remove(database.engine, "connect", full)
    refused = [one for one in answers if one.status_code != 200]
    assert refused
    for one in refused:
        tells_nothing(one)
    # There is room again. How a disk that was really full is come back from: tests/faults.
    roomy = "PRAGMA max_page_count = 1073741823"
    database.run_blocking(lambda c: cast("Any", c.connection.driver_connection).execute(roomy))
    for _ in range(20):
        answers.append(prison.get(person))
        if answers[-1].is_success:
            break
    given = [one.headers["disclosure-entry"] for one in answers if one.status_code == 200]
    assert answers[-1].content == good.content
    assert [one.id for one in exchange.entries(agency_id=prison.id)[before:]] == given
