"""Commands of an operator about subscriptions: which there are, what went wrong, again."""

from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer
from sqlalchemy import Connection, Row

from app.administration.registry import OPERATOR
from app.cli.offline import run
from app.cli.output import Json, show
from app.house import House
from app.notifications import manage
from app.outbox import deliveries, endpoints, subscriptions

PAPER, INBOX = "paper", "inbox"
T = TypeVar("T")

subscription = typer.Typer(help="Subscriptions and their endpoints.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the subscription.")]
NEWEST = 1000


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(subscription, name="subscription")


@subscription.command("list")
def list_subscriptions(*, as_json: Json = False) -> None:
    """List every subscription: whose, where it is told, and what its endpoint is at.

    `told_at` is the host of its endpoint, or inbox where it is polled, or paper. On SQLite the
    service is to be stopped first; a client lists its own while it runs (`throughcare call GET
    /v1/subscriptions`).
    """

    def work(connection: Connection, _: House, at: datetime) -> list[dict[str, Any]]:
        return [
            {
                "subscription": one.subscription_id,
                "agency": one.agency_id,
                "client": one.client_id,
                "told_at": _told_at(one),
                "status": one.status,
                "endpoint_state": endpoints.state(one, at=at),
                "problem": one.problem,
                "last_sequence": one.last_sequence,
            }
            for one in subscriptions.of_installation(connection)
        ]

    show({"subscriptions": run(work)}, as_json=as_json)


@subscription.command("deliveries")
def list_deliveries(
    subscription_id: Id,
    *,
    status: Annotated[
        str | None, typer.Option(help="queued, sent, cancelled, dead or quarantined.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what was sent to a subscription; with `--status dead` the dead letters."""

    def work(connection: Connection, _: House, __: datetime) -> list[dict[str, Any]]:
        found = deliveries.of_subscription(connection, subscription_id, limit=NEWEST, status=status)
        return [
            {
                "jti": one.jti,
                "status": one.status,
                "sequence": one.sequence,
                "attempts": one.attempts,
                "problem": one.reason,
            }
            for one in found
        ]

    show({"deliveries": run(work)}, as_json=as_json)


@subscription.command("replay")
def replay(
    subscription_id: Id,
    *,
    since: Annotated[int, typer.Option(min=0, help="The last number that is not wanted again.")],
    status: Annotated[str | None, typer.Option(help="Only those of this status.")] = None,
    as_json: Json = False,
) -> None:
    """Queue notifications again: each is decided afresh."""

    def work(connection: Connection, house: House, at: datetime) -> int:
        found = subscriptions.find(connection, subscription_id)
        return manage.replay_for(
            connection, house, OPERATOR, found, since=since, status=status, at=at
        )

    show({"replayed": run(work)}, as_json=as_json)


@subscription.command("reopen")
def reopen(subscription_id: Id, *, as_json: Json = False) -> None:
    """Take an endpoint that was disabled or rests for healthy again."""
    run(lambda c, house, at: manage.reopen(c, house, OPERATOR, subscription_id, at=at))
    show({"subscription": subscription_id, "endpoint_state": "open"}, as_json=as_json)


def _told_at(one: Row[Any]) -> str:
    """The host alone: the rest of an endpoint may be what keeps others from finding it."""
    if one.hand_over_by is not None:
        return PAPER
    endpoint = one.endpoint or one.next_endpoint
    return INBOX if endpoint is None else urlsplit(endpoint).netloc.rpartition("@")[2]
