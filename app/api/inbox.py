"""The inbox: notifications for clients that poll. Nothing else than a POST ever releases."""

import time
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.models import InboxAnswer, InboxPoll
from app.api.service import Service, grant_of, perform, service_of
from app.house import House
from app.notifications.inbox import Counter, Poll, Taken, is_waiting, take
from app.rounds import pause

router = APIRouter(prefix="/v1/inbox", tags=["notifications"])


@router.post(
    "/poll",
    summary="Poll the inbox: confirm what was read, take what waits",
    openapi_extra=accepts(InboxPoll, JSON),
    responses=problems(400, 401, 404, 409, 413, 415, 422, 503),
    response_model=InboxAnswer,
)
async def poll_inbox(request: Request) -> Response:
    """Sealed notifications by `jti`, each decided afresh and on record before it leaves.

    What is not confirmed is handed out again, under the same `jti` and number.
    """
    grant = grant_of(request)
    service = service_of(request)
    asked = await read_model(request, InboxPoll, limit=service.settings.body_limit)
    refused = {jti: error.err for jti, error in asked.set_errs.items()}
    poll = Poll(
        subscription_id=asked.subscription_id,
        most=asked.max_events,
        read=tuple(asked.ack),
        refused=refused,
    )
    taken = await _take(request, poll)
    if taken.is_empty and poll.most > 0 and not asked.return_immediately:
        taken = await _wait(request, poll) or taken
    counter = Counter(
        client=grant.client_id,
        in_force=service.in_force,
        clock=service.clock,
        retry_base=timedelta(seconds=service.settings.retry_base_seconds),
    )
    handed = await counter.hand_out(taken)
    return json_answer(
        {
            "sets": dict(handed.sets),
            "receipts": dict(handed.receipts),
            "moreAvailable": handed.more,
        }
    )


async def _take(request: Request, poll: Poll) -> Taken:
    heartbeat = _heartbeat(service_of(request))

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Taken:
        return take(connection, house, caller, poll, heartbeat=heartbeat, at=at)

    return await perform(request, door)


async def _wait(request: Request, poll: Poll) -> Taken | None:
    """What comes within the bound of a long poll; None when nothing does.

    Whoever waits is judged anew when there is something: it may have been revoked meanwhile.
    """
    service = service_of(request)
    if poll.subscription_id in service.waiting_polls:
        return None
    service.waiting_polls.add(poll.subscription_id)
    try:
        until = time.monotonic() + service.settings.inbox_wait_seconds
        while time.monotonic() < until and not await request.is_disconnected():
            await pause(service.stopping, min(service.settings.dispatch_interval, 1.0))
            if await service.database.read(lambda c: _is_waiting(c, service, poll)):
                return await _take(request, poll)
            if service.stopping.is_set():
                break
    finally:
        service.waiting_polls.discard(poll.subscription_id)
    return None


def _is_waiting(connection: Connection, service: Service, poll: Poll) -> bool:
    heartbeat, at = _heartbeat(service), service.clock()
    return is_waiting(connection, poll.subscription_id, heartbeat=heartbeat, at=at)


def _heartbeat(service: Service) -> timedelta:
    return timedelta(seconds=service.settings.heartbeat_seconds)
