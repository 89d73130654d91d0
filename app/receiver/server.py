"""The endpoint that notifications are pushed to (RFC 8935). ASGI, on Starlette.

202 says that a notification is verified and safe in the store, or was before. 400 says that it
never will be taken, 503 that trying again later helps. Nobody has to log in: a sealed message
proves by its signature who speaks, and until then nothing about it is stored or logged.
"""

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.receiver.answering import AnsweringWorker
from app.receiver.body import read_body
from app.receiver.client import RECEIPT
from app.receiver.errors import ServiceError
from throughcare_receiver.errors import EnvelopeRefused, NotificationRefused, TryLater
from throughcare_receiver.receiver import Receiver
from throughcare_receiver.store import Arrival

LOGGER: Final = logging.getLogger("throughcare.receiver")

PATH: Final = "/notifications"
CONTENT_TYPE: Final = "application/jose"  # RFC 7515, section 9.2.1

_RETRY_SECONDS: Final = "30"


def make_app(receiver: Receiver, worker: AnsweringWorker) -> Starlette:
    """The application; the worker runs while it does."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        worker.start()
        try:
            yield
        finally:
            await run_in_threadpool(worker.stop)

    async def notifications(request: Request) -> Response:
        return await _take(request, receiver, worker)

    routes = [
        Route(PATH, notifications, methods=["POST"]),
        Route("/health", _health, methods=["GET"]),
    ]
    handlers = {HTTPException: _without_detail}
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)  # type: ignore[arg-type]  # Starlette types a handler as one of any exception


async def _take(request: Request, receiver: Receiver, worker: AnsweringWorker) -> Response:
    _check_content_type(request)
    body = await read_body(request)
    try:
        # Opening takes milliseconds of arithmetic and storing waits for the disk: in a thread.
        receipt = request.headers.get(RECEIPT)
        arrival = await run_in_threadpool(receiver.take, _ascii(body), receipt=receipt)
    except NotificationRefused as refusal:
        LOGGER.warning("a notification was refused: %s", refusal)
        return _error(refusal)
    except (ServiceError, TryLater, sqlite3.Error) as error:
        LOGGER.warning("a notification could not be taken now (%s)", type(error).__name__)
        return Response(status_code=503, headers={"Retry-After": _RETRY_SECONDS})
    if arrival.is_new:
        worker.wake()
    _report_order(arrival)
    return Response(status_code=202)


def _report_order(arrival: Arrival) -> None:
    """What is missing is no reason to refuse what came; somebody should ask after it."""
    placement = arrival.placement
    if placement is not None and (placement.is_late or placement.skipped_about_person):
        LOGGER.warning(
            "notification %s: %s about its person",
            arrival.notification.jti,
            "late" if placement.is_late else "an earlier one is missing",
        )


def _check_content_type(request: Request) -> None:
    """Exactly one content type, and nothing around it: two of them are read differently by two."""
    given = [value.partition(";")[0].strip() for value in request.headers.getlist("content-type")]
    if [value.lower() for value in given] != [CONTENT_TYPE]:
        raise HTTPException(415)
    if "content-encoding" in request.headers:
        raise HTTPException(415)


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise EnvelopeRefused("the message is not ASCII") from None


def _error(refusal: NotificationRefused) -> Response:
    """The form of RFC 8935, section 2.3. The reasons are fixed words that tell no secret."""
    return JSONResponse(
        {"err": refusal.code, "description": refusal.reason},
        status_code=400,
        headers={"Content-Language": "en"},
    )


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _without_detail(_: Request, error: HTTPException) -> Response:
    return Response(status_code=error.status_code, headers=error.headers)
