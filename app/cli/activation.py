"""Commands by which a policy bundle takes effect: officers, approve, activate, revoke, status."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.activation import officers, register
from app.activation.loading import Terms
from app.activation.register import Standing
from app.activation.statement import Kind
from app.administration import policy_bundles, policy_officers
from app.administration.policy_status import policy_status
from app.cli.offline import at_work
from app.cli.output import Json, screen, show
from app.cli.policy_report import show_changes
from app.cli.registry import read_json
from app.crypto.signing_keys import SigningKey
from app.database import Database
from app.house import House
from app.main import terms
from app.policy import revocation
from app.policy.archive import Archive
from app.problems import Conflict, InvalidInput
from app.receiver.private_files import read_private_file, write_private_file
from app.settings import Settings

if TYPE_CHECKING:
    from app.activation.candidate import Candidate

officer = typer.Typer(help="Policy officers: who may sign for a bundle.", no_args_is_help=True)

Key = Annotated[Path, typer.Option(help="The officer's private key (PEM, readable by its owner).")]
OfficerId = Annotated[str, typer.Option("--officer", help="Id of the policy officer.")]
Digest = Annotated[str, typer.Argument(help="Digest of a stored bundle.")]


def add_commands(policy: typer.Typer) -> None:
    """Add these commands to those of the policy."""
    policy.add_typer(officer, name="officer")
    for command in (approve, activate, revoke, confirm, status, export):
        policy.command()(command)


@dataclass(frozen=True, slots=True)
class Desk:
    """The installation while a command works on it: nobody else may hold its database file."""

    settings: Settings
    database: Database
    house: House
    at: datetime

    @property
    def terms(self) -> Terms:
        """Under which terms this installation loads a bundle."""
        return terms(self.settings, self.house.profile, self.at)

    def standing(self) -> Standing:
        """The activation that this desk works upon."""
        standing = self.database.read_blocking(register.latest)
        if standing is None or standing.sequence != self.house.activation:
            raise Conflict("another policy bundle took effect meanwhile")
        return standing

    def stored(self, digest: str) -> Archive:
        """The files of a stored bundle."""
        return self.database.read_blocking(lambda c: register.stored(c, digest))


@contextmanager
def _desk() -> Iterator[Desk]:
    settings = Settings.from_environment()
    with at_work(settings) as (database, house, at):
        yield Desk(settings, database, house, at)


# -- officers -----------------------------------------------------------------------------------


@officer.command("key")
def make_key(
    file: Annotated[Path, typer.Argument(help="File to make; the public key goes beside it.")],
    *,
    as_json: Json = False,
) -> None:
    """For the officer, on the officer's own machine: make a key, readable by nobody else."""
    key = SigningKey.generate()
    write_private_file(file, key.to_pem())
    public = file.with_name(f"{file.name}.jwk")
    public.write_text(json.dumps(key.public_jwk()) + "\n", encoding="utf-8")
    show({"key": str(file), "jwk": str(public)}, as_json=as_json)


@officer.command("add")
def add_officer(
    officer_id: Annotated[str, typer.Argument(help="Id, for example officer-1.")],
    *,
    jwk: Annotated[Path, typer.Option(help="File with the public key (JWK).")],
    as_json: Json = False,
) -> None:
    """Register a policy officer with a public key."""
    content = read_json(jwk)
    with _desk() as desk:
        desk.database.run_blocking(
            lambda c: policy_officers.register_policy_officer(
                c, desk.house, officer_id, content, at=desk.at
            )
        )
    show({"officer": officer_id, "status": "active"}, as_json=as_json)


@officer.command("end")
def end_officer(
    officer_id: Annotated[str, typer.Argument(help="Id of the officer.")], *, as_json: Json = False
) -> None:
    """From now on the officer's word counts no more."""
    with _desk() as desk:
        desk.database.run_blocking(
            lambda c: policy_officers.end_policy_officer(c, desk.house, officer_id, at=desk.at)
        )
    show({"officer": officer_id, "status": "ended"}, as_json=as_json)


@officer.command("list")
def list_officers(*, as_json: Json = False) -> None:
    """Every policy officer, with the fingerprint of the key."""
    with _desk() as desk:
        rows = desk.database.read_blocking(officers.rows)
    found = [
        {
            "officer": row.officer_id,
            "key": row.thumbprint,
            "status": "active" if row.ended_at is None else "ended",
        }
        for row in rows
    ]
    if as_json:
        show({"officers": found}, as_json=True)
    else:
        for one in found:
            screen.print(" ".join(one.values()), markup=False)


# -- bundles ------------------------------------------------------------------------------------


def approve(
    directory: Annotated[Path, typer.Argument(help="Folder of the bundle that is proposed.")],
    *,
    key: Key,
    officer_id: OfficerId,
    effective_from: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Not before this day; at once if not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check and prove a bundle, show all that it changes, and sign for it."""
    signing = _private_key(key)
    day = None if effective_from is None else effective_from.date()
    with _desk() as desk:
        made = _candidate(desk, Archive.read(directory, desk.settings.profile))
        _show(made, as_json=as_json)
        token = made.statement(Kind.ACTIVATION, effective_from=day, at=desk.at).signed(signing)
        desk.database.run_blocking(
            lambda c: policy_bundles.approve(c, desk.house, made, officer_id, token, at=desk.at)
        )
    _say_signed(made, officer_id, as_json=as_json)


def activate(digest: Digest, *, as_json: Json = False) -> None:
    """Check everything anew, and put a bundle in force that two officers have signed for."""
    with _desk() as desk:
        made = _candidate(desk, desk.stored(digest))
        number = desk.database.run_blocking(
            lambda c: policy_bundles.activate(c, desk.house, made, at=desk.at)
        )
    show({"digest": digest, "activation": number}, as_json=as_json)


def revoke(
    policy_ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of permits to take out.")
    ] = None,
    *,
    key: Key,
    officer_id: OfficerId,
    forbid: Annotated[Path | None, typer.Option(help="A file of forbids to put in.")] = None,
    as_json: Json = False,
) -> None:
    """In an emergency: narrow the bundle in force at once, on one officer's word."""
    from app.activation.candidate import narrowed  # noqa: PLC0415 - loads the solver

    if not policy_ids and forbid is None:
        raise InvalidInput("expected ids of permits to take out, or a file of forbids to put in")
    signing = _private_key(key)
    with _desk() as desk:
        old = desk.stored(desk.house.bundle.digest)
        new = revocation.without(old, policy_ids or [])
        if forbid is not None:
            new = revocation.with_forbids(new, forbid.read_text(encoding="utf-8"))
        made = narrowed(desk.standing(), old, new, desk.terms)
        _show(made, as_json=as_json)
        kind = Kind.EMERGENCY_REVOCATION
        token = made.statement(kind, effective_from=None, at=desk.at).signed(signing)
        number = desk.database.run_blocking(
            lambda c: policy_bundles.revoke(c, desk.house, made, officer_id, token, at=desk.at)
        )
    show({"digest": made.archive.digest, "activation": number}, as_json=as_json)


def confirm(*, key: Key, officer_id: OfficerId, as_json: Json = False) -> None:
    """As a second officer: sign for the emergency revocation that is in force."""
    from app.activation.candidate import narrowed  # noqa: PLC0415 - loads the solver

    signing = _private_key(key)
    with _desk() as desk:
        chain = desk.database.read_blocking(register.history)
        if chain[-1].kind != Kind.EMERGENCY_REVOCATION:
            raise Conflict("no emergency revocation is in force")
        before = chain[-2]
        made = narrowed(
            Standing(before.sequence, before.digest, before.kind),
            desk.stored(before.digest),
            desk.stored(desk.house.bundle.digest),
            desk.terms,
        )
        _show(made, as_json=as_json)
        kind = Kind.EMERGENCY_REVOCATION
        token = made.statement(kind, effective_from=None, at=desk.at).signed(signing)
        desk.database.run_blocking(
            lambda c: policy_bundles.confirm(c, desk.house, made, officer_id, token, at=desk.at)
        )
    _say_signed(made, officer_id, as_json=as_json)


def status(*, as_json: Json = False) -> None:
    """The bundle in force, how it came about, what waits for a signature or a review."""
    with _desk() as desk:
        found = desk.database.read_blocking(lambda c: policy_status(c, desk.house, at=desk.at))
    if as_json:
        show(found, as_json=True)
    else:
        _show_status(found)


def export(
    digest: Digest,
    directory: Annotated[Path, typer.Argument(help="Folder to write, new or empty.")],
    *,
    as_json: Json = False,
) -> None:
    """Write the files of a stored bundle."""
    with _desk() as desk:
        archive = desk.stored(digest)
    archive.write(directory)
    show({"digest": digest, "files": len(archive.files)}, as_json=as_json)


def _candidate(desk: Desk, new: Archive) -> "Candidate":
    from app.activation.candidate import candidate  # noqa: PLC0415 - loads the solver

    old = desk.stored(desk.house.bundle.digest)
    return candidate(desk.standing(), old, new, desk.terms)


def _private_key(file: Path) -> SigningKey:
    return SigningKey.from_pem(read_private_file(file))


def _show(made: "Candidate", *, as_json: bool) -> None:
    if not as_json:
        show_changes(made.changes)


def _say_signed(made: "Candidate", officer_id: str, *, as_json: bool) -> None:
    content: dict[str, Any] = {
        "digest": made.archive.digest,
        "officer": officer_id,
        "report_sha256": made.report_digest,
        "gains": made.changes.gains,
        "losses": made.changes.losses,
    }
    if as_json:
        content["report"] = made.changes.to_json()
    show(content, as_json=as_json)


def _show_status(found: dict[str, Any]) -> None:
    now = found["in_force"]
    _say(f"in force: {now['digest']} ({now['country']}), activation {now['sequence']}")
    if now["confirmation"]:
        late = ", overdue" if now["confirmation"]["overdue"] else ""
        _say(f"to be confirmed by a second officer until {now['confirmation']['due']}{late}")
    for one in found["history"]:
        by = f", signed by {', '.join(one['signed_by'])}" if one["signed_by"] else ""
        _say(f"{one['sequence']} {one['at']} {one['kind']} {one['digest']}{by}")
    for one in found["open_approvals"]:
        said = one.get("problem") or f"signed by {one['officer']} at {one['made_at']}"
        _say(f"waiting: {one['new']} {said}")
    for id_ in found["reviews_due"]:
        _say(f"review due: {id_}")


def _say(text: str) -> None:
    screen.print(text, markup=False, soft_wrap=True)
