"""What nobody expected tells nothing, in the answer or in the log; every answer is protected."""

import asyncio
import logging
from typing import Any

import pytest
from sqlalchemy import update
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.answers import HEADERS, Shield, unmapped
from app.files import store
from app.problems import ThroughcareError, document
from tests.api.exchange import Exchange, is_problem

WORDS = "the name of Markfamily"
SCOPE: Scope = {"type": "http"}


def sent(app: ASGIApp, scope: Scope = SCOPE) -> list[Message]:
    """What an application sends through the shield."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    asyncio.run(Shield(app)(scope, receive, send))
    return messages


def failing(error: Exception, *before: Message) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        for message in before:
            await send(message)
        raise error

    return app


def start(*headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def test_an_error_before_the_answer_becomes_a_500_that_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = sent(failing(ValueError(WORDS)))
    assert first["status"] == 500
    assert dict(first["headers"]).items() >= dict(HEADERS).items()
    assert dict(first["headers"])[b"content-type"] == b"application/problem+json"
    assert WORDS not in str(second)
    assert WORDS not in caplog.text
    assert "ValueError" in caplog.text


def test_an_answer_that_has_begun_is_not_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    begun = start((b"cache-control", b"no-store"))
    assert sent(failing(ValueError(WORDS), begun)) == [begun]
    assert WORDS not in caplog.text


def test_a_client_that_went_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "throughcare")
    assert sent(failing(ClientDisconnect())) == []
    assert [one.levelno for one in caplog.records if one.name == "throughcare.api"] == [
        logging.INFO
    ]


def test_every_answer_is_protected_and_says_each_thing_once() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send(start((b"Cache-Control", b"private")))

    [message] = sent(app)
    names = [name.lower() for name, _ in message["headers"]]
    assert len(names) == len(set(names))
    assert (b"Cache-Control", b"private") in message["headers"]
    assert {name for name, _ in HEADERS} == set(names)


def test_what_is_no_request_passes_through() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await send({"type": scope["type"]})

    assert sent(app, {"type": "lifespan"}) == [{"type": "lifespan"}]


def test_an_unmapped_error_says_where_and_not_what(caplog: pytest.LogCaptureFixture) -> None:
    names: dict[str, str] = {}
    try:
        names[WORDS]
    except KeyError as error:
        problem = unmapped(error)
    assert document(problem) == document(
        ThroughcareError("the service failed; nothing was released")
    )
    assert __file__ in caplog.text
    assert WORDS not in caplog.text


def test_a_file_that_does_not_open_is_a_500_that_tells_nothing(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    prison = exchange.agency("correctional_service")
    reference = exchange.person(prison, {"needs": {"employment_need": {"value": "none"}}})
    good = exchange.person(prison)
    prison.get(reference)
    subject: Any = exchange.entries(agency_id=prison.id)[-1].sections["subject"]
    exchange.world.owner.run_blocking(
        lambda c: c.execute(
            update(store.SECTION)
            .where(store.SECTION.c.person_id == subject["person"])
            .values(sealed=b"x" * 40)
        ).close()
    )
    before = len(exchange.entries())
    for answer in (prison.get(reference), prison.put(reference, {}, if_match="*")):
        is_problem(answer, 500, "internal")
        assert {name for name, _ in HEADERS} <= {name.lower().encode() for name in answer.headers}
        assert answer.json()["detail"] == "the service failed; nothing was released"
    # The release failed, so there is none on record; and the service goes on.
    assert len(exchange.entries()) == before
    assert prison.get(good).status_code == 200
    logged = [one for one in caplog.records if one.name.startswith(("throughcare", "uvicorn"))]
    assert not [one for one in logged if one.exc_info]
