"""Commands for notices on paper: who is told so, what waits, made, handed over, acknowledged."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from app.cli.new_files import require_place, write_whole
from app.cli.offline import run
from app.cli.output import Json, errors, show
from app.cli.registry import ground_of
from app.house import House
from app.notifications import paper
from app.notifications.acknowledge import Kind
from app.notifications.paper import HandOver, Identified, NotMade, Pack, PaperWay
from app.outbox import packs
from app.outbox.deliveries import DEAD, RANKS, SENT
from app.problems import Conflict, InvalidInput

pack = typer.Typer(help="Notices on paper, as encrypted documents.", no_args_is_help=True)

AgencyId = Annotated[str, typer.Argument(help="Id of the agency that is told on paper.")]
Jti = Annotated[str, typer.Argument(help="Id of the notice, as `pack list` shows it.")]
Moment = Annotated[
    str, typer.Option("--at", help="When, as 2027-03-03T09:00+01:00; now, unless it is given.")
]
PRIORITIES = {rank: name for name, rank in RANKS.items()}


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(pack, name="pack")


@pack.command("enrol")
def enrol(
    agency_id: AgencyId,
    *,
    officer: Annotated[str, typer.Option(help="Its officer on whose behalf it is told.")],
    ground: Annotated[str, typer.Option(help="PURPOSE=BASIS: what for, on which basis in law.")],
    hand_over_by: Annotated[str, typer.Option(help="Id of the agency that brings the packs.")],
    as_json: Json = False,
) -> None:
    """Have an agency without endpoint or client be told on paper."""
    way = PaperWay(
        agency_id=agency_id,
        officer_id=officer,
        ground=ground_of(ground),
        hand_over_by=hand_over_by,
    )
    made = run(lambda c, house, at: paper.enrol(c, house, way, at=at))
    show({"agency": agency_id, "subscription": made, "way": packs.PAPER}, as_json=as_json)


@pack.command("end")
def end(agency_id: AgencyId, *, as_json: Json = False) -> None:
    """Tell an agency nothing on paper any more; what waits is cancelled."""
    run(lambda c, house, at: paper.end(c, house, agency_id, at=at))
    show({"agency": agency_id, "status": "ended"}, as_json=as_json)


@pack.command("list")
def list_packs(*, as_json: Json = False) -> None:
    """List what waits to be made, handed over or acknowledged. It tells of no person."""
    rows = run(lambda c, _, __: packs.open_packs(c))
    show({"packs": [_shown(row) for row in rows]}, as_json=as_json)


@pack.command("make")
def make(
    jti: Jti,
    *,
    to: Annotated[Path, typer.Option(help="The file to write. It must not be there yet.")],
    as_json: Json = False,
) -> None:
    """Decide a notice afresh, record it, write it encrypted, and print its password once.

    Send the password another way than the file. Made again it gets another password.
    """
    require_place(to)

    def work(connection: Connection, house: House, at: datetime) -> Pack | NotMade:
        return paper.make(connection, house, jti, at=at)

    made = run(work)
    if isinstance(made, NotMade):
        raise Conflict(f"nothing was made: {made.reason}")
    try:
        write_whole(to, made.document)
    except OSError:
        run(lambda c, house, at: paper.not_written(c, house, jti, at=at))
        raise
    said = {
        "notice": jti,
        "agency": made.agency_id,
        "hand_over_by": made.hand_over_by,
        "entry": made.entry_id,
        "file": str(to),
        "password": made.password,
    }
    show(said, as_json=as_json)
    errors.print("The password is shown this once: send it another way than the file.")


@pack.command("handed-over")
def handed_over(
    jti: Jti,
    *,
    by: Annotated[str, typer.Option(help="Id of the officer who brought it.")],
    to: Annotated[str, typer.Option(help="Function of whoever took it. No name.")],
    identified: Annotated[Identified, typer.Option(help="How that person was identified.")],
    moment: Moment = "",
    as_json: Json = False,
) -> None:
    """Keep that a pack was given to its recipient."""

    def work(connection: Connection, house: House, at: datetime) -> None:
        said = HandOver(
            officer_id=by, received_by=to, identified=identified, moment=_moment(moment, at)
        )
        paper.hand_over(connection, house, jti, said, at=at)

    run(work)
    show({"notice": jti, "status": SENT}, as_json=as_json)


@pack.command("acknowledged")
def acknowledged(
    jti: Jti,
    *,
    kind: Annotated[Kind, typer.Option(help="What is ticked on the slip.")],
    by: Annotated[str, typer.Option(help="Function of whoever signed it. No name.")],
    moment: Moment = "",
    as_json: Json = False,
) -> None:
    """Keep the signed slip that came back."""

    def work(connection: Connection, house: House, at: datetime) -> None:
        when = _moment(moment, at)
        paper.acknowledge(connection, house, jti, kind, signed_by=by, moment=when, at=at)

    run(work)
    show({"notice": jti, "acknowledgement": kind.value}, as_json=as_json)


def _moment(text: str, now: datetime) -> datetime:
    if not text:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("expected a moment such as 2027-03-03T09:00+01:00") from None
    if moment.tzinfo is None:
        raise InvalidInput("expected a moment with its time zone, such as 2027-03-03T09:00+01:00")
    return moment


def _shown(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of a query
    return {
        "notice": row.jti,
        "agency": row.agency_id,
        "hand_over_by": row.hand_over_by,
        "priority": PRIORITIES[row.rank],
        "since": row.created_at.isoformat(),
        "made": row.made,
        "state": _state(row),
    }


def _state(row: Any) -> str:  # noqa: ANN401 - as above
    if row.status == SENT:
        return "handed over"
    if row.status == DEAD:
        return "given up"
    return "made" if row.made else "waiting"
