"""Answers: problem documents (RFC 9457), token errors (RFC 6749), and headers for all."""

import logging
import traceback
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.agencies.oauth import OAuthError
from app.api.head import Head
from app.api.measured import Measured
from app.api.service import spend_after_failure
from app.crypto.possession import PROOF_ALGORITHMS
from app.files.findings import findings
from app.problems import (
    InvalidInput,
    NotFound,
    ThroughcareError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    document,
)

log = logging.getLogger("throughcare.api")

PROBLEM = "application/problem+json"
JSON = "application/json"
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


class Shield:
    """Pure ASGI around everything: protective headers on every answer, and no error gets out.

    An error that got out would be printed by the server with its words, and those may hold
    what was sent or stored.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, adding headers to the start of an answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            log.info("a client went away before its request was complete")
        except Exception as error:  # noqa: BLE001 - what nobody expected tells nothing
            problem = unmapped(error)
            # An answer that has begun cannot be taken back: the server cuts it off.
            if not started:
                await problem_answer(problem)(scope, receive, send_with_headers)


class Lines(Response):
    """An answer of lines that are made while the request is still being read.

    Starlette's own streaming answer waits for a disconnect at the same time, and so would
    take chunks of the request's body away from whoever reads it.
    """

    def __init__(self, lines: AsyncIterator[bytes], *, media_type: str) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines as they come."""
        del scope, receive
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        async for line in self._lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def json_answer(content: object, status: int = 200) -> Response:
    """A JSON answer from plain values."""
    return Response(orjson.dumps(content), status_code=status, media_type=JSON)


def problem_answer(error: ThroughcareError) -> Response:
    """The problem document of an error. The bytes depend on its type and detail alone."""
    headers = {}
    if isinstance(error, Unauthenticated):
        algorithms = " ".join(PROOF_ALGORITHMS)
        headers["WWW-Authenticate"] = f'DPoP error="{error.reason}", algs="{algorithms}"'
    if isinstance(error, TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    return Response(
        orjson.dumps(document(error)),
        status_code=error.status,
        media_type=PROBLEM,
        headers=headers,
    )


def unmapped(error: Exception) -> ThroughcareError:
    """What is told of an error that nobody expected: nothing. Its words are not even logged."""
    frames = traceback.extract_tb(error.__traceback__)
    way = " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
    log.error("%s, by way of %s", type(error).__name__, way)
    return ThroughcareError("the service failed; nothing was released")


def install(app: FastAPI) -> None:
    """Register what turns errors into answers. What is unmapped tells nothing."""
    app.add_exception_handler(ThroughcareError, known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _routing)
    app.add_middleware(Measured)
    app.add_middleware(Head)
    # The last one stands around the others.
    app.add_middleware(Shield)


async def known(request: Request, error: Exception) -> Response:
    """The answer to an error of ours; the proof that came with the request is used up."""
    await spend_after_failure(request)
    if isinstance(error, OAuthError):
        content = {"error": error.code, "error_description": error.detail}
        status = 401 if error.code == "invalid_client" else 400
        return json_answer(content, status)
    assert isinstance(error, ThroughcareError)  # noqa: S101 - registered for it alone
    return problem_answer(error)


async def _invalid(request: Request, error: Exception) -> Response:
    await spend_after_failure(request)
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    problem = InvalidInput("the request does not fit its schema", errors=findings(error.errors()))
    return problem_answer(problem)


class _MethodNotAllowed(ThroughcareError):
    status = 405
    title = "Method not allowed"
    slug = "method-not-allowed"


def _routing(request: Request, error: Exception) -> Response:
    """What the router itself refuses: no such path, or no such method on it."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    if error.status_code == _MethodNotAllowed.status:
        answer = problem_answer(_MethodNotAllowed("this path takes other methods"))
        answer.headers["Allow"] = ", ".join(_methods(request))
        return answer
    return problem_answer(NotFound("there is nothing at this address"))


def _methods(request: Request) -> list[str]:
    """The methods of this path (RFC 9110, section 15.5.6); the router names its first route's."""
    taken = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.path_regex.match(request.scope["path"])
        for method in route.methods or ()
    }
    return sorted(taken | {"HEAD"} if "GET" in taken else taken)


def _add_headers(message: MutableMapping[str, Any]) -> None:
    present = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *(header for header in HEADERS if header[0] not in present),
    ]
