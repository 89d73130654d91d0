"""The person's own report, as the custodian or an auditor asks for it on the person's behalf."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import Field as Member
from sqlalchemy import Connection

from app.agencies.tokens import Caller
from app.api.answers import JSON
from app.api.contract import problems
from app.api.models import REFERENCE, Model
from app.api.negotiation import preferred, preferred_language
from app.api.service import perform, service_of
from app.audit.own_report import Made, OwnReport, admit, gather, release
from app.house import House, Refusal
from app.own_report import document
from app.own_report.catalogues import LANGUAGES
from app.own_report.written import Written, write

router = APIRouter(tags=["inmate files"])

TEXT, PDF = "text/plain", "application/pdf"
RENDERED: Mapping[str, Callable[[Written], bytes]] = {
    JSON: Written.to_json,
    TEXT: Written.to_text,
    PDF: document.render,
}
# One after the other, in a thread of their own: a long PDF takes seconds, and the threads of the
# event loop are few. Sequencer and dispatcher work in those.
RENDERER = ThreadPoolExecutor(1, thread_name_prefix="own report")


class Part(Model):
    """A heading and its paragraphs; a paragraph may have several lines."""

    heading: str
    paragraphs: list[str]


class OwnReportInWords(Model):
    """Who received what of a person. `reviewed` says whether the translation has been reviewed."""

    language: Annotated[str, Member(pattern=f"^({'|'.join(LANGUAGES)})$")]
    reviewed: bool
    made_on: date
    title: str
    parts: list[Part]


@router.get(
    "/v1/inmate-files/{reference}/own-report",
    summary="The person's own report: who received which field, in which form, when and why",
    responses={
        200: {
            "content": {TEXT: {}, PDF: {}},
            "headers": {"Content-Language": {"schema": {"type": "string"}}},
        },
        **problems(400, 401, 404, 422, 503),
    },
    response_model=OwnReportInWords,
)
async def get_own_report(
    request: Request,
    reference: Annotated[
        str,
        Path(
            pattern=REFERENCE.pattern,
            description="The custodian's reference; an auditor names the person as the log does.",
        ),
    ],
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    accept_language: Annotated[
        str | None,
        Header(max_length=200, description=f"The person's language, of {', '.join(LANGUAGES)}."),
    ] = None,
) -> Response:
    """For the person, in plain language, as JSON, text or PDF. Making it is an entry itself.

    Some disclosures may lawfully be left out. The same notice stands in everybody's report, and
    nothing in it tells whether any was.
    """
    service = service_of(request)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> str | Refusal:
        return admit(connection, house, caller, reference, at=at)

    person_id = await perform(request, door)
    house, at = service.house, service.clock()
    report = await service.database.read(lambda c: gather(c, house, person_id, at=at))
    media_type = preferred(accept, list(RENDERED))
    language = preferred_language(accept_language, LANGUAGES)
    body = await asyncio.get_running_loop().run_in_executor(
        RENDERER, _rendered, report, house, language, media_type
    )
    await _put_on_record(request, reference, language, media_type, body)
    headers = {"Content-Language": language, "Vary": "Accept, Accept-Language"}
    return Response(body, media_type=media_type, headers=headers)


def _rendered(report: OwnReport, house: House, language: str, media_type: str) -> bytes:
    return RENDERED[media_type](write(report, house.profile, language))


async def _put_on_record(
    request: Request, reference: str, language: str, media_type: str, body: bytes
) -> None:
    """Only then may it leave."""
    made = Made(
        language=language,
        media_type=media_type,
        length=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
    )

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return release(connection, house, caller, reference, made, at=at)

    await perform(request, door)
