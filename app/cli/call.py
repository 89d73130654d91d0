"""`throughcare call`: one request of the interface, as an agency's client makes it.

For trying out and for scripts: token, proof and headers are seen to.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.promises import kept_receipts, report_promises
from app.problems import InvalidInput
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def call(
    method: Annotated[str, typer.Argument(help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[str, typer.Argument(help="Address below the issuer, for example /v1/cases.")],
    *,
    configuration: Annotated[
        Path, typer.Option("--as", help="Configuration of the agency's client (agency.toml).")
    ],
    body: Annotated[
        str | None, typer.Option(help="JSON to send; @FILE reads a file, @- standard input.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(help="A further header, as NAME: VALUE; repeatable.")
    ] = None,
    include: Annotated[
        bool, typer.Option("--include", help="Print the answer's headers beside it, ETag for one.")
    ] = False,
) -> None:
    """Call the interface as an agency, and print the answer.

    Where the configuration has the log's key (log_key) the receipts of answers are checked and
    kept; without it they are not looked at, which a warning says. The exit status is 3 when the
    log does not hold what an earlier one promised.
    """
    if method.upper() not in METHODS:
        raise InvalidInput(f"expected a method of: {', '.join(METHODS)}")
    if not path.startswith("/"):
        raise InvalidInput("expected an address that begins with a slash")
    headers = dict(map(_header, header or ()))
    content = None if body is None else _body(body)
    if content is not None:
        headers.setdefault("Content-Type", "application/json")
    agency = AgencyConfiguration.from_file(configuration)
    with kept_receipts(agency) as store, AgencyClient(agency, receipts=store) as client:
        answer = client.request(method.upper(), path, content=content, headers=headers)
        if include:
            sys.stderr.writelines(f"{name}: {value}\n" for name, value in answer.headers.items())
        sys.stdout.write(_shown(answer.content))
        report_promises(client, store)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidInput("expected a header as NAME: VALUE")
    return name.strip(), value.strip()


def _body(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    return sys.stdin.buffer.read() if text == "@-" else Path(text[1:]).read_bytes()


def _shown(content: bytes) -> str:
    """JSON in lines, without the spaces that hide its length on the way; all else as it came."""
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False) + "\n"
    except ValueError:
        return content.decode("utf-8", "replace")
