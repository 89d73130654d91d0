"""The interface of a witness (C2SP tlog-witness): one call. ASGI, on Starlette.

Nobody has to log in: what counts is the log's signature on the checkpoint.
"""

import asyncio
import logging
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.access_log.add_checkpoint import PATH, SIZE_TYPE, RequestRefused
from app.problems import ThroughcareError
from app.receiver.errors import ConfigurationError
from app.witness.cosigner import Cosigner, NotProved, NotSigned, OtherHistory, UnknownLog

LOGGER: Final = logging.getLogger("throughcare.witness")

# A proof of 63 lines takes 3 kB. The rest is room for the signatures of many witnesses, each of
# up to 5 kB once they are safe from quantum computers.
BODY_BYTES: Final = 128 * 1024
_BODY_SECONDS: Final = 10.0  # for a whole body; slower senders hold up nothing
# Refusals by the status that the specification gives them; a conflict has a body of its own.
_STATUS: Final[dict[type[ThroughcareError], int]] = {
    RequestRefused: 400,
    NotSigned: 403,
    UnknownLog: 404,
    NotProved: 422,
}


def make_app(cosigner: Cosigner) -> Starlette:
    """The application of one witness."""

    async def add_checkpoint(request: Request) -> Response:
        body = await _read_body(request)
        try:
            # To remember waits for the disk: in a thread.
            line = await run_in_threadpool(cosigner.add_checkpoint, body)
        except OtherHistory as conflict:
            # Exactly this type: clients compare it.
            return Response(f"{conflict.size}\n", 409, headers={"Content-Type": SIZE_TYPE})
        except ConfigurationError as error:
            LOGGER.error("nothing can be remembered, so nothing is cosigned: %s", error)  # noqa: TRY400 - the sentence says it
            return PlainTextResponse("nothing can be remembered now\n", 503)
        except tuple(_STATUS) as refused:
            return PlainTextResponse(f"{refused}\n", _STATUS[type(refused)])
        return PlainTextResponse(line)

    return Starlette(
        routes=[
            Route(PATH, add_checkpoint, methods=["POST"]),
            Route("/health", _health, methods=["GET"]),
        ]
    )


async def _read_body(request: Request) -> bytes:
    """The body, read no further than it may be long, whatever its length claims to be."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok\n")
