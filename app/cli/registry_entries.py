"""Commands that show entries of the registry and change them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from app.administration import registry
from app.agencies import directory, shown
from app.agencies.contacts import ContactPoint
from app.agencies.directory import Registered
from app.agencies.registry import AgencyRecord, ClientRecord
from app.agencies.shown import Shown
from app.cli.offline import run
from app.cli.output import Json, show
from app.cli.registry import AgencyId, agency, client, ground_of, officer, read_json
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import KeySet
from app.house import House
from app.problems import InvalidInput, NotFound

# More than any country has of agencies, and any agency of clients and officers.
ALL = 100_000

AgencyName = Annotated[str, typer.Argument(help="Id of the agency.")]
ClientName = Annotated[str, typer.Argument(help="Id of the client.")]
OfficerName = Annotated[str, typer.Argument(help="The agency's own id of the officer.")]


def add_to(cli: typer.Typer) -> None:
    """Add the commands of the registry: these, and those that make an entry."""
    for name, group in (("agency", agency), ("client", client), ("officer", officer)):
        cli.add_typer(group, name=name)


@agency.command("list")
def list_agencies(*, as_json: Json = False) -> None:
    """List every agency, ended ones too."""
    _list(
        "agencies",
        lambda c: map(shown.agency, directory.agencies(c, only=None, after="", limit=ALL)),
        as_json=as_json,
    )


@agency.command("show")
def show_agency(agency_id: AgencyName, *, as_json: Json = False) -> None:
    """Show an agency: role, places, how it is reached."""
    _show(lambda c: shown.agency(_agency(c, agency_id)), as_json=as_json)


@agency.command("change")
def change_agency(
    agency_id: AgencyName,
    *,
    name: Annotated[str | None, typer.Option(help="Name as others know it.")] = None,
    municipality: Annotated[
        list[str] | None, typer.Option(help="All that it is competent for; repeatable.")
    ] = None,
    standing_acceptance: Annotated[
        bool | None, typer.Option(help="Whether it accepts every referral beforehand.")
    ] = None,
    fallback: Annotated[
        bool | None, typer.Option(help="Whether it stands in where nobody else is competent.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change an agency; its role and its country stay."""
    members = _given(
        name=name,
        municipalities=None if municipality is None else frozenset(municipality),
        standing_acceptance=standing_acceptance,
        fallback=fallback,
    )
    _change_agency(agency_id, lambda old: replace(old, **members), as_json=as_json)


@agency.command("contact")
def set_contact(
    agency_id: AgencyName,
    *,
    unit: Annotated[str, typer.Option(help="A unit that answers, such as a duty desk.")] = "",
    email: Annotated[str | None, typer.Option(help="Its e-mail address.")] = None,
    phone: Annotated[str | None, typer.Option(help="Its phone number as E.164.")] = None,
    second: Annotated[
        bool, typer.Option("--second", help="The second contact: for when nobody answers.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away.")] = False,
    as_json: Json = False,
) -> None:
    """Set how an agency is reached: a contact point by its unit, or the second contact."""
    made = None if remove else ContactPoint(unit=unit, email=email, phone=phone)

    def changed(old: AgencyRecord) -> AgencyRecord:
        if second:
            return replace(old, second_contact=made)
        others = [one for one in old.contact_points if one.unit != unit]
        if remove and len(others) == len(old.contact_points):
            raise NotFound("the agency has no contact point of this unit")
        return replace(old, contact_points=(*others, *([] if made is None else [made])))

    _change_agency(agency_id, changed, as_json=as_json)


@agency.command("revoke")
def revoke_agency(agency_id: AgencyName, *, as_json: Json = False) -> None:
    """End an agency; none of its clients is anybody from the next call on."""
    run(lambda c, house, at: registry.revoke_agency(c, house, agency_id, at=at))
    show({"agency": agency_id, "status": "revoked"}, as_json=as_json)


@client.command("list")
def list_clients(*, agency_id: AgencyId, as_json: Json = False) -> None:
    """List the clients of an agency, ended ones too."""

    def found(connection: Connection) -> Iterable[Shown]:
        return map(
            shown.client,
            directory.clients(connection, agency_id=agency_id, after="", limit=ALL),
        )

    _list("clients", found, as_json=as_json)


@client.command("show")
def show_client(client_id: ClientName, *, as_json: Json = False) -> None:
    """Show a client: its agency, public keys and grounds."""
    _show(lambda c: shown.client(_client(c, client_id)), as_json=as_json)


@client.command("change")
def change_client(
    client_id: ClientName,
    *,
    ground: Annotated[
        list[str] | None,
        typer.Option(help="PURPOSE=BASIS: all that it may call for; repeatable."),
    ] = None,
    bearer: Annotated[
        bool | None, typer.Option(help="Whether its tokens need no proof of possession.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change what a client may call for, and how."""
    members = _given(
        grounds=None if ground is None else tuple(map(ground_of, ground)), bearer_allowed=bearer
    )
    _change_client(client_id, lambda old: replace(old, **members), as_json=as_json)


@client.command("add-key")
def add_key(
    client_id: ClientName,
    *,
    jwks: Annotated[Path, typer.Option(help="File with further public keys (JWK Set).")],
    as_json: Json = False,
) -> None:
    """Give a client further keys: both count, until the old one is removed."""
    new = read_json(jwks).get("keys")
    if not isinstance(new, list):
        raise InvalidInput(f"{jwks}: expected a JWK Set")
    _change_client(
        client_id,
        lambda old: replace(old, jwks={"keys": [*old.jwks["keys"], *new]}),
        as_json=as_json,
    )


@client.command("remove-key")
def remove_key(
    client_id: ClientName,
    kid: Annotated[str, typer.Argument(help="Id of the key, as `client show` names it.")],
    *,
    as_json: Json = False,
) -> None:
    """Take a key of a client away; one has to remain."""

    def changed(old: ClientRecord) -> ClientRecord:
        keys = KeySet.from_jwks(old.jwks)
        if kid not in keys:
            raise NotFound("the client has no key of this id")
        return replace(old, jwks=public_jwks(key for one, key in keys.items() if one != kid))

    _change_client(client_id, changed, as_json=as_json)


@officer.command("list")
def list_officers(*, agency_id: AgencyId, as_json: Json = False) -> None:
    """List the officers of an agency, ended ones too."""

    def found(connection: Connection) -> Iterable[Shown]:
        return map(
            shown.officer,
            directory.officers(connection, agency_id=agency_id, after="", limit=ALL),
        )

    _list("officers", found, as_json=as_json)


@officer.command("show")
def show_officer(officer_id: OfficerName, *, agency_id: AgencyId, as_json: Json = False) -> None:
    """Show an officer: function and status."""
    _show(
        lambda c: shown.officer(_known(directory.officer(c, agency_id, officer_id))),
        as_json=as_json,
    )


@officer.command("change")
def change_officer(
    officer_id: OfficerName,
    *,
    agency_id: AgencyId,
    function: Annotated[str, typer.Option(help="Function, for example case worker.")],
    as_json: Json = False,
) -> None:
    """Give an officer another function."""

    def work(connection: Connection, house: House, at: datetime) -> Shown:
        old = _known(directory.officer(connection, agency_id, officer_id)).record
        registry.change_officer(connection, house, replace(old, function=function), at=at)
        return shown.officer(_known(directory.officer(connection, agency_id, officer_id)))

    show(run(work), as_json=as_json)


def _change_agency(
    agency_id: str, changed: Callable[[AgencyRecord], AgencyRecord], *, as_json: bool
) -> None:
    def work(connection: Connection, house: House, at: datetime) -> Shown:
        new = changed(_agency(connection, agency_id).record)
        registry.change_agency(connection, house, new, at=at)
        return shown.agency(_agency(connection, agency_id))

    show(run(work), as_json=as_json)


def _change_client(
    client_id: str, changed: Callable[[ClientRecord], ClientRecord], *, as_json: bool
) -> None:
    def work(connection: Connection, house: House, at: datetime) -> Shown:
        new = changed(_client(connection, client_id).record)
        registry.change_client(connection, house, new, at=at)
        return shown.client(_client(connection, client_id))

    show(run(work), as_json=as_json)


def _agency(connection: Connection, agency_id: str) -> Registered[AgencyRecord]:
    return _known(directory.agency(connection, agency_id, lock=True))


def _client(connection: Connection, client_id: str) -> Registered[ClientRecord]:
    return _known(directory.client(connection, client_id, lock=True))


def _known(found: Registered[Any] | None) -> Registered[Any]:
    if found is None:
        raise NotFound("nothing of this id is registered")
    return found


def _given(**members: object) -> dict[str, Any]:
    """What the command line names; InvalidInput where it names nothing."""
    given = {name: value for name, value in members.items() if value is not None}
    if not given:
        raise InvalidInput("expected something to change")
    return given


def _list(name: str, read: Callable[[Connection], Iterable[Shown]], *, as_json: bool) -> None:
    show({name: run(lambda c, _, __: list(read(c)))}, as_json=as_json)


def _show(read: Callable[[Connection], Shown], *, as_json: bool) -> None:
    show(run(lambda c, _, __: read(c)), as_json=as_json)
