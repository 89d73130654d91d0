"""Reading the body of a request, however much is sent and however slowly."""

import asyncio
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

# A sealed message has at most 96 kB; the rest is room for other software's.
BODY_BYTES: Final = 128 * 1024
BODY_SECONDS: Final = 10.0  # for a whole body; slower senders hold up nothing


async def read_body(request: Request) -> bytes:
    """The body, read no further than it may be long, whatever its length claims to be."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)
