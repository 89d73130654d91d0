"""Exports of the access log: made at once where they are small, else as a job; fetched in parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection, Row
from starlette.types import Receive, Scope, Send

from app.access_log import checkpoints, kept_exports
from app.access_log.kept_exports import State
from app.access_log.query import EntryFilter
from app.agencies.tokens import Caller
from app.api.access_log import filters_of, require_auditor
from app.api.answers import json_answer
from app.api.body import JSON, NDJSON, read_model
from app.api.contract import accepts, problems
from app.api.models import Export, NewExport
from app.api.service import Service, perform, service_of
from app.audit import exports
from app.audit.exporter import WHOLE_LOG, Exporter
from app.audit.exports import Measured
from app.house import House, Refusal
from app.problems import Conflict, ThroughcareError

router = APIRouter(tags=["access log"])


class Content(StreamingResponse):
    """Parts of an export. `then` is called at the end, also where the client goes away before.

    It must not wait for anything: what waits in an answer that is broken off is broken off too.
    """

    def __init__(
        self, parts: AsyncIterator[bytes], *, then: Callable[[], None], media_type: str, length: int
    ) -> None:
        headers = {"Content-Length": str(length)}
        super().__init__(parts, media_type=media_type, headers=headers)
        self._then = then

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the parts."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._then()


CSV, FHIR = "text/csv; charset=utf-8; header=present", "application/fhir+ndjson"
MEDIA_TYPES = {WHOLE_LOG: NDJSON, "jsonl": NDJSON, "csv": CSV, "fhir": FHIR}
# A client waits five seconds for an answer (app/receiver/exchange.py).
AT_ONCE_SECONDS = 3.0

ExportId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="As Location named it.")]


@router.post(
    "/v1/access-log/exports",
    summary="Export entries of the access log with their proofs",
    status_code=201,
    responses={
        202: {"model": Export, "description": "A job that goes on"},
        **problems(400, 401, 403, 409, 413, 415, 422, 503),
    },
    response_model=Export,
    openapi_extra=accepts(NewExport, JSON),
)
async def create_export(request: Request) -> Response:
    """A finished export (201), or one that is still written (202). An entry itself."""
    service = service_of(request)
    await require_auditor(request)
    asked = await read_model(request, NewExport, limit=service.settings.body_limit)
    measured = await _measure(service, asked.format, filters_of(service, asked.filters))
    at_once = measured.total <= service.settings.export_rows_at_once
    kept = await _keep(request, measured, at_once=at_once)
    if at_once:
        writing = asyncio.create_task(_write(service, kept, service.stopping.is_set))
        await asyncio.wait({writing}, timeout=AT_ONCE_SECONDS)
        kept = await service.database.read(
            lambda c: exports.own(c, kept.client_id, kept.export_id, at=service.clock())
        )
    answer = await _shown(service, kept, 201 if kept.state == State.FINISHED else 202)
    answer.headers["Location"] = f"/v1/access-log/exports/{kept.export_id}"
    return answer


@router.get(
    "/v1/access-log/exports",
    summary="The whole log up to its newest checkpoint, to be verified without the server",
    responses={
        200: {"content": {NDJSON: {}}, "description": "Lines of JSON"},
        **problems(400, 401, 403, 409, 503),
    },
    response_class=Response,
)
async def export_log(request: Request) -> Response:
    """Leaves, opened sections and hashes of a small log. The export is an entry itself."""
    service = service_of(request)
    await require_auditor(request)
    measured = await _measure(service, WHOLE_LOG, EntryFilter())
    if measured.total > service.settings.export_rows_at_once:
        raise Conflict("the log is too long for one answer: ask for an export of it")
    kept = await _keep(request, measured, at_once=True)
    await _write(service, kept)

    def forget() -> None:
        service.database.submit(lambda c: kept_exports.forget(c, kept.export_id))

    try:
        return await _content(request, kept.export_id, then=forget)
    except ThroughcareError:
        forget()
        raise


@router.get(
    "/v1/access-log/exports/{export_id}",
    summary="How far an export is",
    responses=problems(400, 401, 403, 404, 422, 503),
    response_model=Export,
)
async def get_export(request: Request, export_id: ExportId) -> Response:
    """State and progress, for the client that asked for it."""
    await require_auditor(request)
    return await _shown(service_of(request), await _status(request, export_id))


@router.get(
    "/v1/access-log/exports/{export_id}/content",
    summary="The content of a finished export",
    responses={
        200: {
            "content": {NDJSON: {}, "text/csv": {}, FHIR: {}},
            "description": "Lines of JSON, CSV, or lines of FHIR",
        },
        **problems(400, 401, 403, 404, 409, 422, 503),
    },
    response_class=Response,
)
async def get_export_content(request: Request, export_id: ExportId) -> Response:
    """Each fetch is an entry before it begins."""
    await require_auditor(request)
    return await _content(request, export_id)


@router.delete(
    "/v1/access-log/exports/{export_id}",
    summary="Cancel an export, or delete it",
    status_code=204,
    responses=problems(400, 401, 403, 404, 422, 503),
    response_class=Response,
)
async def delete_export(request: Request, export_id: ExportId) -> Response:
    """What is written of it is gone. An entry itself."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return exports.forget(connection, house, caller, export_id, at=at)

    await perform(request, door)
    return Response(status_code=204)


async def _measure(service: Service, export_format: str, filters: EntryFilter) -> Measured:
    return await service.database.read(lambda c: exports.measure(c, export_format, filters))


async def _keep(request: Request, measured: Measured, *, at_once: bool) -> Row[Any]:
    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Row[Any] | Refusal:
        return exports.ask(connection, house, caller, measured, at_once=at_once, at=at)

    return await perform(request, door)


async def _write(
    service: Service, claimed: Row[Any], broken_off: Callable[[], bool] = lambda: False
) -> None:
    house = service.house
    exporter = Exporter(
        database=service.database,
        keys=house.log_keys(),
        random=house.random,
        clock=service.clock,
    )
    await exporter.attempt(claimed, broken_off)


async def _status(request: Request, export_id: str) -> Row[Any]:
    def door(connection: Connection, _: House, caller: Caller, at: datetime) -> Row[Any]:
        return exports.own(connection, caller.client_id, export_id, at=at)

    return await perform(request, door)


async def _shown(service: Service, row: Row[Any], status: int = 200) -> Response:
    signed = await service.database.read(lambda c: checkpoints.of_size(c, row.tree_size))
    return json_answer(
        {
            "export_id": row.export_id,
            "format": row.format,
            "state": row.state,
            "tree_size": row.tree_size,
            "checkpoint": "" if signed is None else signed.note,
            "total": row.total,
            "done": row.done,
            "entries": row.entries,
            "length": row.length,
            "sha256": row.sha256,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
        },
        status,
    )


async def _content(
    request: Request, export_id: str, *, then: Callable[[], None] = lambda: None
) -> Response:
    """Record the fetch; then the content, part by part."""
    service = service_of(request)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Row[Any] | Refusal:
        return exports.fetch(connection, house, caller, export_id, at=at)

    row = await perform(request, door)
    media_type = MEDIA_TYPES[row.format]
    return Content(_parts(service, row), then=then, media_type=media_type, length=row.length)


async def _parts(service: Service, row: Row[Any]) -> AsyncIterator[bytes]:
    """The parts; where one is gone the answer breaks off, and its length says so."""
    keys = service.house.log_keys()
    database = service.database
    for number in await database.read(lambda c: kept_exports.part_numbers(c, row.content_id)):
        opened = partial(
            kept_exports.open_part, content_id=row.content_id, number=number, keys=keys
        )
        yield await database.read(opened)
