"""Notices that nobody answered, for the custodian."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from app.administration.escalations import own_escalations
from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.contract import problems
from app.api.models import Model
from app.api.registry_models import ContactPoint
from app.api.service import perform
from app.files.code_lists import listed
from app.house import House
from app.releases.event_types import Contact
from app.releases.events import EVENTS

router = APIRouter(prefix="/v1/escalations", tags=["notices"])

EventName = Annotated[str, listed("Event", " ".join(EVENTS))]


class Escalation(Model):
    """A notice without its answer, and to whom it is taken now.

    `second_contact` is that of the silent agency, where it is to be called.
    """

    event: EventName
    agency: str
    contact: Literal[tuple(one.value for one in Contact)]  # type: ignore[valid-type]  # the table names them
    custodian: str
    reference: str
    due_at: datetime
    raised_at: datetime
    second_contact: ContactPoint | None


class Escalations(Model):
    """Every step that was taken and has no answer yet, the oldest first."""

    escalations: list[Escalation]


@router.get(
    "",
    summary="Notices about persons in the caller's keeping that nobody answered",
    responses=problems(400, 401, 503),
    response_model=Escalations,
)
async def list_escalations(request: Request) -> Response:
    """Each until its answer comes."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> list[dict[str, Any]]:
        return own_escalations(connection, house, caller, at=at)

    return json_answer({"escalations": await perform(request, door)})
