"""Commands of the registry: agencies, their clients and officers."""

import json
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from app.administration import designations, registry
from app.agencies.registry import (
    REGISTRY_PURPOSE,
    AgencyRecord,
    ClientRecord,
    Ground,
    ProviderRecord,
)
from app.cases.fact import Fact
from app.cli.offline import run
from app.cli.output import Json, show
from app.policy.roles import PURPOSES
from app.problems import InvalidInput
from app.receiver.new_agency import NewAgency, write_configuration

T = TypeVar("T")

agency = typer.Typer(help="Agencies: organisations with one role.", no_args_is_help=True)
client = typer.Typer(help="Clients: systems of an agency.", no_args_is_help=True)
officer = typer.Typer(help="Officers on whose behalf clients call.", no_args_is_help=True)

AgencyId = Annotated[str, typer.Option("--agency", help="Id of the agency.")]


@agency.command("add")
def add_agency(
    agency_id: Annotated[str, typer.Argument(help="Id, for example welfare-gjilan.")],
    *,
    name: Annotated[str, typer.Option(help="Name as others know it.")],
    role: Annotated[str, typer.Option(help="Role in the policy, or operator.")],
    country: Annotated[str, typer.Option(help="ISO 3166-1 code; XK is user-assigned.")],
    municipality: Annotated[
        list[str] | None, typer.Option(help="A municipality it is competent for; repeatable.")
    ] = None,
    standing_acceptance: Annotated[
        bool, typer.Option(help="It accepts every referral beforehand.")
    ] = False,
    fallback: Annotated[
        bool, typer.Option(help="It stands in where nobody else of its role is competent.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Register an agency."""
    record = AgencyRecord(
        agency_id=agency_id,
        name=name,
        role=role,
        country=country,
        municipalities=frozenset(municipality or ()),
        standing_acceptance=standing_acceptance,
        fallback=fallback,
    )
    run(lambda c, house, at: registry.register_agency(c, house, record, at=at))
    show({"agency": agency_id, "status": "active"}, as_json=as_json)


@agency.command("designations")
def list_designations(*, as_json: Json = False) -> None:
    """List the trained units that agencies have proposed, and where each stands."""
    found: list[Fact] = []
    run(lambda c, house, _: found.extend(designations.listing(c, house)))
    rows = [
        {
            "designation": one.fact_id,
            "agency": one.agency_id,
            "status": one.status,
            "expires_at": None if one.expires_at is None else one.expires_at.isoformat(),
        }
        for one in found
    ]
    show({"designations": rows}, as_json=as_json)


@agency.command("designate")
def designate(
    designation: Annotated[str, typer.Argument(help="Id of the proposal.")],
    *,
    as_json: Json = False,
) -> None:
    """Confirm that an agency's unit is designated and trained."""
    run(lambda c, house, at: designations.confirm(c, house, designation, at=at))
    show({"designation": designation, "status": "in-force"}, as_json=as_json)


@agency.command("end-designation")
def end_designation(
    designation: Annotated[str, typer.Argument(help="Id of the designation.")],
    *,
    as_json: Json = False,
) -> None:
    """End a designation; it counts no more at the next call."""
    run(lambda c, house, at: designations.end(c, house, designation, at=at))
    show({"designation": designation, "status": "ended"}, as_json=as_json)


@agency.command("add-identity-provider")
def add_provider(
    issuer: Annotated[str, typer.Argument(help="Its issuer, as its tokens name it.")],
    *,
    agency_id: AgencyId,
    audience: Annotated[str, typer.Option(help="How its tokens name this service.")],
    jwks_uri: Annotated[str, typer.Option(help="Address of its public keys.")],
    acr: Annotated[list[str], typer.Option(help="A way to sign in that is good; repeatable.")],
    max_age: Annotated[int, typer.Option(help="Seconds since the officer signed in.")] = 3600,
    as_json: Json = False,
) -> None:
    """Register where an agency's officers sign in; its tokens prove them."""
    record = ProviderRecord(
        issuer=issuer,
        agency_id=agency_id,
        audience=audience,
        jwks_uri=jwks_uri,
        acr_values=tuple(acr),
        max_age=max_age,
    )
    run(lambda c, house, at: registry.register_provider(c, house, record, at=at))
    show({"identity_provider": issuer, "status": "active"}, as_json=as_json)


@agency.command("revoke-identity-provider")
def revoke_provider(
    issuer: Annotated[str, typer.Argument(help="Its issuer.")], *, as_json: Json = False
) -> None:
    """End an identity provider; whom it proved is proven no more from the next call on."""
    run(lambda c, house, at: registry.revoke_provider(c, house, issuer, at=at))
    show({"identity_provider": issuer, "status": "revoked"}, as_json=as_json)


@client.command("add")
def add_client(
    client_id: Annotated[str, typer.Argument(help="Id, for example welfare-gjilan-1.")],
    *,
    agency_id: AgencyId,
    jwks: Annotated[Path, typer.Option(help="File with its public keys (JWK Set).")],
    ground: Annotated[
        list[str], typer.Option(help="PURPOSE=BASIS: a purpose and its basis in law; repeatable.")
    ],
    bearer: Annotated[
        bool, typer.Option(help="Allow tokens without proof of possession: it cannot make one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Register a system of an agency with its public keys."""
    record = ClientRecord(
        client_id=client_id,
        agency_id=agency_id,
        jwks=read_json(jwks),
        grounds=tuple(ground_of(text) for text in ground),
        bearer_allowed=bearer,
    )
    run(lambda c, house, at: registry.register_client(c, house, record, at=at))
    show({"client": client_id, "status": "active"}, as_json=as_json)


@client.command("revoke")
def revoke_client(
    client_id: Annotated[str, typer.Argument(help="Id of the client.")], *, as_json: Json = False
) -> None:
    """End a client; its tokens work no more from the next call on."""
    run(lambda c, house, at: registry.revoke_client(c, house, client_id, at=at))
    show({"client": client_id, "status": "revoked"}, as_json=as_json)


@client.command("new")
def new_client(  # noqa: PLR0913 - options by name
    folder: Annotated[Path, typer.Argument(help="Folder to make, at the agency.")],
    *,
    client_id: Annotated[str, typer.Option(help="Id that will be registered.")],
    issuer: Annotated[str, typer.Option(help="Base address of the service.")],
    officer_id: Annotated[str, typer.Option("--officer", help="On whose behalf it calls.")],
    purpose: Annotated[str, typer.Option(help="What for.")],
    legal_basis: Annotated[str, typer.Option(help="On which basis.")],
    agency_id: Annotated[
        str, typer.Option("--agency", help="Id of the agency: writes what the operator posts.")
    ] = "",
    log_key: Annotated[
        str | None,
        typer.Option(help="The log's key, as init printed it: nothing is used without receipts."),
    ] = None,
    as_json: Json = False,
) -> None:
    """At the agency: make keys and a configuration, and the public keys to be registered."""
    known = sorted({*PURPOSES, REGISTRY_PURPOSE})
    if purpose not in known:
        raise InvalidInput(f"expected a purpose of: {', '.join(known)}")
    made = write_configuration(
        folder,
        issuer=issuer,
        client_id=client_id,
        officer=officer_id,
        purpose=purpose,
        legal_basis=legal_basis,
        log_key=log_key,
    )
    public = folder / "jwks.json"
    public.write_text(json.dumps(made.jwks) + "\n", encoding="utf-8")
    written = {"configuration": str(made.path), "jwks": str(public)}
    if agency_id:
        written |= _write_bodies(folder, agency_id, made)
    show(written, as_json=as_json)


def _write_bodies(folder: Path, agency_id: str, made: NewAgency) -> dict[str, str]:
    """What the operator looks at and posts to /v1/officers and /v1/clients. Nothing is secret.

    The files, each by what for.
    """
    said = made.configuration
    ground = {"purpose": said.purpose, "legal_basis": said.legal_basis}
    bodies: dict[str, dict[str, Any]] = {
        "client": {"client": said.client_id, "jwks": made.jwks, "grounds": [ground]},
        "officer": {"officer": said.officer, "function": "officer"},
    }
    files = {name: folder / f"{name}.json" for name in bodies}
    for name, file in files.items():
        text = json.dumps({"agency": agency_id, **bodies[name]}, indent=1)
        file.write_text(f"{text}\n", encoding="utf-8")
    return {f"{name} for the operator": str(file) for name, file in files.items()}


@officer.command("add")
def add_officer(
    officer_id: Annotated[str, typer.Argument(help="The agency's own id of the officer.")],
    *,
    agency_id: AgencyId,
    function: Annotated[str, typer.Option(help="Function, for example case worker.")],
    as_json: Json = False,
) -> None:
    """Register an officer of an agency."""
    run(
        lambda c, house, at: registry.register_officer(
            c, house, agency_id=agency_id, officer_id=officer_id, function=function, at=at
        )
    )
    show({"officer": officer_id, "status": "active"}, as_json=as_json)


@officer.command("end")
def end_officer(
    officer_id: Annotated[str, typer.Argument(help="The agency's own id of the officer.")],
    *,
    agency_id: AgencyId,
    as_json: Json = False,
) -> None:
    """End an officer; nobody acts on their behalf from the next call on."""
    run(
        lambda c, house, at: registry.revoke_officer(
            c, house, agency_id=agency_id, officer_id=officer_id, at=at
        )
    )
    show({"officer": officer_id, "status": "ended"}, as_json=as_json)


def ground_of(text: str) -> Ground:
    """`PURPOSE=BASIS`; a basis may hold further equals signs."""
    purpose, _, legal_basis = text.partition("=")
    return Ground(purpose, legal_basis)


def read_json(path: Path) -> dict[str, object]:
    """The JSON object of a file, or InvalidInput."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InvalidInput(f"{path}: expected JSON") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"{path}: expected a JSON object")
    return content
