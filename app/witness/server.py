"""The interface of a witness (C2SP tlog-witness): one call. ASGI, on Starlette.

Nobody has to log in: what counts is the log's signature on the checkpoint.
"""

import logging
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.access_log.add_checkpoint import PATH, SIZE_TYPE, RequestRefused
from app.problems import ThroughcareError
from app.receiver.body import read_body
from app.receiver.errors import ConfigurationError
from app.witness.cosigner import Cosigner, NotProved, NotSigned, OtherHistory, UnknownLog

LOGGER: Final = logging.getLogger("throughcare.witness")

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
        body = await read_body(request)
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


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok\n")
