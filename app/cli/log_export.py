"""`throughcare access-log export`: ask for an export as an auditor, wait for it, fetch it."""

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.progress import Progress

from app.cli.new_files import require_place
from app.cli.output import Json, errors, show
from app.problems import Conflict, InvalidInput
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ServiceError

EXPORTS = "/v1/access-log/exports"
FILTERS = (
    *("agency", "client", "officer", "person", "operation", "channel", "outcome"),
    *("purpose", "legal_basis", "field", "since", "until"),
)
# Between two looks at how far it is.
LOOK_SECONDS = 0.5


class Format(StrEnum):
    """What to export, and how."""

    LOG = "log"
    JSON_LINES = "jsonl"
    CSV = "csv"
    FHIR = "fhir"


def export(
    file: Annotated[Path, typer.Argument(help="File to write. It must not be there yet.")],
    *,
    configuration: Annotated[Path, typer.Option("--as", help="Configuration of an auditor.")],
    export_format: Annotated[
        Format,
        typer.Option("--format", help="`log` is the whole log, for `verify`; the others filter."),
    ] = Format.LOG,
    where: Annotated[
        list[str] | None,
        typer.Option(help=f"A filter as NAME=VALUE, of {', '.join(FILTERS)}; repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """As an auditor: export the log up to its newest checkpoint, or the entries that match."""
    filters = _filters(where or ())
    if filters and export_format is Format.LOG:
        others = ", ".join(one.value for one in Format if one is not Format.LOG)
        raise InvalidInput(f"the whole log is not filtered: give --where a --format of {others}")
    require_place(file)
    with AgencyClient(AgencyConfiguration.from_file(configuration)) as auditor:
        asked = {"format": export_format.value, "filters": filters}
        made = auditor.request("POST", EXPORTS, json=asked).json()
        place = f"{EXPORTS}/{made['export_id']}"
        try:
            finished = _wait(auditor, place, made)
            length = _fetch(auditor, place, file, sha256=finished["sha256"])
        finally:
            # Also one that failed: a client may keep a few, and nobody would find it again.
            with suppress(ServiceError):
                auditor.request("DELETE", place)
    show({"file": str(file), "bytes": length}, as_json=as_json)


def _filters(texts: Sequence[str]) -> dict[str, str]:
    named = list(map(_filter, texts))
    if len(dict(named)) < len(named):
        raise InvalidInput("expected each filter once")
    return dict(named)


def _filter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in FILTERS:
        raise InvalidInput(f"expected a filter as NAME=VALUE, of {', '.join(FILTERS)}")
    return name, value


def _wait(auditor: AgencyClient, place: str, made: dict[str, Any]) -> dict[str, Any]:
    """The export once it is finished. Conflict where it will never be."""
    with Progress(console=errors, transient=True) as progress:
        bar = progress.add_task("exporting", total=made["total"])
        while made["state"] in ("waiting", "running"):
            time.sleep(LOOK_SECONDS)
            made = auditor.request("GET", place).json()
            progress.update(bar, completed=made["done"])
    if made["state"] == "dropped":
        raise Conflict("somebody was erased meanwhile: ask again")
    if made["state"] != "finished":
        raise Conflict("the log is damaged: export it with --format log, and verify it")
    return made


def _fetch(auditor: AgencyClient, place: str, file: Path, *, sha256: str) -> int:
    """Put the whole content into the file; what breaks off leaves none. Its bytes."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        with _private(fresh) as opened:
            length = auditor.save(f"{place}/content", opened)
        with fresh.open("rb") as written:
            if hashlib.file_digest(written, "sha256").hexdigest() != sha256:
                raise Conflict("what came is not what the service announced: ask again")
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    return length


def _private(file: Path) -> BinaryIO:
    """Open what says who asked about whom: for nobody but its owner."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "wb")
