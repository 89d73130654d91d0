"""Limits: who asks too much waits, alone; who speaks too slowly is given up."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.answers import HEADERS
from app.api.connections import BoundedConnection
from app.api.limits import REMEMBERED, RateLimit
from app.problems import TooManyRequests
from tests.api.exchange import Exchange, exchange_in, is_problem
from tests.conftest import BOTH, empty_database
from tests.world import running_world


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_taken_and_then_an_even_stream() -> None:
    seconds = Seconds()
    limit = RateLimit(60, 3, seconds)
    for _ in range(3):
        limit.take("client", "officer")
    with pytest.raises(TooManyRequests) as refused:
        limit.take("client", "officer")
    assert refused.value.retry_after == 1
    seconds.now += refused.value.retry_after
    limit.take("client", "officer")
    with pytest.raises(TooManyRequests):
        limit.take("client", "officer")


def test_nobody_else_waits() -> None:
    limit = RateLimit(60, 1, Seconds())
    limit.take("client", "officer")
    limit.take("client", "another officer")
    limit.take("another client", "officer")


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 10))
def test_in_no_time_more_is_taken_than_burst_and_rate_allow(waits: list[float], burst: int) -> None:
    seconds = Seconds()
    limit = RateLimit(60, burst, seconds)
    taken = 0
    for wait in waits:
        seconds.now += wait
        try:
            limit.take("client")
        except TooManyRequests:
            continue
        taken += 1
        assert taken <= burst + seconds.now + 1e-6


def test_of_callers_only_so_many_are_remembered() -> None:
    limit = RateLimit(60, 1, Seconds())
    for number in range(REMEMBERED + 1):
        limit.take(str(number))
    limit.take("0")  # it was forgotten, so it starts anew
    with pytest.raises(TooManyRequests):
        limit.take(str(REMEMBERED))


@pytest.fixture(scope="module", params=BOTH)
def narrow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exchange]:
    """A service with narrow limits."""
    folder = tmp_path_factory.mktemp("narrow")
    url = empty_database(request.param, request, folder)
    limits = {"requests_per_minute": 1, "requests_at_once": 2, "body_seconds": 0.3}
    with running_world(url, folder, **limits) as world, exchange_in(world) as exchange:
        yield exchange


def test_the_service_tells_when_to_come_again(narrow: Exchange) -> None:
    prison = narrow.agency("correctional_service")
    answers = [prison.call("GET", "/v1/cases") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    is_problem(answers[-1], 429, "too-many-requests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert narrow.agency("correctional_service").call("GET", "/v1/cases").status_code == 200


def test_an_import_is_one_request_however_many_lines_it_has(narrow: Exchange) -> None:
    prison = narrow.agency("correctional_service")
    lines = [{"reference": f"LINE-{number}", "sections": {}} for number in range(5)]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    answers = [
        prison.call(
            "POST",
            "/v1/inmate-files/import",
            content=body.encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    told = [json.loads(line)["status"] for line in answers[0].text.splitlines()]
    assert told == ["created"] * 5


def test_a_body_that_does_not_come_is_given_up(narrow: Exchange) -> None:
    prison = narrow.agency("correctional_service")
    address = narrow.world.settings
    given = prison.credentials("PUT", "/v1/inmate-files/P-1")
    headers = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    request = (
        f"PUT /v1/inmate-files/P-1 HTTP/1.1\r\nHost: {address.host}\r\n"
        f"{headers}"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", address.port), timeout=20) as connection:
        connection.sendall(request.encode())
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"request-timed-out" in answer


def test_a_body_that_comes_in_parts_is_read(narrow: Exchange) -> None:
    prison = narrow.agency("correctional_service")

    def parts() -> Iterator[bytes]:
        for part in (b'{"sections"', b": ", b"{}", b"}"):
            yield part
            time.sleep(0.15)

    headers = {"Content-Type": "application/json"}
    answer = prison.call("PUT", "/v1/inmate-files/P-2", content=parts(), headers=headers)
    assert answer.status_code == 201


def test_a_body_that_comes_drop_by_drop_is_given_up(narrow: Exchange) -> None:
    prison = narrow.agency("correctional_service")

    def drops() -> Iterator[bytes]:
        # Longer than a busy machine may stand still, or all of them would come at once.
        for _ in range(40):
            yield b" "
            time.sleep(0.1)

    headers = {"Content-Type": "application/json"}
    answer = prison.call("PUT", "/v1/inmate-files/P-3", content=drops(), headers=headers)
    is_problem(answer, 408, "request-timed-out")


# The head of a request, which comes before anything of ours but the connection.


def said(narrow: Exchange, *parts: bytes, pause: float = 0.0) -> bytes:
    """All that the service answers on a connection that says these parts."""
    place = ("127.0.0.1", narrow.world.settings.port)
    answer = b""
    with socket.create_connection(place, timeout=10) as connection, suppress(ConnectionError):
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        while more := connection.recv(65_536):
            answer += more
    return answer


def is_refused_head(answer: bytes, status: int, slug: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert fields[b"content-type"] == b"application/problem+json"
    assert fields[b"connection"] == b"close"
    assert fields.keys() >= {name for name, _ in HEADERS}
    assert json.loads(body)["type"] == f"urn:throughcare:problem:{slug}"
    assert b"Quokka" not in answer


BEGUN = b"GET /v1/cases HTTP/1.1\r\nHost: here\r\n"
HEADS = {
    "a long field": (BEGUN, b"Quokka: " + b"x" * 40_000),
    "a long name": (BEGUN, b"Quokka" * 8_000),
    "a long address": (b"GET /" + b"Quokka" * 8_000,),
    "a complete long field": (BEGUN, b"Quokka: " + b"x" * 40_000 + b"\r\n\r\n"),
    "many short fields": (BEGUN, b"Quokka: 1\r\n" * 65, b"\r\n"),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_that_is_too_large_is_refused_before_it_is_complete(
    narrow: Exchange, name: str
) -> None:
    is_refused_head(said(narrow, *HEADS[name]), 431, "head-too-large")


@pytest.mark.parametrize("begun", [b"", b"GET /v1/cases HTTP/1.1\r\nQuokka: "])
def test_a_head_that_does_not_come_is_given_up(
    narrow: Exchange, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(BoundedConnection, "seconds", 0.2)
    is_refused_head(said(narrow, begun), 408, "request-timed-out")


@pytest.mark.parametrize(
    "text",
    [
        b"Quokka\r\n\r\n",
        b"GET /v1/cases HTTP/9.9\r\n\r\n",
        BEGUN + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        BEGUN + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BEGUN + b"Quokka : 1\r\n\r\n",
        BEGUN + b" folded: Quokka\r\n\r\n",
    ],
)
def test_what_is_no_request_is_told_so_as_everywhere_else(narrow: Exchange, text: bytes) -> None:
    is_refused_head(said(narrow, text), 400, "unreadable")


def test_on_one_connection_each_request_has_a_head_of_its_own(narrow: Exchange) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: here\r\nLong: " + b"x" * 20_000 + b"\r\n"
    answer = said(narrow, one + b"\r\n", one + b"Connection: close\r\n\r\n", pause=0.05)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
