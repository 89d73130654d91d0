"""The facts that decisions depend on: referrals and consents."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy import Connection

from app.administration import consents, referrals
from app.administration.consents import Statement
from app.administration.referrals import Referral
from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.models import Assignment, Assignments, Consent, NewAssignment, NewConsent
from app.api.service import grant_of, perform, service_of
from app.house import House, Refusal

router = APIRouter(prefix="/v1", tags=["deciding facts"])

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


@router.post(
    "/case-assignments",
    summary="Offer a case to an agency",
    status_code=201,
    openapi_extra=accepts(NewAssignment, JSON),
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    response_model=Assignment,
)
async def offer_assignment(request: Request) -> Response:
    """Only the custodian of the file offers; it counts once the agency has accepted."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, NewAssignment, limit=service.settings.body_limit)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Referral | Refusal:
        return referrals.offer(
            connection,
            house,
            caller,
            reference=asked.reference,
            agency_id=asked.agency,
            at=at,
        )

    return json_answer(asdict(await perform(request, door)), 201)


@router.get(
    "/case-assignments",
    summary="Offers that wait for the caller's answer",
    responses=problems(400, 401, 503),
    response_model=Assignments,
)
async def list_assignments(request: Request) -> Response:
    """An offer says nothing about the person."""

    def door(connection: Connection, _house: House, caller: Caller, _: datetime) -> list[Referral]:
        return referrals.offers(connection, caller)

    return json_answer({"assignments": [asdict(one) for one in await perform(request, door)]})


@router.post(
    "/case-assignments/{assignment_id}/acceptance",
    summary="Accept a case",
    responses=problems(400, 401, 404, 409, 422, 503),
    response_model=Assignment,
)
async def accept_assignment(request: Request, assignment_id: Id) -> Response:
    """The answer holds the agency's own random reference for the person."""
    return await _answer(request, assignment_id, accept=True)


@router.post(
    "/case-assignments/{assignment_id}/refusal",
    summary="Decline a case",
    responses=problems(400, 401, 404, 409, 422, 503),
    response_model=Assignment,
)
async def decline_assignment(request: Request, assignment_id: Id) -> Response:
    """The custodian has to find another agency."""
    return await _answer(request, assignment_id, accept=False)


@router.post(
    "/case-assignments/{assignment_id}/end",
    summary="End an accepted case",
    responses=problems(400, 401, 404, 409, 422, 503),
    response_model=Assignment,
)
async def end_assignment(request: Request, assignment_id: Id) -> Response:
    """From the next decision on it counts as absent."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Referral | Refusal:
        return referrals.end(connection, house, caller, assignment_id, at=at)

    return json_answer(asdict(await perform(request, door)))


@router.post(
    "/consents",
    summary="Record a consent that an officer took from the person",
    status_code=201,
    openapi_extra=accepts(NewConsent, JSON),
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
    response_model=Consent,
)
async def take_consent(request: Request) -> Response:
    """By the custodian, or a welfare centre that has the case; never in one's own favour."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, NewConsent, limit=service.settings.body_limit)
    statement = Statement(
        reference=asked.reference,
        recipient_agency=asked.recipient_agency,
        purpose=asked.purpose,
        fields=tuple(asked.fields),
        text_version=asked.text_version,
        evidence_sha256=asked.evidence_sha256,
        expires_on=date.fromisoformat(asked.expires_on),
    )

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> str | Refusal:
        return consents.take(connection, house, caller, statement, at=at)

    return json_answer({"consent_id": await perform(request, door)}, 201)


@router.post(
    "/consents/{consent_id}/withdrawal",
    summary="Withdraw a consent",
    status_code=204,
    responses=problems(400, 401, 404, 409, 422, 503),
)
async def withdraw_consent(request: Request, consent_id: Id) -> Response:
    """It counts no more at the next call and at the next attempt to deliver."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return consents.withdraw(connection, house, caller, consent_id, at=at)

    await perform(request, door)
    return Response(status_code=204)


async def _answer(request: Request, assignment_id: str, *, accept: bool) -> Response:
    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Referral | Refusal:
        return referrals.answer(connection, house, caller, assignment_id, accept=accept, at=at)

    return json_answer(asdict(await perform(request, door)))
