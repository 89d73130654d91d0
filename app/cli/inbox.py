"""`throughcare inbox`: an agency polls what waits for it, instead of hosting an endpoint."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import Json, screen
from app.cli.promises import report_promises
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.inbox import Inbox
from app.receiver.receiving import make_receiver
from throughcare_receiver.notification import VERIFICATION, Notification
from throughcare_receiver.receiver import utc_now
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement


def add_to(cli: typer.Typer) -> None:
    """Add this command."""
    cli.command()(inbox)


def inbox(
    *,
    configuration: Annotated[
        Path, typer.Option("--as", help="Configuration of the agency's client (agency.toml).")
    ],
    subscription: Annotated[
        str | None,
        typer.Option(help="Another one of this client than the store's."),
    ] = None,
    answer: Annotated[
        Acknowledgement, typer.Option(help="How notifications are acknowledged.")
    ] = Acknowledgement.ACCEPTED,
    as_json: Json = False,
) -> None:
    """Poll: verify, open, store, print and acknowledge what waits. The first time, subscribe.

    A store keeps to one subscription: of one that `receive` made, what could not be pushed.

    The exit status is 3 when the log does not hold what a receipt promised.
    """
    agency = AgencyConfiguration.from_file(configuration)
    key = agency.load_decryption_key()
    with SqliteStore.open(agency.store) as store, AgencyClient(agency) as client:
        receiver = make_receiver(agency, decryption_key=key, client=client, store=store)
        reader = Inbox(client=client, receiver=receiver, store=store, answer=answer, clock=utc_now)
        polled = subscription or reader.subscription(key)
        for notification in reader.collect(polled):
            if notification.event_type != VERIFICATION:
                _show(notification, as_json=as_json)
        report_promises(client, store)


def _show(notification: Notification, *, as_json: bool) -> None:
    shown: dict[str, Any] = {
        "jti": notification.jti,
        "issued_at": notification.issued_at.isoformat(),
        "event": notification.event_type,
        "reference": notification.reference,
        "content": notification.event,
    }
    if as_json:
        print(json.dumps(shown, ensure_ascii=False))  # noqa: T201 - the result, a line for each
        return
    screen.print(
        f"{shown['issued_at']} {notification.event_type} {notification.reference}", markup=False
    )
    screen.print(f"  {json.dumps(notification.event, ensure_ascii=False)}", markup=False)
