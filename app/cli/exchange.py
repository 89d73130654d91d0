"""Commands of an agency: import a register's file, receive notifications."""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from app.cli.call import call
from app.cli.output import Json, errors, screen, show
from app.cli.promises import report_broken
from app.imports.mapping import Mapping
from app.imports.outcomes import ROWS_REFUSED, Converted, RowError
from app.imports.rows import convert
from app.imports.shipped import named
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import UnexpectedAnswer
from app.receiver.program import run
from throughcare_receiver.notification import VERIFICATION
from throughcare_receiver.promises import BrokenPromise
from throughcare_receiver.receiver import utc_now
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement

# Rows in one call: small enough for a bar that moves, large enough to cost few calls.
ROWS = 100
# Bytes of one row: what the service takes as one body unless it is set otherwise. A longer one
# would end the call, and leave the rows behind it without an answer.
LARGEST_ROW = 1_048_576

# Between two looks into a store.
LOOK_SECONDS = 0.1
# Exit status where there is nothing to list: a script must notice.
NOTHING = 2

Configuration = Annotated[
    Path, typer.Option("--as", help="Configuration of the agency's client (agency.toml).")
]


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("import")(import_file)
    cli.command()(call)
    cli.command()(receive)


@dataclass
class Tally:
    """What became of the rows so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    refused: list[dict[str, Any]] = field(default_factory=list)


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV or NDJSON file of a register.")],
    *,
    mapping: Annotated[str, typer.Option(help="Mapping file, or the name of a shipped one.")],
    configuration: Configuration,
    answers: Annotated[
        Path | None, typer.Option(help="Write an answer for every row here (NDJSON).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import inmate files: an answer for each row, and nothing of a row that is refused.

    The exit status is 2 when a row was refused: a nightly run must notice.
    """
    rules = named(mapping)
    tally = Tally()
    with (
        AgencyClient(AgencyConfiguration.from_file(configuration)) as client,
        answers.open("w", encoding="utf-8") if answers else nullcontext() as record,
        Progress(console=errors, transient=True) as progress,
    ):
        bar = progress.add_task("importing", total=_count_lines(file))
        for answer in _answers(client, file, rules):
            tally.outcomes[answer["status"]] += 1
            if answer["status"] == "refused":
                tally.refused.append(answer)
            if record is not None:
                record.write(json.dumps(answer, ensure_ascii=False) + "\n")
            progress.update(bar, completed=answer["line"])
    _report(tally, as_json=as_json)
    if tally.refused:
        raise typer.Exit(ROWS_REFUSED)


def receive(
    *,
    configuration: Configuration,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8443,
    subscribe: Annotated[
        bool, typer.Option(help="Subscribe; or have what the store knows come here.")
    ] = True,
    answer: Annotated[
        Acknowledgement, typer.Option(help="How notifications are acknowledged.")
    ] = Acknowledgement.ACCEPTED,
    only_list: Annotated[
        bool, typer.Option("--list", help="List what was received, without its content, and end.")
    ] = False,
    wait: Annotated[float, typer.Option(help="With --list: seconds to wait for the first.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Receive notifications for an agency: verify, open, store, acknowledge, check receipts.

    The service is told the address that is listened at; where it reaches this program by another
    one, which is https but on one machine, that is `endpoint` in the configuration. A store keeps
    to one subscription: with another address its endpoint changes.

    With --list the exit status is 2 when nothing was received, and 3 when the log does not hold
    what a receipt promised.
    """
    known = AgencyConfiguration.from_file(configuration)
    if only_list:
        _list_received(known, wait=wait, as_json=as_json)
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # It would log the address of every call, and a call's address holds references.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    run(
        known,
        host=host,
        port=port,
        subscribe=subscribe,
        answer=answer,
    )


def _list_received(configuration: AgencyConfiguration, *, wait: float, as_json: bool) -> None:
    """What was verified and stored, the oldest first; never its content."""
    deadline = time.monotonic() + wait
    with SqliteStore.open(configuration.store) as store:
        while not (found := _notices(store)) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        if as_json:
            show({"notifications": found}, as_json=True)
        else:
            for one in found:
                line = "  ".join(f"{name} {value}" for name, value in one.items())
                screen.print(line, markup=False)
            screen.print(f"{len(found)} in all, each verified before it was stored")
        report_broken(_broken_promises(configuration, store))
    if not found:
        raise typer.Exit(NOTHING)


def _broken_promises(
    configuration: AgencyConfiguration, store: SqliteStore
) -> tuple[BrokenPromise, ...]:
    """What the log owes by now and does not prove; it is asked only where something is due."""
    if not store.due_receipts(at=utc_now()):
        return ()
    with AgencyClient(configuration) as client:
        return client.broken_promises(store)


def _notices(store: SqliteStore) -> list[dict[str, str | None]]:
    """Without the nonces of handshakes, which tell of nobody."""
    return [
        {
            "jti": one.notification.jti,
            "event": one.notification.event_type,
            "reference": one.notification.reference,
            "received_at": one.received_at.isoformat(),
            "acknowledgement": one.answer_state,
        }
        for one in store.received()
        if one.notification.event_type != VERIFICATION
    ]


def _answers(client: AgencyClient, file: Path, mapping: Mapping) -> Iterator[dict[str, Any]]:
    """An answer for each row, in the order of the file, portion by portion."""
    with file.open("rb") as lines:
        for portion in _portions(map(_held_to_size, convert(lines, mapping))):
            good = [row for row in portion if isinstance(row, Converted)]
            sent = _send(client, good)
            given = {row.line: answer for row, answer in zip(good, sent, strict=True)}
            for row in portion:
                yield _row_refused(row) if isinstance(row, RowError) else given[row.line]


def _portions(rows: Iterator[Converted | RowError]) -> Iterator[list[Converted | RowError]]:
    portion: list[Converted | RowError] = []
    for row in rows:
        portion.append(row)
        if len(portion) == ROWS:
            yield portion
            portion = []
    if portion:
        yield portion


def _send(client: AgencyClient, rows: list[Converted]) -> list[dict[str, Any]]:
    """The service's answers to these rows, with the line numbers of the source."""
    if not rows:
        return []
    body = b"".join(_line(row) for row in rows)
    answer = client.request(
        "POST",
        "/v1/inmate-files/import",
        content=body,
        headers={"Content-Type": "application/x-ndjson"},
    )
    given = [json.loads(line) for line in answer.content.splitlines()]
    if len(given) != len(rows):
        raise UnexpectedAnswer(f"the service answered {len(given)} of {len(rows)} rows")
    return [{**one, "line": row.line} for row, one in zip(rows, given, strict=True)]


def _line(row: Converted) -> bytes:
    return json.dumps(row.record).encode() + b"\n"


def _held_to_size(row: Converted | RowError) -> Converted | RowError:
    if isinstance(row, RowError) or len(_line(row)) <= LARGEST_ROW:
        return row
    return RowError(row.line, f"Expected a row of at most {LARGEST_ROW} bytes")


def _row_refused(row: RowError) -> dict[str, Any]:
    return {"line": row.line, "status": "refused", "detail": row.message, "errors": []}


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _report(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**tally.outcomes, "rows_refused": tally.refused}))  # noqa: T201 - the result
        return
    for status, count in sorted(tally.outcomes.items()):
        screen.print(f"{status}: {count}")
    for row in tally.refused:
        findings = "; ".join(f"{e['pointer']}: {e['message']}" for e in row["errors"])
        detail = f"{row['detail']}{': ' + findings if findings else ''}"
        screen.print(f"  line {row['line']}: {detail}", markup=False)
