"""The registry: agencies, their clients and officers. One purpose opens it, and nothing else."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import APIRouter, Header, Path, Query, Request, Response
from sqlalchemy import Connection

from app.administration import registry_desk as desk
from app.administration.registry_desk import Change
from app.agencies import contacts, shown
from app.agencies.directory import Registered
from app.agencies.registry import AgencyRecord, ClientRecord, Ground, OfficerRecord
from app.agencies.shown import Shown
from app.agencies.tokens import Caller
from app.api import registry_models as models
from app.api.answers import JSON, json_answer
from app.api.body import MERGE_PATCH, read_model
from app.api.contract import accepts, problems
from app.api.models import Model
from app.api.service import grant_of, perform, service_of
from app.disclosure.entity_tags import etag_of, names
from app.house import House, Refusal
from app.problems import InvalidInput, PreconditionFailed, PreconditionRequired

router = APIRouter(prefix="/v1", tags=["registry"])

M = TypeVar("M", bound=Model)
R = TypeVar("R", AgencyRecord, ClientRecord, OfficerRecord)

Id = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
IfMatch = Annotated[
    str | None, Header(max_length=1_000, description="The ETag of the entry to change.")
]

ETAG = {"ETag": {"schema": {"type": "string"}}}
ONE = problems(400, 401, 403, 404, 422, 503)
ENDED: dict[str, Any] = {"status_code": 204, "responses": ONE}


def _new(model: type[Model]) -> dict[str, Any]:
    """What every route that registers something declares."""
    return {
        "status_code": 201,
        "openapi_extra": accepts(model, JSON),
        "responses": {
            201: {"headers": ETAG},
            **problems(400, 401, 403, 409, 413, 415, 422, 503),
        },
    }


def _change(model: type[Model]) -> dict[str, Any]:
    """What every route that changes an entry declares."""
    return {
        "openapi_extra": accepts(model, JSON, MERGE_PATCH),
        "responses": {
            200: {"headers": ETAG},
            **problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503),
        },
    }


@router.get(
    "/agencies",
    summary="Agencies that the caller looks after",
    responses=problems(400, 401, 403, 422, 503),
    response_model=models.AgencyPage,
)
async def list_agencies(request: Request, query: Annotated[models.PageQuery, Query()]) -> Response:
    """All of them for the operator, its own for everybody else; ended ones too."""

    def door(connection: Connection, _: House, caller: Caller, __: datetime) -> list[Any]:
        return desk.agencies(connection, caller, after=query.after, limit=query.limit + 1)

    found = await perform(request, door, registry=True)
    return json_answer(_page("agencies", "agency", [*map(shown.agency, found)], query.limit))


@router.post(
    "/agencies",
    summary="Register an agency",
    response_model=models.AgencyEntry,
    **_new(models.NewAgency),
)
async def register_agency(request: Request) -> Response:
    """By the operator. Another operator is registered at the installation itself."""
    asked = await _asked(request, models.NewAgency)
    new = AgencyRecord(
        agency_id=asked.agency, role=asked.role, country=asked.country, **_agency_members(asked)
    )

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return desk.register_agency(connection, house, caller, new, at=at)

    await perform(request, door, registry=True)
    return _entry(shown.agency(Registered(new, active=True)), 201)


@router.get(
    "/agencies/{agency}",
    summary="An agency",
    responses={200: {"headers": ETAG}, **ONE},
    response_model=models.AgencyEntry,
)
async def get_agency(request: Request, agency: Id) -> Response:
    """By the operator, or by the agency itself."""

    def door(
        connection: Connection, _: House, caller: Caller, __: datetime
    ) -> Registered[AgencyRecord]:
        return desk.agency(connection, caller, agency)

    return _entry(shown.agency(await perform(request, door, registry=True)))


@router.patch(
    "/agencies/{agency}",
    summary="Change an agency",
    response_model=models.AgencyEntry,
    **_change(models.AgencyChange),
)
async def change_agency(request: Request, agency: Id, if_match: IfMatch = None) -> Response:
    """By the operator; how it is reached, by the agency itself too. Role and country stay."""
    asked = await _asked(request, models.AgencyChange, JSON, MERGE_PATCH)
    change = Change(_given(asked, _agency_members(asked)), _unchanged(if_match, shown.agency))

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Registered[AgencyRecord] | Refusal:
        return desk.change_agency(connection, house, caller, agency, change, at=at)

    return _entry(shown.agency(await perform(request, door, registry=True)))


@router.post("/agencies/{agency}/revocation", summary="End an agency", **ENDED)
async def revoke_agency(request: Request, agency: Id) -> Response:
    """By the operator: none of its clients is anybody from the next request on."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return desk.revoke_agency(connection, house, caller, agency, at=at)

    await perform(request, door, registry=True)
    return Response(status_code=204)


@router.get(
    "/clients",
    summary="Clients of an agency",
    responses=ONE,
    response_model=models.ClientPage,
)
async def list_clients(
    request: Request, query: Annotated[models.OfAgencyQuery, Query()]
) -> Response:
    """With their public keys and what they may call for; ended ones too."""

    def door(connection: Connection, _: House, caller: Caller, __: datetime) -> list[Any]:
        agency = query.agency or caller.agency_id
        return desk.clients(connection, caller, agency, after=query.after, limit=query.limit + 1)

    found = await perform(request, door, registry=True)
    return json_answer(_page("clients", "client", [*map(shown.client, found)], query.limit))


@router.post(
    "/clients",
    summary="Register a client",
    response_model=models.ClientEntry,
    **_new(models.NewClient),
)
async def register_client(request: Request) -> Response:
    """By the operator, who has to know that the keys and the grounds are the agency's."""
    asked = await _asked(request, models.NewClient)
    new = ClientRecord(client_id=asked.client, agency_id=asked.agency, **_client_members(asked))

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Registered[ClientRecord] | Refusal:
        refused = desk.register_client(connection, house, caller, new, at=at)
        return refused or desk.client(connection, caller, new.client_id)

    return _entry(shown.client(await perform(request, door, registry=True)), 201)


@router.get(
    "/clients/{client}",
    summary="A client",
    responses={200: {"headers": ETAG}, **ONE},
    response_model=models.ClientEntry,
)
async def get_client(request: Request, client: Id) -> Response:
    """By the operator, or by its agency."""

    def door(
        connection: Connection, _: House, caller: Caller, __: datetime
    ) -> Registered[ClientRecord]:
        return desk.client(connection, caller, client)

    return _entry(shown.client(await perform(request, door, registry=True)))


@router.patch(
    "/clients/{client}",
    summary="Change a client: rotate its keys",
    response_model=models.ClientEntry,
    **_change(models.ClientChange),
)
async def change_client(request: Request, client: Id, if_match: IfMatch = None) -> Response:
    """Keys by its agency or the operator; grounds and proofs by the operator alone."""
    asked = await _asked(request, models.ClientChange, JSON, MERGE_PATCH)
    change = Change(_given(asked, _client_members(asked)), _unchanged(if_match, shown.client))

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Registered[ClientRecord] | Refusal:
        return desk.change_client(connection, house, caller, client, change, at=at)

    return _entry(shown.client(await perform(request, door, registry=True)))


@router.post("/clients/{client}/revocation", summary="End a client", **ENDED)
async def revoke_client(request: Request, client: Id) -> Response:
    """By its agency or the operator: its tokens work no more from the next request on."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return desk.revoke_client(connection, house, caller, client, at=at)

    await perform(request, door, registry=True)
    return Response(status_code=204)


@router.get(
    "/officers",
    summary="Officers of an agency",
    responses=ONE,
    response_model=models.OfficerPage,
)
async def list_officers(
    request: Request, query: Annotated[models.OfAgencyQuery, Query()]
) -> Response:
    """By the agency's own ids; ended ones too."""

    def door(connection: Connection, _: House, caller: Caller, __: datetime) -> list[Any]:
        agency = query.agency or caller.agency_id
        return desk.officers(connection, caller, agency, after=query.after, limit=query.limit + 1)

    found = await perform(request, door, registry=True)
    return json_answer(_page("officers", "officer", [*map(shown.officer, found)], query.limit))


@router.post(
    "/officers",
    summary="Register an officer",
    response_model=models.OfficerEntry,
    **_new(models.NewOfficer),
)
async def register_officer(request: Request) -> Response:
    """By the agency for its own officers, or by the operator."""
    asked = await _asked(request, models.NewOfficer)
    new = OfficerRecord(agency_id=asked.agency, officer_id=asked.officer, function=asked.function)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return desk.register_officer(connection, house, caller, new, at=at)

    await perform(request, door, registry=True)
    return _entry(shown.officer(Registered(new, active=True)), 201)


@router.get(
    "/officers/{agency}/{officer}",
    summary="An officer",
    responses={200: {"headers": ETAG}, **ONE},
    response_model=models.OfficerEntry,
)
async def get_officer(request: Request, agency: Id, officer: Id) -> Response:
    """By the operator, or by the agency."""

    def door(
        connection: Connection, _: House, caller: Caller, __: datetime
    ) -> Registered[OfficerRecord]:
        return desk.officer(connection, caller, agency, officer)

    return _entry(shown.officer(await perform(request, door, registry=True)))


@router.patch(
    "/officers/{agency}/{officer}",
    summary="Change the function of an officer",
    response_model=models.OfficerEntry,
    **_change(models.OfficerChange),
)
async def change_officer(
    request: Request, agency: Id, officer: Id, if_match: IfMatch = None
) -> Response:
    """By the agency or the operator."""
    asked = await _asked(request, models.OfficerChange, JSON, MERGE_PATCH)
    members = _given(asked, {"function": asked.function})
    change = Change(members, _unchanged(if_match, shown.officer))

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> Registered[OfficerRecord] | Refusal:
        return desk.change_officer(connection, house, caller, (agency, officer), change, at=at)

    return _entry(shown.officer(await perform(request, door, registry=True)))


@router.post("/officers/{agency}/{officer}/end", summary="End an officer", **ENDED)
async def end_officer(request: Request, agency: Id, officer: Id) -> Response:
    """By the agency or the operator: nobody acts on their behalf from the next request on."""

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> Refusal | None:
        return desk.end_officer(connection, house, caller, (agency, officer), at=at)

    await perform(request, door, registry=True)
    return Response(status_code=204)


async def _asked(request: Request, model: type[M], *types: str) -> M:
    """The body, once it is known that somebody calls."""
    grant_of(request)
    limit = service_of(request).settings.body_limit
    return await read_model(request, model, limit=limit, types=types or (JSON,))


def _given(asked: Model, members: Shown) -> Shown:
    """Of the members of a change those that were sent."""
    if not asked.model_fields_set:
        raise InvalidInput("expected something to change")
    return {name: members[name] for name in asked.model_fields_set}


def _agency_members(asked: models.NewAgency | models.AgencyChange) -> Shown:
    second = asked.second_contact
    return {
        "name": asked.name,
        "municipalities": frozenset(asked.municipalities),
        "standing_acceptance": asked.standing_acceptance,
        "fallback": asked.fallback,
        "contact_points": tuple(map(_contact, asked.contact_points)),
        "second_contact": None if second is None else _contact(second),
    }


def _client_members(asked: models.NewClient | models.ClientChange) -> Shown:
    return {
        "jwks": {"keys": asked.jwks.keys},
        "grounds": tuple(Ground(one.purpose, one.legal_basis) for one in asked.grounds),
        "bearer_allowed": asked.bearer_allowed,
    }


def _contact(asked: models.ContactPoint) -> contacts.ContactPoint:
    return contacts.ContactPoint(unit=asked.unit, email=asked.email, phone=asked.phone)


def _page(name: str, key: str, entries: Sequence[Shown], limit: int) -> Shown:
    """A page of one entry less than was looked for: that one says whether there is a next."""
    page = entries[:limit]
    return {name: page, "next": page[-1][key] if len(entries) > limit else None}


def _entry(entry: Shown, status: int = 200) -> Response:
    body = orjson.dumps(entry)
    return Response(body, status_code=status, media_type=JSON, headers={"ETag": etag_of(body)})


def _unchanged(
    if_match: str | None, show: Callable[[Registered[R]], Shown]
) -> Callable[[Registered[R]], None]:
    """Raises where the entry is not in the state that If-Match names (RFC 9110, 13.1.1)."""

    def check(present: Registered[R]) -> None:
        if if_match is None:
            raise PreconditionRequired("a change of an entry needs If-Match with its ETag")
        if not names(if_match, etag_of(orjson.dumps(show(present)))):
            raise PreconditionFailed("the entry has changed; read it again")

    return check
