"""Subscriptions to release notifications, their deliveries, and acknowledgements."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy import Connection, Row

from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.models import (
    Acknowledgement,
    Deliveries,
    DeliveryStatus,
    NewSubscription,
    Replay,
    Replayed,
    Subscription,
    SubscriptionChange,
    Subscriptions,
    VerificationResponse,
)
from app.api.service import grant_of, perform, service_of
from app.house import House
from app.notifications.acknowledge import acknowledge
from app.notifications.manage import Wish, change, end, replay
from app.notifications.subscribe import subscribe, verify_subscription
from app.outbox import deliveries, endpoints, subscriptions

router = APIRouter(prefix="/v1", tags=["notifications"])

Shown = dict[str, Any]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
NEWEST = 100


@router.post(
    "/subscriptions",
    summary="Subscribe an endpoint to release notifications",
    status_code=201,
    openapi_extra=accepts(NewSubscription, JSON),
    responses=problems(400, 401, 413, 415, 422, 503),
    response_model=Subscription,
)
async def create_subscription(request: Request) -> Response:
    """A nonce, sealed to the key, is sent to the endpoint; it must come back signed."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, NewSubscription, limit=service.settings.body_limit)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Shown:
        made = subscribe(
            connection,
            house,
            caller,
            endpoint=asked.endpoint,
            encryption_jwk=asked.encryption_jwk,
            rules=service.endpoint_rules,
            at=at,
        )
        return _shown(subscriptions.find(connection, made), at)

    return json_answer(await perform(request, door), 201)


@router.get(
    "/subscriptions",
    summary="The subscriptions of the calling client that have not ended, the newest first",
    responses=problems(400, 401, 422, 503),
    response_model=Subscriptions,
)
async def list_subscriptions(request: Request) -> Response:
    """What is not wanted any more is ended with DELETE."""

    def door(connection: Connection, _house: House, caller: Caller, at: datetime) -> list[Shown]:
        own = subscriptions.of_client(connection, client_id=caller.client_id, limit=NEWEST)
        return [_shown(row, at) for row in own]

    return json_answer({"subscriptions": await perform(request, door)})


@router.get(
    "/subscriptions/{subscription_id}",
    summary="A subscription of the caller's agency",
    responses=problems(400, 401, 404, 422, 503),
    response_model=Subscription,
)
async def get_subscription(request: Request, subscription_id: Id) -> Response:
    """Whether the handshake is done, and whether its endpoint takes notifications."""

    def door(connection: Connection, _house: House, caller: Caller, at: datetime) -> Shown:
        row = subscriptions.get(connection, subscription_id, agency_id=caller.agency_id)
        return _shown(row, at)

    return json_answer(await perform(request, door))


@router.patch(
    "/subscriptions/{subscription_id}",
    summary="Change, pause or resume a subscription of the calling client",
    openapi_extra=accepts(SubscriptionChange, JSON),
    responses=problems(400, 401, 404, 409, 413, 415, 422, 503),
    response_model=Subscription,
)
async def change_subscription(request: Request, subscription_id: Id) -> Response:
    """An endpoint or a key takes effect with a new handshake; the old one goes on until then.

    The same endpoint again asks for a handshake, too: so one that was disabled comes back.
    """
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, SubscriptionChange, limit=service.settings.body_limit)
    wish = Wish(endpoint=asked.endpoint, encryption_jwk=asked.encryption_jwk, paused=asked.paused)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Shown:
        rules = service.endpoint_rules
        change(connection, house, caller, subscription_id, wish, rules=rules, at=at)
        return _shown(subscriptions.find(connection, subscription_id), at)

    return json_answer(await perform(request, door))


@router.delete(
    "/subscriptions/{subscription_id}",
    summary="End a subscription of the calling client",
    status_code=204,
    responses=problems(400, 401, 404, 409, 422, 503),
)
async def end_subscription(request: Request, subscription_id: Id) -> Response:
    """What still waits is cancelled, on record."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> None:
        end(connection, house, caller, subscription_id, at=at)

    await perform(request, door)
    return Response(status_code=204)


@router.post(
    "/subscriptions/{subscription_id}/replay",
    summary="Ask for notifications again, after a number",
    status_code=202,
    openapi_extra=accepts(Replay, JSON),
    responses=problems(400, 401, 404, 409, 413, 415, 422, 503),
    response_model=Replayed,
)
async def replay_subscription(request: Request, subscription_id: Id) -> Response:
    """Each is decided afresh, under the same `jti` and number; cancelled if nothing remains."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, Replay, limit=service.settings.body_limit)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> int:
        return replay(
            connection,
            house,
            caller,
            subscription_id,
            since=asked.since,
            status=asked.status,
            at=at,
        )

    return json_answer({"replayed": await perform(request, door)}, 202)


@router.post(
    "/subscriptions/{subscription_id}/verification",
    summary="Answer the handshake",
    status_code=204,
    openapi_extra=accepts(VerificationResponse, JSON),
    responses=problems(400, 401, 404, 413, 415, 422, 503),
)
async def answer_handshake(request: Request, subscription_id: Id) -> Response:
    """The nonce, signed with a registered key of the client."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, VerificationResponse, limit=service.settings.body_limit)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> None:
        verify_subscription(
            connection,
            house,
            caller,
            subscription_id,
            response=asked.response,
            at=at,
        )

    await perform(request, door)
    return Response(status_code=204)


@router.get(
    "/subscriptions/{subscription_id}/deliveries",
    summary="The newest notifications of a subscription, or those of a status, with every attempt",
    responses=problems(400, 401, 404, 422, 503),
    response_model=Deliveries,
)
async def list_deliveries(
    request: Request, subscription_id: Id, status: DeliveryStatus | None = None
) -> Response:
    """Time, status, duration and problem of each attempt. Those given up on are `dead`."""

    def door(
        connection: Connection, _house: House, caller: Caller, _: datetime
    ) -> list[dict[str, Any]]:
        subscriptions.get(connection, subscription_id, agency_id=caller.agency_id)
        rows = deliveries.of_subscription(connection, subscription_id, limit=NEWEST, status=status)
        return [_delivery(connection, row) for row in rows]

    return json_answer({"deliveries": await perform(request, door)})


@router.post(
    "/notifications/{jti}/acknowledgement",
    summary="Acknowledge a notification",
    status_code=204,
    openapi_extra=accepts(Acknowledgement, JSON),
    responses=problems(400, 401, 404, 409, 413, 415, 422, 503),
)
async def acknowledge_notification(request: Request, jti: Id) -> Response:
    """Signed by the client; the same acknowledgement again is fine."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, Acknowledgement, limit=service.settings.body_limit)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> None:
        acknowledge(
            connection,
            house,
            caller,
            jti,
            acknowledgement=asked.acknowledgement,
            at=at,
        )

    await perform(request, door)
    return Response(status_code=204)


def _shown(row: Row[Any], at: datetime) -> Shown:
    """A subscription as its agency sees it."""
    state = endpoints.state(row, at=at)
    return {
        "subscription_id": row.subscription_id,
        "delivery": "poll" if row.endpoint is None and row.next_endpoint is None else "push",
        "endpoint": row.endpoint,
        "status": row.status,
        "handshake": "done" if row.proven else "open",
        "endpoint_state": state,
        "problem": row.problem,
        "rests_until": row.rests_until if state == "resting" else None,
        "last_sequence": row.last_sequence,
    }


def _delivery(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    attempts = deliveries.attempts_of(connection, row.jti)
    return {
        "jti": row.jti,
        "status": row.status,
        "created_at": row.created_at,
        "sequence": row.sequence,
        "sent_at": row.sent_at,
        "problem": row.reason,
        "acknowledgement": row.acknowledgement,
        "attempts": [
            {
                "number": one.number,
                "channel": one.channel,
                "started_at": one.started_at,
                "milliseconds": one.milliseconds,
                "status_code": one.status_code,
                "problem": one.problem,
            }
            for one in attempts
        ],
    }
