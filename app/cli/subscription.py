"""Commands of an operator about subscriptions: which there are, what went wrong, again."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from sqlalchemy import Connection

from app.administration.registry import OPERATOR
from app.cli.offline import run
from app.cli.output import Json, show
from app.house import House
from app.notifications import manage
from app.outbox import deliveries, endpoints, subscriptions

T = TypeVar("T")

subscription = typer.Typer(help="Subscriptions and their endpoints.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the subscription.")]
NEWEST = 1000


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.add_typer(subscription, name="subscription")


@subscription.command("list")
def list_subscriptions(*, as_json: Json = False) -> None:
    """List every subscription and what its endpoint is at."""

    def work(connection: Connection, _: House, at: datetime) -> list[dict[str, Any]]:
        return [
            {
                "subscription": one.subscription_id,
                "agency": one.agency_id,
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
