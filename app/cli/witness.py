"""Commands of a witness: make it, run it, and check what it refused."""

import logging
import secrets
from pathlib import Path
from typing import Annotated

import typer

from app.access_log.cosignature import Witness
from app.access_log.note import Verifier
from app.cli.output import Json, show
from app.receiver.errors import ConfigurationError

# Exit status of evidence that is a question and no proof: a script must notice.
ASKS = 2
QUESTION = (
    "this proves nothing yet: an honest log has both. Whoever may export it asks "
    "`throughcare access-log verify EXPORT --key KEY --checkpoint HELD --checkpoint OFFERED`"
)

LogKey = Annotated[
    list[str] | None, typer.Option("--log-key", help="The log's key (vkey) from the agreement.")
]


def add_to(access_log: typer.Typer) -> None:
    """Add these commands."""
    access_log.command()(witness)
    access_log.command()(evidence)


def witness(
    folder: Annotated[Path, typer.Argument(help="Folder of the witness: key and memory.")],
    *,
    new: Annotated[str | None, typer.Option(help="Make a witness of this name, and end.")] = None,
    log_key: LogKey = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8444,
    as_json: Json = False,
) -> None:
    """Cosign the checkpoints of a log: only what extends what was cosigned before.

    What contradicts that is refused and kept in the folder's `evidence`.
    """
    # The server takes a while to load; the other commands do without.
    from app.witness import program  # noqa: PLC0415
    from throughcare_receiver.receiver import utc_now  # noqa: PLC0415

    if new is not None:
        made = program.create(folder, new, random=secrets.token_bytes)
        show({"witness": made.to_vkey()}, as_json=as_json)
        return
    if not log_key:
        raise ConfigurationError("--log-key: the key of a log that is to be witnessed")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logs = [Verifier.from_vkey(text) for text in log_key]
    program.run(folder, logs, host=host, port=port, clock=utc_now)


def evidence(
    file: Annotated[Path, typer.Argument(help="A file of a witness's `evidence`.")],
    *,
    log_key: Annotated[list[str], typer.Option(help="The log's key (vkey) from the agreement.")],
    witness_key: Annotated[str, typer.Option(help="The witness's key (vkey) from it.")],
    as_json: Json = False,
) -> None:
    """Check evidence with two keys alone: what it proves of the log.

    The exit status is 0 for a proof, 2 for a question, 1 for what is no evidence.
    """
    from app.witness.evidence import Evidence  # noqa: PLC0415 - with what it stands on

    found = Evidence.from_json(file.read_text(encoding="utf-8"))
    kind, held, offered = found.judge(
        [Verifier.from_vkey(text) for text in log_key], Witness.from_vkey(witness_key)
    )
    result = {"finding": kind.value, "log": held.origin}
    show({**result, "held": held.size, "offered": offered.size}, as_json=as_json)
    if not kind.proves:
        if not as_json:
            show({"question": QUESTION}, as_json=False)
        raise typer.Exit(ASKS)
