"""The access log for auditors: entries and explanations."""

import hashlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy import Connection

from app.access_log.query import EntryFilter
from app.agencies.tokens import Caller
from app.api.answers import JSON, json_answer
from app.api.contract import problems
from app.api.models import DecisionExplanation, LogFilters, LogPage, LogQuery
from app.api.service import Service, perform, service_of
from app.audit.explain_decision import explain_decision
from app.audit.read_log import Page, Search, may_read, permit_and_record, search
from app.house import House, Refusal
from app.problems import NotFound

router = APIRouter(tags=["access log"])


@router.get(
    "/v1/access-log/entries",
    summary="Who received what, when and why",
    responses=problems(400, 401, 403, 422, 503),
    response_model=LogPage,
)
async def list_entries(request: Request, query: Annotated[LogQuery, Query()]) -> Response:
    """Entries in the order of the log, pinned to one tree size. The read is an entry itself."""
    service = service_of(request)
    asked = Search(
        filters=filters_of(service, query),
        after=query.after,
        limit=query.limit,
        tree_size=query.tree_size,
    )
    await require_auditor(request)
    page = await service.database.read(lambda c: search(c, service.house, asked))
    return json_answer(await _release(request, asked, page))


@router.get(
    "/v1/access-log/entries/{entry_id}/explanation",
    summary="Why a recorded decision was as it was",
    responses=problems(400, 401, 403, 404, 422, 503),
    response_model=DecisionExplanation,
)
async def explain_entry(
    request: Request,
    entry_id: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="As entries name it.")],
) -> Response:
    """Which condition of which policy was met, in words and without values. An entry itself."""
    service = service_of(request)
    await require_auditor(request)
    body = await service.database.read(lambda c: explain_decision(c, service.house, entry_id))
    answered = {} if body is None else {"length": len(body), "sha256": _sha256(body)}
    await _record(request, {"explanation": entry_id}, answered)
    if body is None:
        raise NotFound("no decision is recorded under this id")
    return Response(body, media_type=JSON)


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def filters_of(service: Service, asked: LogFilters) -> EntryFilter:
    """The filters as the log takes them: a person by the keyed index."""
    keys = service.house.log_keys()
    return EntryFilter(
        agency_id=asked.agency,
        client_id=asked.client,
        officer_id=asked.officer,
        subject_index=None if asked.person is None else keys.subject_index(asked.person),
        operation=asked.operation,
        channel=asked.channel,
        outcome=asked.outcome,
        purpose=asked.purpose,
        legal_basis=asked.legal_basis,
        field=asked.field,
        since=asked.since,
        until=asked.until,
    )


async def require_auditor(request: Request) -> None:
    """Refuse, on record, before anything is read."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        if may_read(house, caller, at=at):
            return None
        return permit_and_record(connection, house, caller, asked={}, answered={}, at=at)

    await perform(request, door)


async def _release(request: Request, asked: Search, page: Page) -> dict[str, Any]:
    """Record what was asked and which entries were shown; then they may leave."""
    shown = [entry.index for entry in page.entries]
    await _record(
        request,
        {
            "filters": asked.filters.stated(),
            "after": asked.after,
            "limit": asked.limit,
        },
        {"tree_size": page.tree_size, "entries": shown},
    )
    return {
        "tree_size": page.tree_size,
        "entries": [
            {
                "index": entry.index,
                "id": entry.id,
                "sections": entry.sections,
                "missing": dict(entry.missing),
            }
            for entry in page.entries
        ],
        "searched_to": page.searched_to,
        "next": page.next,
    }


async def _record(request: Request, asked: dict[str, Any], answered: dict[str, Any]) -> None:
    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return permit_and_record(connection, house, caller, asked=asked, answered=answered, at=at)

    await perform(request, door)
