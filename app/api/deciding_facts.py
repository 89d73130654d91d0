"""Facts about a person that widen what an agency may have, stated by those who may state them."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy import Connection

from app.administration import deciding_facts, designations
from app.administration.deciding_facts import DueReview, Stated
from app.administration.fact_rules import Statement
from app.agencies.tokens import Caller
from app.api import fact_models as models
from app.api.answers import json_answer
from app.api.body import JSON, read_model
from app.api.contract import accepts, problems
from app.api.models import REFERENCE, Model
from app.api.service import grant_of, perform, service_of
from app.audit.read_emergencies import unreviewed
from app.audit.read_facts import ReadFact, facts_about
from app.cases.fact import Kind
from app.house import House, Refusal

router = APIRouter(prefix="/v1", tags=["deciding facts"])

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
M = TypeVar("M", bound=Model)


def _stating(model: type[Model]) -> dict[str, Any]:
    """What every route that states a fact declares."""
    return {
        "status_code": 201,
        "openapi_extra": accepts(model, JSON),
        "responses": problems(400, 401, 403, 404, 409, 413, 415, 422, 503),
        "response_model": models.StatedFact,
    }


CONFIRMING: dict[str, Any] = {
    "responses": problems(400, 401, 403, 404, 409, 422, 503),
    "response_model": models.StatedFact,
}
ENDING: dict[str, Any] = {
    "status_code": 204,
    "responses": problems(400, 401, 403, 404, 409, 422, 503),
}


@router.post(
    "/child-links",
    summary="Link a child to the case of an agency",
    **_stating(models.NewChildLink),
)
async def link_child(request: Request) -> Response:
    """By child protection, for itself or for who else cares for the child; to be confirmed."""
    return await _state(
        request,
        models.NewChildLink,
        lambda asked, _: Statement(
            kind=Kind.CHILD_LINK,
            reference=asked.reference,
            agency=asked.agency,
            element=asked.child,
        ),
    )


@router.post(
    "/child-links/{fact_id}/confirmation", summary="Confirm the link of a child", **CONFIRMING
)
async def confirm_child_link(request: Request, fact_id: Id) -> Response:
    """By the custodian or a court."""
    return await _confirm(request, Kind.CHILD_LINK, fact_id)


@router.post("/child-links/{fact_id}/end", summary="End the link of a child", **ENDING)
async def end_child_link(request: Request, fact_id: Id) -> Response:
    """It counts no more at the next call and at the next attempt to deliver."""
    return await _end(request, Kind.CHILD_LINK, fact_id)


@router.post(
    "/court-orders",
    summary="Record an order of a court",
    **_stating(models.NewCourtOrder),
)
async def record_court_order(request: Request) -> Response:
    """By the court, at once for another agency; else by the custodian, to be confirmed."""
    return await _state(
        request,
        models.NewCourtOrder,
        lambda asked, _: Statement(
            kind=Kind.COURT_ORDER,
            reference=asked.reference,
            agency=asked.agency,
            parts=tuple(asked.parts),
            expires_on=date.fromisoformat(asked.expires_on),
            evidence_sha256=asked.evidence_sha256,
            details={"case_number": asked.case_number},
        ),
    )


@router.post(
    "/court-orders/{fact_id}/confirmation", summary="Confirm an order of a court", **CONFIRMING
)
async def confirm_court_order(request: Request, fact_id: Id) -> Response:
    """By an officer of the custodian who did not record it."""
    return await _confirm(request, Kind.COURT_ORDER, fact_id)


@router.post("/court-orders/{fact_id}/end", summary="End an order of a court", **ENDING)
async def end_court_order(request: Request, fact_id: Id) -> Response:
    """By a court, or by whoever recorded it."""
    return await _end(request, Kind.COURT_ORDER, fact_id)


@router.post(
    "/victim-registrations",
    summary="Record that a victim has opted in",
    **_stating(models.NewVictimRegistration),
)
async def register_victim(request: Request) -> Response:
    """By victim support alone, which knows who the victim is; nobody else learns that."""
    return await _state(
        request,
        models.NewVictimRegistration,
        lambda asked, caller: Statement(
            kind=Kind.VICTIM_REGISTRATION, reference=asked.reference, agency=caller.agency_id
        ),
    )


@router.post(
    "/victim-registrations/{fact_id}/end", summary="Record that a victim has opted out", **ENDING
)
async def end_victim_registration(request: Request, fact_id: Id) -> Response:
    """By the same victim support service."""
    return await _end(request, Kind.VICTIM_REGISTRATION, fact_id)


@router.post(
    "/transfer-approvals",
    summary="Sign a transfer to another country, first",
    **_stating(models.NewTransferApproval),
)
async def sign_transfer(request: Request) -> Response:
    """By an officer of the custodian, with every answer of the test; one that is not yes denies."""
    return await _state(
        request,
        models.NewTransferApproval,
        lambda asked, _: Statement(
            kind=Kind.TRANSFER_APPROVAL,
            reference=asked.reference,
            agency=asked.agency,
            expires_on=date.fromisoformat(asked.expires_on),
            evidence_sha256=asked.evidence_sha256,
            details={"answers": models.without_nulls(asked.answers)},
        ),
    )


@router.post(
    "/transfer-approvals/{fact_id}/confirmation",
    summary="Sign a transfer to another country, second",
    **CONFIRMING,
)
async def countersign_transfer(request: Request, fact_id: Id) -> Response:
    """By another officer of the custodian: from now on it counts."""
    return await _confirm(request, Kind.TRANSFER_APPROVAL, fact_id)


@router.post("/transfer-approvals/{fact_id}/end", summary="End a transfer", **ENDING)
async def end_transfer(request: Request, fact_id: Id) -> Response:
    """By the custodian."""
    return await _end(request, Kind.TRANSFER_APPROVAL, fact_id)


@router.post(
    "/relative-consents",
    summary="Record a relative's own consent",
    **_stating(models.NewRelativeConsent),
)
async def take_relative_consent(request: Request) -> Response:
    """By a welfare centre that has the case, from that relative; never in its own favour."""
    return await _state(
        request,
        models.NewRelativeConsent,
        lambda asked, _: Statement(
            kind=Kind.RELATIVE_CONSENT,
            reference=asked.reference,
            agency=asked.recipient_agency,
            purpose=asked.purpose,
            parts=(asked.field,),
            element=asked.relative,
            expires_on=date.fromisoformat(asked.expires_on),
            evidence_sha256=asked.evidence_sha256,
            details={"text_version": asked.text_version},
        ),
    )


@router.post(
    "/relative-consents/{fact_id}/withdrawal", summary="Withdraw a relative's consent", **ENDING
)
async def withdraw_relative_consent(request: Request, fact_id: Id) -> Response:
    """By whoever hears the relative: the custodian, or a welfare centre with the case."""
    return await _end(request, Kind.RELATIVE_CONSENT, fact_id)


@router.post(
    "/emergency-access",
    summary="Open some fields because a life is in danger",
    **_stating(models.NewEmergencyAccess),
)
async def open_in_emergency(request: Request) -> Response:
    """By the custodian for an agency it names, or by a health provider for itself.

    For an hour at most, by an officer whom the agency's identity provider has proven. Somebody
    else reviews it within a day; until an overdue review is done, no further one is opened.
    """
    return await _state(
        request,
        models.NewEmergencyAccess,
        lambda asked, _: Statement(
            kind=Kind.EMERGENCY_ACCESS,
            reference=asked.reference,
            agency=asked.agency,
            parts=tuple(asked.fields),
            minutes=asked.minutes,
            details={"reason": asked.reason, "narrative": asked.narrative},
        ),
        urgent=True,
    )


@router.get(
    "/emergency-access",
    summary="Emergencies that wait for a review",
    responses=problems(400, 401, 503),
    response_model=models.DueReviews,
)
async def list_due_reviews(request: Request) -> Response:
    """About persons in the caller's keeping; for an auditor all of them. Oldest first."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> list[DueReview] | Refusal:
        if (kept := unreviewed(connection, house, caller, at=at)) is not None:
            return [DueReview.of(one, one.fact.person_id, at=at) for one in kept]
        return deciding_facts.due_reviews(connection, house, caller, at=at)

    return json_answer({"reviews": [asdict(one) for one in await perform(request, door)]})


@router.post("/emergency-access/{fact_id}/review", summary="Review an emergency", **ENDING)
async def review_emergency(request: Request, fact_id: Id) -> Response:
    """By an officer of the custodian who did not state it."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return deciding_facts.review(connection, house, caller, fact_id, at=at)

    await perform(request, door)
    return Response(status_code=204)


@router.post("/emergency-access/{fact_id}/end", summary="Close before the time is over", **ENDING)
async def end_emergency(request: Request, fact_id: Id) -> Response:
    """By the custodian or whoever opened; it is still to be reviewed."""
    return await _end(request, Kind.EMERGENCY_ACCESS, fact_id)


@router.post(
    "/designations",
    summary="Propose the caller's own trained unit",
    **_stating(models.NewDesignation),
)
async def propose_designation(request: Request) -> Response:
    """It counts once the administrator of the registry has confirmed it."""
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, models.NewDesignation, limit=service.settings.body_limit)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Stated | Refusal:
        return designations.propose(
            connection,
            house,
            caller,
            evidence_sha256=asked.evidence_sha256,
            expires_on=date.fromisoformat(asked.expires_on),
            at=at,
        )

    return json_answer(asdict(await perform(request, door)), 201)


@router.post("/designations/{fact_id}/end", summary="End a designation", **ENDING)
async def end_designation(request: Request, fact_id: Id) -> Response:
    """By the agency whose unit it is; the administrator can end it, too."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return designations.withdraw(connection, house, caller, fact_id, at=at)

    await perform(request, door)
    return Response(status_code=204)


@router.get(
    "/inmate-files/{reference}/facts",
    summary="The facts about a person that decisions rest on, with their versions",
    responses=problems(400, 401, 404, 422, 503),
    response_model=models.Facts,
)
async def list_facts(
    request: Request,
    reference: Annotated[
        str,
        Path(
            pattern=REFERENCE.pattern,
            description="The custodian's reference; an auditor names the person as the log does.",
        ),
    ],
) -> Response:
    """For the custodian and for auditors. No value of a field is among them."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> list[ReadFact] | Refusal:
        return facts_about(connection, house, caller, reference, at=at)

    return json_answer({"facts": [_listed(one) for one in await perform(request, door)]})


def _listed(read: ReadFact) -> dict[str, Any]:
    fact = read.fact
    return {
        "fact_id": fact.fact_id,
        "kind": fact.kind,
        "agency": fact.agency_id,
        "status": fact.status,
        "counts": read.counts,
        "purpose": fact.purpose,
        "parts": list(fact.parts),
        "element": fact.element,
        "last_day": None if fact.last_day is None else fact.last_day.isoformat(),
        "expires_at": fact.expires_at,
        "versions": [asdict(step) for step in read.versions],
    }


async def _state(
    request: Request,
    model: type[M],
    read: Callable[[M, Caller], Statement],
    *,
    urgent: bool = False,
) -> Response:
    grant_of(request)
    service = service_of(request)
    asked = await read_model(request, model, limit=service.settings.body_limit)

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Stated | Refusal:
        return deciding_facts.state(connection, house, caller, read(asked, caller), at=at)

    return json_answer(asdict(await perform(request, door, urgent=urgent)), 201)


async def _confirm(request: Request, kind: Kind, fact_id: str) -> Response:

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Stated | Refusal:
        return deciding_facts.confirm(connection, house, caller, kind, fact_id, at=at)

    return json_answer(asdict(await perform(request, door)))


async def _end(request: Request, kind: Kind, fact_id: str) -> Response:

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return deciding_facts.end(connection, house, caller, kind, fact_id, at=at)

    await perform(request, door)
    return Response(status_code=204)
