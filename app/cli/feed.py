"""Commands around feeds: how far each is trusted, how it stands, and the decision about a hold."""

from typing import Annotated

import typer

from app.cli.offline import run
from app.cli.output import Json, screen, show
from app.intake import feeds
from app.outbox.feeds import ESCALATE_AFTER_HOURS, STALE_AFTER_HOURS, FeedSettings
from app.releases.plausibility import Limits

feed = typer.Typer(help="Feeds: what the clients of custodians send.", no_args_is_help=True)
DEFAULT = Limits()


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(feed, name="feed")


ClientId = Annotated[str, typer.Argument(help="Id of the client that feeds.")]


@feed.command("list")
def list_feeds(*, as_json: Json = False) -> None:
    """Show every feed: live, stale or held."""
    found = run(lambda c, _, at: feeds.listed(c, at=at))
    if as_json:
        show({"feeds": found}, as_json=True)
        return
    for one in found:
        since = f" since {one['held_at']}" if one["held_at"] else ""
        screen.print(
            f"{one['feed']} of {one['custodian']}: {one['state']}{since}, "
            f"last seen {one['last_seen_at']}",
            markup=False,
        )
    screen.print(f"{len(found)} feeds")


@feed.command("set")
def configure(
    client_id: ClientId,
    *,
    stale_after_hours: Annotated[
        int, typer.Option(min=1, help="Silent for longer, it counts as stale.")
    ] = STALE_AFTER_HOURS,
    largest_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of its population that it may turn in a day.")
    ] = DEFAULT.largest_share,
    least_count: Annotated[
        int, typer.Option(min=0, help="So many persons it may turn in a day in any case.")
    ] = DEFAULT.least_count,
    escalate_after_hours: Annotated[
        int, typer.Option(min=1, help="A hold undecided for so long is escalated.")
    ] = ESCALATE_AFTER_HOURS,
    as_json: Json = False,
) -> None:
    """Set how far a feed is trusted."""
    settings = FeedSettings(
        limits=Limits(largest_share=largest_share, least_count=least_count),
        stale_after_hours=stale_after_hours,
        escalate_after_hours=escalate_after_hours,
    )
    run(lambda c, house, at: feeds.configure(c, house, client_id, settings, at=at))
    show({"feed": client_id, "largest_share": largest_share}, as_json=as_json)


@feed.command("release")
def release(client_id: ClientId, *, as_json: Json = False) -> None:
    """Let the notices of a held feed go out: somebody has looked, and they are right."""
    _decide(client_id, release=True, as_json=as_json)


@feed.command("discard")
def discard(client_id: ClientId, *, as_json: Json = False) -> None:
    """Discard the notices of a held feed: nobody is told, the custodian corrects its data."""
    _decide(client_id, release=False, as_json=as_json)


def _decide(client_id: str, *, release: bool, as_json: bool) -> None:
    made = run(
        lambda c, house, at: feeds.decide_as_operator(c, house, client_id, release=release, at=at)
    )
    show({"feed": client_id, "decision": made.decision, "notices": made.notices}, as_json=as_json)
