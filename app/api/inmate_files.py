"""Inmate files: put in by their owners, read by whoever the policy lets read them."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Query, Request, Response
from sqlalchemy import Connection
from starlette.routing import BaseRoute

from app.access_log.receipt import HEADER
from app.access_log.vocabulary import Channel
from app.agencies.tokens import Caller, Grant
from app.api import answers
from app.api.body import JSON, MERGE_PATCH, NDJSON, parse_json, read_json, stream
from app.api.contract import accepts, problems
from app.api.models import (
    REFERENCE,
    Contributed,
    Explanation,
    ExplanationQuery,
    FullExplanation,
    ImportedLine,
    ImportLine,
    InmateFileView,
)
from app.api.service import begin, grant_of, perform, service_of
from app.disclosure.disclose import Disclosure, disclose
from app.disclosure.explanation import About, Told, explain_file
from app.files.models import (
    CHANGES_MODELS,
    InmateFileSubmission,
    parse_changes,
    parse_submission,
)
from app.house import House, Refusal
from app.intake.contribute import Contribution, contribute
from app.intake.submission import Precondition, Submission
from app.problems import BodyTooLarge, FieldError, InvalidInput, NotFound, ThroughcareError
from app.settings import Settings

ADDRESS = "/v1/inmate-files/"
router = APIRouter(prefix=ADDRESS.removesuffix("/"), tags=["inmate files"])

Reference = Annotated[
    str,
    Path(
        pattern=REFERENCE.pattern,
        description="The caller's own reference for the person. No other agency's works.",
    ),
]
# What a change of these tells may be due at once: a court has ordered a release for today.
HASTE = ("release",)
# Room for some thirty ETags.
MOST_TAGS = 1_000
IfMatch = Annotated[
    str | None, Header(max_length=MOST_TAGS, description="The ETag of the state to change.")
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        max_length=MOST_TAGS, description="ETags of states that the caller has; `*`: any state."
    ),
]


@router.put(
    "/{reference}",
    summary="Store an inmate file, as far as the caller owns its sections",
    openapi_extra=accepts(InmateFileSubmission, JSON),
    responses={
        201: {"model": Contributed},
        **problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
    },
    response_model=Contributed,
)
async def put_inmate_file(
    request: Request,
    reference: Reference,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Sections that are not named go, as far as they are the caller's; others are untouched."""
    grant = grant_of(request)
    limit = service_of(request).settings.body_limit
    sections = parse_submission(await read_json(request, limit=limit))
    submission = Submission(
        reference=reference,
        sections=sections,
        complete=True,
        precondition=Precondition(if_match=if_match, if_none_match=if_none_match),
        channel=Channel.ADMINISTRATION,
    )
    return _contributed(await _contribute(request, grant, submission))


@router.patch(
    "/{reference}/sections/{section}",
    summary="Change fields of one section",
    openapi_extra=accepts(tuple(CHANGES_MODELS.values()), JSON, MERGE_PATCH),
    responses=problems(400, 401, 403, 404, 412, 413, 415, 422, 428, 503),
    response_model=Contributed,
)
async def patch_section(
    request: Request,
    reference: Reference,
    section: Annotated[str, Path(description="A section of the catalogue.", max_length=40)],
    if_match: IfMatch = None,
) -> Response:
    """A merge patch (RFC 7396): a field that is named is set, null removes it, others stay."""
    grant = grant_of(request)
    if section not in CHANGES_MODELS:
        raise NotFound("the catalogue has no such section")
    limit = service_of(request).settings.body_limit
    content = await read_json(request, limit=limit, types=(JSON, MERGE_PATCH))
    submission = Submission(
        reference=reference,
        sections={section: parse_changes(section, content)},
        complete=False,
        precondition=Precondition(if_match=if_match),
        channel=Channel.ADMINISTRATION,
    )
    return _contributed(await _contribute(request, grant, submission, urgent=section in HASTE))


@router.get(
    "/{reference}",
    summary="Read what the policy lets the caller have",
    responses={
        304: {"description": "Unchanged for this caller"},
        **problems(400, 401, 404, 422, 503),
    },
    response_model=InmateFileView,
)
async def get_inmate_file(
    request: Request, reference: Reference, if_none_match: IfNoneMatch = None
) -> Response:
    """Released fields with form, policies and basis; every other field with a reason code."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Disclosure | Refusal:
        return disclose(connection, house, caller, reference, if_none_match=if_none_match, at=at)

    disclosure = await perform(request, door)
    headers = {"ETag": disclosure.etag, **_on_record(disclosure)}
    if disclosure.not_modified:
        return Response(status_code=304, headers=headers)
    return Response(disclosure.body, media_type=answers.JSON, headers=headers)


# As what a read is measured that does not come by way of the router.
READ: BaseRoute = router.routes[-1]


@router.get(
    "/{reference}/explanation",
    summary="Why each field is released or withheld",
    responses=problems(400, 401, 403, 404, 422, 503),
    response_model=Explanation | FullExplanation,
)
async def explain_inmate_file(
    request: Request, reference: Reference, query: Annotated[ExplanationQuery, Query()]
) -> Response:
    """Form and reason of every field.

    The custodian is told conditions and citations too, and may ask about any agency and purpose.
    """
    about = About(query.agency, query.purpose) if query.agency and query.purpose else None

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Told | Refusal:
        return explain_file(connection, house, caller, reference, about=about, at=at)

    answer = await perform(request, door)
    return Response(answer.body, media_type=answers.JSON, headers=_on_record(answer))


def _on_record(answer: Disclosure | Told) -> dict[str, str]:
    """The entry of an answer, and the signed promise that it stands in the log."""
    return {"Disclosure-Entry": answer.entry_id, HEADER: answer.receipt}


@router.post(
    "/import",
    summary="Import many files, one JSON object a line",
    openapi_extra=accepts(ImportLine, NDJSON),
    responses={
        200: {"content": {NDJSON: {"schema": ImportedLine.model_json_schema()}}},
        **problems(400, 401, 413, 415),
    },
    response_class=Response,
)
async def import_inmate_files(request: Request) -> Response:
    """Each line is `{"reference", "sections"}`; each gets an answer line with its number.

    A line stands whole or not at all, and on its own: it replaces what the caller owns of a
    file that exists, as the newest state of its register. The token is read once, at the
    start; client and officer are checked anew with every line. Answers come while lines are
    still being sent: whoever sends very many has to read at the same time.
    """
    # Its lines are transactions of their own, so a repeated request is refused before the first.
    grant = await begin(request)
    settings = service_of(request).settings
    chunks = stream(request, types=(NDJSON,), limit=settings.import_limit)
    first = await anext(chunks, b"")
    lines = _lines(first, chunks, limit=settings.body_limit)
    return answers.Lines(_import(request, grant, lines), media_type=NDJSON)


async def _import(
    request: Request, grant: Grant, lines: AsyncIterator[bytes | None]
) -> AsyncIterator[bytes]:
    number = 0
    try:
        async for line in lines:
            number += 1
            if line is None or line.strip():
                yield orjson.dumps(await _import_line(request, grant, number, line)) + b"\n"
    except ThroughcareError as problem:
        yield orjson.dumps(refused_line(number + 1, problem)) + b"\n"


async def _import_line(
    request: Request, grant: Grant, number: int, line: bytes | None
) -> dict[str, Any]:
    try:
        submission = _submission(line, service_of(request).settings)
    except ThroughcareError as problem:
        return refused_line(number, problem)
    return await import_submission(request, grant, number, submission)


async def import_submission(
    request: Request, grant: Grant, number: int, submission: Submission
) -> dict[str, Any]:
    """Store what a line submits, by itself; the answer to the line."""
    try:
        stored = await _contribute(request, grant, submission)
    except ThroughcareError as problem:
        return refused_line(number, problem)
    except Exception as error:  # noqa: BLE001 - the other lines have nothing to do with it
        return refused_line(number, answers.unmapped(error))
    status = "created" if stored.created else "changed" if stored.changed else "unchanged"
    return {"line": number, "status": status}


def _submission(line: bytes | None, settings: Settings) -> Submission:
    """What a line submits; None stands for a line that was too long to keep."""
    if line is None:
        raise BodyTooLarge(f"expected lines of at most {settings.body_limit} bytes")
    reference, sections = read_line(parse_json(line))
    return imported(reference, sections)


def imported(
    reference: str, sections: dict[str, dict[str, Any]], *, reviewed: bool = False
) -> Submission:
    """The newest state of a register about one reference."""
    return Submission(
        reference=reference,
        sections=sections,
        complete=True,
        precondition=Precondition(required=False),
        channel=Channel.IMPORT,
        reviewed=reviewed,
    )


def read_line(content: Any) -> tuple[str, dict[str, dict[str, Any]]]:  # noqa: ANN401 - JSON can be anything
    """Reference and sections of a line. Raises InvalidInput."""
    if not isinstance(content, dict) or content.keys() != {"reference", "sections"}:
        raise InvalidInput("expected an object with reference and sections")
    reference = content["reference"]
    if not isinstance(reference, str) or not REFERENCE.fullmatch(reference):
        finding = FieldError(
            "/reference", "expected 1 to 64 letters, digits or . _ : -, a letter or digit first"
        )
        raise InvalidInput("the reference cannot be one", errors=(finding,))
    return reference, parse_submission({"sections": content["sections"]})


def refused_line(number: int, problem: ThroughcareError) -> dict[str, Any]:
    """The answer to a line that is not stored, and why."""
    return {
        "line": number,
        "status": "refused",
        "problem": problem.slug,
        "detail": problem.detail,
        "errors": [{"pointer": e.pointer, "message": e.message} for e in problem.errors],
    }


async def _lines(
    first: bytes, chunks: AsyncIterator[bytes], *, limit: int
) -> AsyncIterator[bytes | None]:
    """Lines of a streamed body; None in place of one of more than `limit` bytes.

    No more than one chunk and one line is ever held.
    """
    rest, too_long = first, False
    while True:
        *whole, rest = rest.split(b"\n")
        for line in whole:
            yield None if too_long or len(line) > limit else line
            too_long = False
        if len(rest) > limit:
            rest, too_long = b"", True
        chunk = await anext(chunks, None)
        if chunk is None:
            break
        rest += chunk
    if rest or too_long:
        yield None if too_long else rest


async def _contribute(
    request: Request, grant: Grant, submission: Submission, *, urgent: bool = False
) -> Contribution:
    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Contribution | Refusal:
        return contribute(connection, house, caller, submission, at=at)

    return await perform(request, door, grant=grant, urgent=urgent)


def _contributed(stored: Contribution) -> Response:
    answer = answers.json_answer(
        {"created": stored.created, "changed": list(stored.changed)},
        201 if stored.created else 200,
    )
    answer.headers["ETag"] = stored.etag
    return answer
