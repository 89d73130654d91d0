"""Exports that an auditor asks for: at once or as a job, proven row by row, for nobody else."""

import asyncio
import csv
import hashlib
import io
import json
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent
from sqlalchemy import Connection, select
from starlette.types import Message

from app.access_log import kept_exports
from app.access_log.kept_exports import MOST_KEPT, PART, NewExport, Part, State
from app.access_log.query import EntryFilter
from app.access_log.vocabulary import Operation
from app.api.log_exports import Content
from app.audit import exports
from app.policy.roles import ROLE_PURPOSES
from tests.access_log.inclusion import proven
from tests.api.exchange import (
    Exchange,
    Speaker,
    exchange_in,
    is_problem,
    sections_of,
    without_convictions,
)
from tests.conftest import BOTH, empty_database
from tests.world import World, running_world

EXPORTS = "/v1/access-log/exports"
AT_ONCE = 30

Rows = list[tuple[bytes, str]]


@pytest.fixture(scope="module", params=BOTH)
def exchange(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exchange]:
    folder = tmp_path_factory.mktemp("world")
    url = empty_database(request.param, request, folder)
    with (
        running_world(url, folder, export_rows_at_once=AT_ONCE) as world,
        exchange_in(world) as exchange,
    ):
        yield exchange


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def probation(exchange: Exchange, prison: Speaker) -> Speaker:
    """Somebody who reads a file, so often that the log has more than what is done at once."""
    probation = exchange.agency("probation_service")
    sections = without_convictions(sections_of("correctional_service", seed=8))
    reference = exchange.refer(prison, exchange.person(prison, sections), probation)
    for _ in range(AT_ONCE):
        probation.get(reference)
    return probation


@pytest.fixture(scope="module")
def auditor(exchange: Exchange, probation: Speaker) -> Speaker:
    assert probation
    auditor = exchange.agency("oversight_auditor")
    settle(exchange.world, len(exchange.entries()))
    return auditor


@pytest.fixture
def made(auditor: Speaker) -> Iterator[Callable[..., dict[str, Any]]]:
    """Makes an export; each is deleted at the end, as a client has a few at most."""
    ids = []

    def make(status: int = 201, export_format: str = "jsonl", **filters: str) -> dict[str, Any]:
        answer = auditor.post(EXPORTS, {"format": export_format, "filters": filters})
        assert answer.status_code == status, answer.text
        document: dict[str, Any] = answer.json()
        ids.append(document["export_id"])
        assert answer.headers["location"] == f"{EXPORTS}/{ids[-1]}"
        return document

    yield make
    for one in ids:
        auditor.call("DELETE", f"{EXPORTS}/{one}")


def settle(world: World, size: int) -> None:
    """Until a checkpoint covers so many entries."""
    while int(world.raw("GET", "/log/checkpoint").text.split("\n")[1]) < size:
        time.sleep(0.02)


def content_of(auditor: Speaker, document: dict[str, Any]) -> bytes:
    answer = auditor.call("GET", f"{EXPORTS}/{document['export_id']}/content")
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    return answer.content


def rows_of_json(content: bytes, document: dict[str, Any]) -> Rows:
    head, *lines = map(json.loads, content.splitlines())
    assert head["checkpoint"] == document["checkpoint"]
    assert head["size"] == document["tree_size"]
    return [(line["leaf"].encode(), line["proof"]) for line in lines]


def rows_of_csv(content: bytes, document: dict[str, Any]) -> Rows:
    assert content.endswith(b"\r\n")
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
    assert len(rows) == document["entries"]
    return [(b64decode(row["leaf"]), b64decode(row["proof"]).decode()) for row in rows]


def rows_of_fhir(content: bytes, document: dict[str, Any]) -> Rows:
    rows = []
    for line in content.splitlines():
        AuditEvent.model_validate_json(line)
        event = json.loads(line)
        own = {one["url"]: one.get("valueBase64Binary", "") for one in event["extension"]}
        proof = b64decode(own["urn:throughcare:proof"]).decode()
        assert proof.endswith(document["checkpoint"])
        rows.append((b64decode(own["urn:throughcare:leaf"]), proof))
    return rows


FORMATS = {"jsonl": rows_of_json, "csv": rows_of_csv, "fhir": rows_of_fhir}


@pytest.mark.parametrize("export_format", FORMATS)
def test_every_row_of_an_export_proves_itself_in_every_format(
    exchange: Exchange,
    auditor: Speaker,
    prison: Speaker,
    made: Callable[..., dict[str, Any]],
    export_format: str,
) -> None:
    document = made(export_format=export_format, agency=prison.id)
    assert document["state"] == State.FINISHED
    content = content_of(auditor, document)
    assert document["sha256"] == hashlib.sha256(content).hexdigest()
    rows = FORMATS[export_format](content, document)
    of_prison = exchange.entries(agency_id=prison.id)
    assert [proven(leaf, proof) for leaf, proof in rows] == [one.index for one in of_prison]
    assert [leaf for leaf, _ in rows] == [one.leaf for one in of_prison]


def test_a_large_export_is_a_job_that_tells_how_far_it_is(
    auditor: Speaker, made: Callable[..., dict[str, Any]]
) -> None:
    document = made(202)
    path = f"{EXPORTS}/{document['export_id']}"
    assert (document["state"], document["done"]) == (State.WAITING, 0)
    assert document["total"] == document["tree_size"] > AT_ONCE
    is_problem(auditor.call("GET", f"{path}/content"), 409, "conflict")
    while (document := auditor.call("GET", path).json())["state"] != State.FINISHED:
        time.sleep(0.05)
    assert document["done"] == document["entries"] == document["total"]
    rows = rows_of_json(content_of(auditor, document), document)
    assert [proven(*row) for row in rows] == list(range(document["tree_size"]))


def test_what_a_process_left_half_written_is_taken_up_again(
    exchange: Exchange, auditor: Speaker
) -> None:
    service, at = exchange.world.service, exchange.world.clock()
    house, long_ago = service.house, at - kept_exports.LEASE

    def left(connection: Connection) -> str:
        measured = exports.measure(connection, "csv", EntryFilter())
        new = NewExport(
            export_id=house.new_id(),
            client_id=f"{auditor.id}-1",
            format="csv",
            filters="{}",
            tree_size=measured.tree_size,
            total=measured.total,
        )
        keys, random = house.log_keys(), house.random
        kept_exports.keep(connection, new, keys=keys, random=random, at=at)
        row = kept_exports.claim(connection, new.export_id, random=random, at=long_ago)
        assert row is not None
        half = Part(number=0, content=b"half", looked_at=3, entries=3, opened_with=[])
        content_id = row.content_id
        kept_exports.add_part(connection, content_id, half, keys=keys, random=random, at=long_ago)
        return new.export_id

    path = f"{EXPORTS}/{service.database.run_blocking(left)}"
    while (document := auditor.call("GET", path).json())["state"] != State.FINISHED:
        time.sleep(0.05)
    assert document["done"] == document["entries"] == document["total"]
    assert len(rows_of_csv(content_of(auditor, document), document)) == document["total"]
    assert auditor.call("DELETE", path).status_code == 204


def test_who_received_a_field_is_found_among_all_entries(
    exchange: Exchange, auditor: Speaker, probation: Speaker, made: Callable[..., dict[str, Any]]
) -> None:
    released = "release.planned_release_date"
    document = made(field=released, channel="read", agency=probation.id, operation="disclosure")
    assert document["done"] == document["total"] == document["entries"] == AT_ONCE
    page = auditor.call("GET", "/v1/access-log/entries", params={"field": released, "limit": 2})
    shown = page.json()
    assert [one["sections"]["actor"]["agency"] for one in shown["entries"]] == [probation.id] * 2
    assert shown["searched_to"] == shown["next"] + 1 == shown["entries"][-1]["index"] + 1
    never = {"field": "identity.no_such_field", "limit": 2}
    nothing = auditor.call("GET", "/v1/access-log/entries", params=never).json()
    assert (nothing["entries"], nothing["next"]) == ([], None)
    assert nothing["searched_to"] == nothing["tree_size"]
    last = exchange.entries(agency_id=auditor.id)[-1].sections["fields"]
    assert last["filters"] == {"field": "identity.no_such_field"}


def test_each_export_and_each_fetch_is_an_entry_with_its_purpose(
    exchange: Exchange, auditor: Speaker, prison: Speaker, made: Callable[..., dict[str, Any]]
) -> None:
    before = len(exchange.entries(agency_id=auditor.id))
    document = made(export_format="csv", agency=prison.id)
    content = content_of(auditor, document)
    asked, fetched = exchange.entries(agency_id=auditor.id)[before:]
    for one in (asked, fetched):
        assert one.sections["circumstances"]["operation"] == Operation.LOG_READ
        assert one.sections["grounds"]["purpose"] == ROLE_PURPOSES["oversight_auditor"][0]
    assert asked.sections["fields"] == {
        "export": document["export_id"],
        "format": "csv",
        "filters": {"agency_id": prison.id},
    }
    assert fetched.sections["payload"] == {
        "length": len(content),
        "sha256": document["sha256"],
        "rows": document["entries"],
    }


def test_an_export_of_somebody_else_is_none(
    exchange: Exchange, auditor: Speaker, prison: Speaker, made: Callable[..., dict[str, Any]]
) -> None:
    document = made(agency=prison.id)
    other = exchange.agency("oversight_auditor")
    for way in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        method, rest = way
        there = other.call(method, f"{EXPORTS}/{document['export_id']}{rest}")
        nowhere = other.call(method, f"{EXPORTS}/{'0' * 32}{rest}")
        is_problem(there, 404, "not-found")
        assert there.content == nowhere.content
    assert content_of(auditor, document)


def test_a_client_has_a_few_exports_and_what_is_deleted_is_gone(
    auditor: Speaker, prison: Speaker, made: Callable[..., dict[str, Any]]
) -> None:
    kept = [made(agency=prison.id, operation="collection") for _ in range(MOST_KEPT)]
    body = {"format": "jsonl", "filters": {"agency": prison.id}}
    is_problem(auditor.post(EXPORTS, body), 409, "conflict")
    path = f"{EXPORTS}/{kept[0]['export_id']}"
    assert auditor.call("DELETE", path).status_code == 204
    is_problem(auditor.call("GET", path), 404, "not-found")
    is_problem(auditor.call("DELETE", path), 404, "not-found")
    made(agency=prison.id)


def test_nothing_of_an_export_stands_in_the_database_in_clear(
    exchange: Exchange, auditor: Speaker, prison: Speaker, made: Callable[..., dict[str, Any]]
) -> None:
    document = made(agency=prison.id)
    assert prison.id.encode() in content_of(auditor, document)
    database = exchange.world.service.database
    sealed = database.read_blocking(lambda c: c.scalars(select(PART.c.sealed)).all())
    assert sealed
    assert not any(prison.id.encode() in one or b"circumstances" in one for one in sealed)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"format": "pdf"},
        {"format": "log", "filters": {"agency": "a"}},
        {"format": "csv", "filters": {"agencies": "a"}},
        {"format": "csv", "filters": {"since": "yesterday"}},
        {"format": "csv", "filters": {"field": "identity"}},
        {"format": "csv", "purpose": "curiosity"},
    ],
)
def test_a_bad_request_for_an_export_is_refused(auditor: Speaker, body: object) -> None:
    is_problem(auditor.post(EXPORTS, body), 422, "invalid-input")


def test_a_log_that_is_too_long_for_one_answer_is_a_job_too(
    auditor: Speaker, made: Callable[..., dict[str, Any]]
) -> None:
    is_problem(auditor.call("GET", EXPORTS), 409, "conflict")
    assert made(202, export_format="log")["total"] > AT_ONCE


def test_an_answer_that_is_broken_off_is_cleaned_up_after() -> None:
    ended: list[bool] = []

    async def parts() -> AsyncIterator[bytes]:
        yield b"part"
        await asyncio.Event().wait()

    async def send(_: Message) -> None:
        await asyncio.sleep(0)

    async def broken_off(after: float) -> None:
        async def client_goes_away() -> Message:
            await asyncio.sleep(after)
            return {"type": "http.disconnect"}

        answer = Content(parts(), then=lambda: ended.append(True), media_type="a/b", length=9)
        await answer({"type": "http"}, client_goes_away, send)

    for after in (0, 0.01):  # before its first byte, and amid it
        asyncio.run(broken_off(after))
    assert ended == [True, True]


def test_who_may_ask_no_more_for_now_still_learns_where_the_export_is(
    exchange: Exchange, auditor: Speaker, prison: Speaker
) -> None:
    other = exchange.agency("oversight_auditor")
    limit = exchange.world.service.rate_limit
    before = limit.burst, limit.per_minute
    body = {"format": "jsonl", "filters": {"agency": prison.id}}
    assert auditor
    try:
        limit.burst, limit.per_minute = 2, 1  # two doors
        made = other.post(EXPORTS, body)
        assert made.status_code == 201, made.text
    finally:
        limit.burst, limit.per_minute = before
    assert made.headers["location"].startswith(EXPORTS)
