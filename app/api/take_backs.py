"""Taking back what was sent about a person, by the custodian; and who has confirmed."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field as Member
from sqlalchemy import Connection

from app.administration import take_backs
from app.administration.take_backs import Asked, Told, What
from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.models import REFERENCE, Model, Moment
from app.api.service import grant_of, perform, service_of
from app.files.catalogue import FIELDS
from app.files.code_lists import listed
from app.house import House, Refusal

router = APIRouter(prefix="/v1/inmate-files/{reference}", tags=["inmate files"])

Reference = Annotated[
    str, Path(pattern=REFERENCE.pattern, description="The caller's own reference.")
]
FieldPath = Annotated[str, listed("Field of the catalogue", " ".join(FIELDS))]


class NewTakeBack(Model):
    """What is taken back: fields, as far as they were sent since a moment, or ever.

    `safety`: somebody's safety hangs on it, so that an answer is due within a day.
    """

    what: Literal["corrected", "restricted", "erased", "sent_in_error"]
    fields: Annotated[list[FieldPath], Member(min_length=1, max_length=len(FIELDS))]
    since: Moment | None = None
    safety: bool = False


class TakeBack(Model):
    """How one agency stands to what it is to give back.

    `notices` and `reads` are how many it got. One that is not `reachable` has no endpoint: it
    has to be told by hand. `confirmed_at`: it has signed that it did so.
    """

    event: Literal[
        "record_corrected",
        "record_restricted",
        "record_erased",
        "recall",
        "retraction",
        "closure",
    ]
    agency: str
    ordered_at: datetime
    due_at: datetime
    notices: int
    reads: int
    reachable: bool
    sent_at: datetime | None
    confirmed_at: datetime | None
    overdue: bool


class TakeBacks(Model):
    """One for each agency and message, the oldest first."""

    take_backs: list[TakeBack]


@router.post(
    "/take-back",
    summary="Take back what was sent, from exactly those who received it",
    status_code=201,
    openapi_extra=accepts(NewTakeBack, JSON),
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
    response_model=TakeBacks,
)
async def take_back(request: Request, reference: Reference) -> Response:
    """By the custodian. Past recipients, by notice or by reading, are told by the ids alone."""
    grant_of(request)
    limit = service_of(request).settings.body_limit
    given = await read_model(request, NewTakeBack, limit=limit)
    asked = Asked(
        what=What(given.what), fields=tuple(given.fields), since=given.since, safety=given.safety
    )

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> list[Told] | Refusal:
        return take_backs.take_back(connection, house, caller, reference, asked, at=at)

    return json_answer(_shown(await perform(request, door)), 201)


@router.get(
    "/take-backs",
    summary="What was taken back, and who has confirmed",
    responses=problems(400, 401, 403, 404, 422, 503),
    response_model=TakeBacks,
)
async def list_take_backs(request: Request, reference: Reference) -> Response:
    """Recalls of consents, corrections, retractions and closures: sent, confirmed, overdue."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> list[Told] | Refusal:
        return take_backs.listed(connection, house, caller, reference, at=at)

    return json_answer(_shown(await perform(request, door)))


def _shown(told: list[Told]) -> dict[str, object]:
    return {"take_backs": [one.to_json() for one in told]}
