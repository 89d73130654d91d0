"""HEAD is GET without the body (RFC 9110, section 9.3.2): decided, recorded and headed alike."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Where the method stands that the client named, and that its proof of possession must name.
ASKED = "throughcare.method"


class Head:
    """Pure ASGI: every route that takes GET takes HEAD, and nothing is left out but the body.

    What leaves is told by its headers too (the ETag names a projection), so that a HEAD is a
    disclosure like any other: it goes through the same door and makes the same entry.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD on as a GET, and send what comes back without its body."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET", ASKED: "HEAD"}, receive, send_headers)


def asked_method(scope: Scope) -> str:
    """The method as the client named it."""
    return str(scope.get(ASKED, scope["method"]))
