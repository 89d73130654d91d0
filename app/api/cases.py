"""The caller's cases, by its own references."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.contract import problems
from app.api.models import CaseQuery, Cases
from app.api.service import perform
from app.disclosure.caseload import Caseload, caseload
from app.house import House, Refusal

router = APIRouter(prefix="/v1/cases", tags=["cases"])


@router.get(
    "",
    summary="References of persons about whom the caller may ask",
    responses=problems(400, 401, 422, 503),
    response_model=Cases,
)
async def list_cases(request: Request, query: Annotated[CaseQuery, Query()]) -> Response:
    """A page of references. There is no search: what is not listed cannot be asked for."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Caseload | Refusal:
        return caseload(connection, house, caller, after=query.after, limit=query.limit, at=at)

    page = await perform(request, door)
    cases = [{"reference": reference} for reference in page.references]
    return json_answer({"cases": cases, "next": page.next})
