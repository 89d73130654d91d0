"""Reading bodies strictly: content type, length, JSON without duplicates or NaN, then a model.

No finding repeats what was sent.
"""

import json
from collections.abc import AsyncIterator
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.files.findings import field_errors
from app.problems import BodyTooLarge, InvalidInput, MalformedBody, UnsupportedMediaType

M = TypeVar("M", bound=BaseModel)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
NDJSON = "application/x-ndjson"
FORM = "application/x-www-form-urlencoded"
# Deeper than any document of the catalogue; the parser itself must not run out of stack.
DEPTH = 32


async def read_bytes(request: Request, *, types: tuple[str, ...], limit: int) -> bytes:
    """The whole body, held to its content type and to `limit` bytes, declared or not."""
    return b"".join([chunk async for chunk in stream(request, types=types, limit=limit)])


async def stream(request: Request, *, types: tuple[str, ...], limit: int) -> AsyncIterator[bytes]:
    """The chunks of a body, held to its content type and to `limit` bytes in all."""
    given = request.headers.getlist("content-type")
    if len(given) != 1 or given[0].split(";")[0].strip().lower() not in types:
        raise UnsupportedMediaType(f"expected a body of type {' or '.join(types)}")
    if "content-encoding" in request.headers:
        raise UnsupportedMediaType("expected a body without a content coding")
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise BodyTooLarge(f"expected at most {limit} bytes")
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise BodyTooLarge(f"expected at most {limit} bytes")
        yield chunk


async def read_json(request: Request, *, limit: int, types: tuple[str, ...] = (JSON,)) -> Any:  # noqa: ANN401 - JSON can be anything
    """The JSON value of a body."""
    return parse_json(await read_bytes(request, types=types, limit=limit))


async def read_model(
    request: Request, model: type[M], *, limit: int, types: tuple[str, ...] = (JSON,)
) -> M:
    """The body as a valid value of a model."""
    content = await read_json(request, limit=limit, types=types)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InvalidInput(
            "the content does not fit its schema", errors=field_errors(error)
        ) from None


def parse_json(text: bytes) -> Any:  # noqa: ANN401 - JSON can be anything
    """JSON by RFC 8259 and I-JSON (RFC 7493): UTF-8, no duplicate members, no NaN."""
    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except MalformedBody:
        raise
    except (ValueError, RecursionError):
        raise MalformedBody("expected one JSON value in UTF-8") from None
    _check_depth(value, DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedBody("expected each member of an object once")
    return value


def _no_constant(_: str) -> NoReturn:
    raise MalformedBody("expected JSON numbers: NaN and Infinity are none")


def _check_depth(value: object, left: int) -> None:
    if left == 0:
        raise MalformedBody(f"expected at most {DEPTH} levels")
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        _check_depth(inner, left - 1)
