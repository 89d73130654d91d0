"""Requests as operators see them: route, method, status, duration; and as a trace of its own."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.head import asked_method
from app.telemetry import tracing
from app.telemetry.labels import NO_ROUTE, NO_STATUS
from app.telemetry.measures import note_request

FAILED = "500"


class Measured:
    """Pure ASGI: what comes to the routes is measured by the template of the route that took it.

    The address itself is nowhere: it holds references. What the server below refuses, because its
    head is too long or too slow, does not come here.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = NO_STATUS

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        with tracing.span("request", root=True):
            try:
                await self._app(scope, receive, send_noting)
            except Exception:
                # What nobody expected is answered further out.
                status = FAILED if status == NO_STATUS else status
                raise
            finally:
                route = getattr(scope.get("route"), "path", NO_ROUTE)
                method = asked_method(scope)
                note_request(route, method, status, time.perf_counter() - started)
                tracing.note(route=route, method=method, status=status)
