"""Feeds: how they stand, the decision about one that is held, and full snapshots."""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from sqlalchemy import Connection

from app.agencies.tokens import Caller, Grant
from app.api import answers
from app.api.body import JSON, NDJSON, parse_json, read_model, stream
from app.api.contract import accepts, problems
from app.api.inmate_files import import_submission, imported, read_line, refused_line
from app.api.models import DecidedHold, Feeds, HoldDecision, ImportedLine, SnapshotLine
from app.api.service import begin, grant_of, perform, service_of
from app.files.models import InmateFileSubmission
from app.house import House, Refusal
from app.intake import feeds
from app.intake.feeds import Decided
from app.intake.snapshots import Reconciled, reconcile
from app.problems import BodyTooLarge, Conflict, InvalidInput, ThroughcareError

router = APIRouter(prefix="/v1/feeds", tags=["feeds"])

ClientId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", description="The client that feeds.")
]


@router.get(
    "",
    summary="How every feed stands",
    responses=problems(400, 401, 503),
    response_model=Feeds,
    response_model_exclude_none=True,
)
async def list_feeds(request: Request) -> Response:
    """Live, stale or held. A stale one says nothing, and so not that nobody leaves."""

    def door(
        connection: Connection, _house: House, caller: Caller, at: datetime
    ) -> list[dict[str, Any]]:
        return feeds.states(connection, caller, at=at)

    return answers.json_answer({"feeds": await perform(request, door)})


@router.post(
    "/{client_id}/decision",
    summary="Let the notices of a held feed go out, or discard them",
    openapi_extra=accepts(HoldDecision, JSON),
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    response_model=DecidedHold,
)
async def decide_hold(request: Request, client_id: ClientId) -> Response:
    """By an officer of the custodian, through another client than the one that is held."""
    grant_of(request)
    limit = service_of(request).settings.body_limit
    asked = await read_model(request, HoldDecision, limit=limit)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Decided | Refusal:
        release = asked.decision == "release"
        return feeds.decide_hold(connection, house, caller, client_id, release=release, at=at)

    return answers.json_answer(asdict(await perform(request, door)))


@router.post(
    "/{client_id}/snapshots",
    summary="Everybody in this custodian's keeping, one JSON object a line",
    openapi_extra=accepts(InmateFileSubmission, NDJSON),
    responses={
        200: {
            "content": {
                NDJSON: {
                    "schema": {
                        "anyOf": [
                            ImportedLine.model_json_schema(),
                            SnapshotLine.model_json_schema(),
                        ]
                    }
                }
            }
        },
        **problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
    },
    response_class=Response,
)
async def post_snapshot(request: Request, client_id: ClientId) -> Response:
    """Lines as of an import. The whole is judged before any line is applied.

    An answer line for each line, one `missing` for each person who is in the custodian's keeping
    and not in the snapshot, and a summary at the end. A snapshot that is implausible is answered
    with 409: the feed is held, nothing is applied, and after an officer's decision the same bytes
    may be sent again.
    """
    grant = await begin(request)
    lines, digest = await _read(request)
    good = {line.reference: line.sections for line in lines if line.problem is None}

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Reconciled | Refusal:
        if caller.client_id != client_id:
            raise InvalidInput("a feed is sent by the client that it is named after")
        return reconcile(connection, house, caller, good, digest=digest, at=at)

    found = await perform(request, door, grant=grant)
    if found.held:
        raise Conflict(
            f"the feed is held: the snapshot would turn {found.turned} releases, and "
            f"{len(found.missing)} persons are missing from it; nothing was applied"
        )
    return answers.Lines(_apply(request, grant, lines, found), media_type=NDJSON)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of a snapshot by its number: what it submits, or why it cannot be read."""

    number: int
    reference: str = ""
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    problem: ThroughcareError | None = None


async def _read(request: Request) -> tuple[list[_Line], str]:
    """Every line, and the SHA-256 of all bytes."""
    settings = service_of(request).settings
    body = bytearray()
    async for chunk in stream(request, types=(NDJSON,), limit=settings.snapshot_limit):
        body += chunk
    known: dict[str, int] = {}
    lines = [
        _line(number, line, known, limit=settings.body_limit)
        for number, line in enumerate(bytes(body).split(b"\n"), 1)
        if line.strip()
    ]
    return lines, hashlib.sha256(body).hexdigest()


def _line(number: int, line: bytes, known: dict[str, int], *, limit: int) -> _Line:
    try:
        if len(line) > limit:
            raise BodyTooLarge(f"expected lines of at most {limit} bytes")
        reference, sections = read_line(parse_json(line))
        if reference in known:
            raise InvalidInput(f"expected a reference unlike that of line {known[reference]}")
    except ThroughcareError as problem:
        return _Line(number=number, problem=problem)
    known[reference] = number
    return _Line(number=number, reference=reference, sections=sections)


async def _apply(
    request: Request, grant: Grant, lines: list[_Line], found: Reconciled
) -> AsyncIterator[bytes]:
    counts = Counter[str]()
    for line in lines:
        if line.problem is not None:
            answer = refused_line(line.number, line.problem)
        else:
            submission = imported(line.reference, line.sections, reviewed=found.reviewed)
            answer = await import_submission(request, grant, line.number, submission)
        counts[answer["status"]] += 1
        yield orjson.dumps(answer) + b"\n"
    for reference in found.missing:
        yield orjson.dumps({"status": "missing", "reference": reference}) + b"\n"
    summary = {"status": "summary", **counts, "missing": len(found.missing), "turned": found.turned}
    yield orjson.dumps(summary) + b"\n"
