"""A service that misbehaves in every way that one request can meet."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from app.receiver.errors import ServiceRefused, ServiceUnreachable, UnexpectedAnswer
from app.receiver.exchange import Answer, exchange, open_connections
from tests.receiver.service_stand_in import served

PROBLEM = {
    "type": "https://exchange.example/problems/not-found",
    "title": "Not found",
    "status": 404,
    "detail": "There is no such\x1b file.",
}


async def _good(request: Request) -> Response:
    return JSONResponse({"accepts": request.headers["accept-encoding"]}, headers={"ETag": '"1"'})


async def _problem(_: Request) -> Response:
    return JSONResponse(PROBLEM, status_code=404, media_type="application/problem+json")


async def _oauth_error(_: Request) -> Response:
    error = {"error": "invalid_client", "error_description": "no such client"}
    return JSONResponse(error, status_code=400)


async def _plain_error(_: Request) -> Response:
    return Response("<h1>Sorry</h1>", status_code=502)


async def _unheard_of(_: Request) -> Response:
    return JSONResponse({"title": 7}, status_code=599)


async def _redirect(_: Request) -> Response:
    return RedirectResponse("/good")


async def _large(_: Request) -> Response:
    return Response(b"x" * 2_000)


async def _bomb(_: Request) -> Response:
    return Response(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})


async def _drip(_: Request) -> Response:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b"x"
            await asyncio.sleep(0.02)

    return StreamingResponse(drops())


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    handlers = {
        "/good": _good,
        "/problem": _problem,
        "/oauth-error": _oauth_error,
        "/plain-error": _plain_error,
        "/unheard-of": _unheard_of,
        "/redirect": _redirect,
        "/large": _large,
        "/bomb": _bomb,
        "/drip": _drip,
    }
    routes = [Route(path, handler) for path, handler in handlers.items()]
    with served(Starlette(routes=routes)) as address:
        yield address


@pytest.fixture
def connections() -> Iterator[httpx.Client]:
    with open_connections() as connections:
        yield connections


def _get(connections: httpx.Client, address: str) -> Answer:
    request = connections.build_request("GET", address)
    return exchange(connections, request, max_bytes=1_000, within_s=1.0)


def test_an_answer_comes_with_status_headers_and_content(
    connections: httpx.Client, address: str
) -> None:
    answer = _get(connections, f"{address}/good")
    assert (answer.status, answer.headers["etag"]) == (200, '"1"')
    assert answer.json() == {"accepts": "identity"}


@pytest.mark.parametrize(
    ("path", "status", "title", "detail"),
    [
        ("problem", 404, "Not found", "There is no such  file."),
        ("oauth-error", 400, "invalid_client", "no such client"),
        ("plain-error", 502, "Bad Gateway", ""),
        ("unheard-of", 599, "", ""),
        ("redirect", 307, "Temporary Redirect", ""),
    ],
)
def test_any_other_status_than_success_is_a_refusal(
    connections: httpx.Client, address: str, path: str, status: int, title: str, detail: str
) -> None:
    with pytest.raises(ServiceRefused) as refusal:
        _get(connections, f"{address}/{path}")
    assert (refusal.value.status, refusal.value.title) == (status, title)
    assert refusal.value.detail == detail


def test_an_answer_that_is_too_large_is_cut_off(connections: httpx.Client, address: str) -> None:
    with pytest.raises(ServiceUnreachable, match="more than 1000 bytes"):
        _get(connections, f"{address}/large")


def test_an_answer_that_drips_is_cut_off(connections: httpx.Client, address: str) -> None:
    with pytest.raises(ServiceUnreachable, match="in time"):
        _get(connections, f"{address}/drip")


def test_nothing_is_unpacked(connections: httpx.Client, address: str) -> None:
    with pytest.raises(UnexpectedAnswer):
        _get(connections, f"{address}/bomb").json()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a":NaN}', b'{"a":1,"a":2}'])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        Answer(status=200, headers={}, content=content).json()


def test_a_name_that_no_host_can_have_is_no_answer(connections: httpx.Client) -> None:
    with pytest.raises(ServiceUnreachable, match="UnicodeError"):
        _get(connections, f"https://{'a' * 70}.example/")


def test_a_closed_port_is_named_without_what_stands_in_the_path(connections: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    expected = rf"^no answer from the service at http://127.0.0.1:{port} \(ConnectError\)$"
    with pytest.raises(ServiceUnreachable, match=expected):
        _get(connections, f"http://127.0.0.1:{port}/secret")


def test_the_environment_decides_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with open_connections() as connections:
        assert _get(connections, f"{address}/good").status == 200
