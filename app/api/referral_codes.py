"""Referral codes: how a person who comes to the desk opens their case to an agency."""

from dataclasses import asdict
from datetime import datetime

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.administration import referral_codes
from app.administration.referral_codes import PrintedCode
from app.administration.referrals import Referral
from app.agencies.tokens import Caller
from app.api import fact_models as models
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.service import grant_of, perform, service_of
from app.house import House, Refusal

router = APIRouter(prefix="/v1/referral-codes", tags=["cases"])


@router.post(
    "",
    summary="Make a one-time code for a person and a purpose",
    status_code=201,
    openapi_extra=accepts(models.NewReferralCode, JSON),
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503),
    response_model=models.ReferralCode,
)
async def make_code(request: Request) -> Response:
    """By the custodian or a welfare centre that has the case. It is told here and nowhere else."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, models.NewReferralCode, limit=service.settings.body_limit)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> PrintedCode | Refusal:
        return referral_codes.make(
            connection,
            house,
            caller,
            reference=asked.reference,
            purpose=asked.purpose,
            at=at,
        )

    return json_answer(asdict(await perform(request, door)), 201)


@router.post(
    "/redemptions",
    summary="Redeem a code that a person has brought",
    openapi_extra=accepts(models.Redemption, JSON),
    responses=problems(400, 401, 404, 413, 415, 422, 429, 503),
    response_model=models.Redeemed,
)
async def redeem_code(request: Request) -> Response:
    """An accepted case and the agency's own reference. A code is good once, for its purpose."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, models.Redemption, limit=service.settings.body_limit)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Referral | Refusal:
        return referral_codes.redeem(connection, house, caller, asked.code, at=at)

    return json_answer(asdict(await perform(request, door)))
