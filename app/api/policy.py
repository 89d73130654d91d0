"""The policy in force, for whoever works under it: who may receive what. No personal data."""

import asyncio
from base64 import b64encode
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from app.agencies import tokens
from app.api.contract import problems
from app.api.models import PolicyMatrix
from app.api.negotiation import preferred
from app.api.service import grant_of, service_of
from app.disclosure.entity_tags import names
from app.policy.matrix_documents import Written
from app.policy.matrix_pages import STYLE

router = APIRouter(prefix="/v1/policy", tags=["policy"])

# The page has one style and nothing else that a browser would have to load or run.
PAGE_SECURITY = (
    "default-src 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)


@router.get(
    "/matrix",
    summary="Who may receive which field, in which form, when and on which basis",
    responses={
        200: {
            "content": {Written.MARKDOWN.value: {}, Written.HTML.value: {}},
            "headers": {"ETag": {"schema": {"type": "string"}}},
        },
        304: {"description": "The same bundle on the same day"},
        **problems(400, 401, 422, 503),
    },
    response_model=PolicyMatrix,
)
async def get_matrix(
    request: Request,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    if_none_match: Annotated[
        str | None, Header(max_length=1_000, description="ETags that the caller has.")
    ] = None,
) -> Response:
    """As the bundle in force has it today, as JSON, Markdown or HTML, for any active client."""
    service = service_of(request)
    grant = grant_of(request)
    await service.database.read(lambda connection: tokens.identify(connection, grant))
    bundle, today = service.house.bundle, service.house.legal_date(service.clock())
    written = Written(preferred(accept, list(Written)))
    etag = f'"{bundle.digest[:32]}-{today.isoformat()}-{written.name.lower()}"'
    headers = {"ETag": etag, "Vary": "Accept"}
    if if_none_match is not None and names(if_none_match, etag, weak=True):
        return Response(status_code=304, headers=headers)
    documents = service.matrices.made(bundle, at=today)
    if documents is None:
        documents = await asyncio.to_thread(service.matrices.make, bundle, at=today)
    if written is Written.HTML:
        headers["Content-Security-Policy"] = PAGE_SECURITY
    return Response(documents[written], media_type=written.value, headers=headers)
