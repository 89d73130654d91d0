"""Events that a prison reports or decides itself, beside what its files say."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field as Member
from sqlalchemy import Connection

from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.models import REFERENCE, Identifier, Model, Moment
from app.api.service import grant_of, perform, service_of
from app.files.catalogue import SECTIONS
from app.files.code_lists import listed
from app.house import House, Refusal
from app.intake.report_event import REPORTED, Report, Reported, report_event
from app.releases.events import EVENTS, Priority

router = APIRouter(prefix="/v1/inmate-files", tags=["inmate files"])

# The table and the catalogue name them, and nobody else.
EventName = Annotated[str, listed("Event that a prison reports", " ".join(REPORTED))]
SectionName = Annotated[str, listed("Section of the file", " ".join(SECTIONS))]


class NewEvent(Model):
    """An event of a person in the caller's keeping, with what its type needs.

    `agency` where the recipient is named: a contribution asked for, a visit. `sections` where a
    contribution is asked for. `next_of_kin_informed` with a death: before, only the court hears.
    """

    event: EventName
    agency: Identifier | None = None
    sections: Annotated[list[SectionName], Member(max_length=len(SECTIONS))] = Member(
        default_factory=list
    )
    occurred_at: Moment | None = None
    next_of_kin_informed: bool = False


class RecordedEvent(Model):
    """An event that is on record. Who is told of it, and with what, the policy decides."""

    event: EventName


@router.post(
    "/{reference}/events",
    summary="Report or decide an event that no field of the file says",
    status_code=201,
    openapi_extra=accepts(NewEvent, JSON),
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    response_model=RecordedEvent,
)
async def post_event(
    request: Request,
    reference: Annotated[
        str, Path(pattern=REFERENCE.pattern, description="The caller's own reference.")
    ],
) -> Response:
    """By the custodian of the file: a leave that began, an escape, a death, a visit granted."""
    grant_of(request)
    limit = service_of(request).settings.body_limit
    asked = await read_model(request, NewEvent, limit=limit)
    report = Report(
        event=asked.event,
        agency=asked.agency,
        sections=tuple(asked.sections),
        occurred_at=asked.occurred_at,
        next_of_kin_informed=asked.next_of_kin_informed,
    )

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Reported | Refusal:
        return report_event(connection, house, caller, reference, report, at=at)

    urgent = EVENTS[asked.event].priority is Priority.IMMEDIATE
    return json_answer(asdict(await perform(request, door, urgent=urgent)), 201)
