"""Retention: requests for erasure by two officers of the custodian, and holds."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy import Connection

from app.administration import erasure
from app.administration.erasure import ErasureStatus
from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.models import REFERENCE, Hold, NewErasureRequest, NewHold
from app.api.models import ErasureStatus as ErasureStatusModel
from app.api.service import grant_of, perform, service_of
from app.house import House, Refusal
from app.retention.requests import Ground

router = APIRouter(prefix="/v1/inmate-files/{reference}", tags=["retention"])

Reference = Annotated[str, Path(pattern=REFERENCE.pattern)]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


@router.post(
    "/erasure-request",
    summary="Ask for the erasure of a person",
    status_code=201,
    openapi_extra=accepts(NewErasureRequest, JSON),
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    response_model=ErasureStatusModel,
)
async def ask_for_erasure(request: Request, reference: Reference) -> Response:
    """The first of two officers of the custodian. Nothing is erased yet."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, NewErasureRequest, limit=service.settings.body_limit)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> ErasureStatus | Refusal:
        return erasure.ask(connection, house, caller, reference, ground=Ground(asked.ground), at=at)

    return json_answer(asdict(await perform(request, door)), 201)


@router.post(
    "/erasure-request/approval",
    summary="Approve the erasure of a person, as a second officer",
    responses=problems(400, 401, 403, 404, 409, 422, 503),
    response_model=ErasureStatusModel,
)
async def approve_erasure(request: Request, reference: Reference) -> Response:
    """What is due is erased at once; else when the term has ended and no hold stands."""
    service = service_of(request)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> ErasureStatus | Refusal:
        term = service.settings.retention_days
        return erasure.approve(connection, house, caller, reference, term=term, at=at)

    return json_answer(asdict(await perform(request, door)))


@router.post(
    "/erasure-request/withdrawal",
    summary="Take back a request for erasure",
    status_code=204,
    responses=problems(400, 401, 403, 404, 422, 503),
)
async def withdraw_erasure(request: Request, reference: Reference) -> Response:
    """Any officer of the custodian, until it is carried out."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return erasure.withdraw(connection, house, caller, reference, at=at)

    await perform(request, door)
    return Response(status_code=204)


@router.post(
    "/holds",
    summary="Keep a file beyond its term",
    status_code=201,
    openapi_extra=accepts(NewHold, JSON),
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
    response_model=Hold,
)
async def place_hold(request: Request, reference: Reference) -> Response:
    """While a hold stands nothing of the person is erased."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, NewHold, limit=service.settings.body_limit)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> str | Refusal:
        return erasure.place_hold(connection, house, caller, reference, reason=asked.reason, at=at)

    return json_answer({"hold_id": await perform(request, door)}, 201)


@router.post(
    "/holds/{hold_id}/end",
    summary="End a hold",
    status_code=204,
    responses=problems(400, 401, 403, 404, 422, 503),
)
async def lift_hold(request: Request, reference: Reference, hold_id: Id) -> Response:
    """From now on the term counts again."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return erasure.lift_hold(connection, house, caller, reference, hold_id, at=at)

    await perform(request, door)
    return Response(status_code=204)
