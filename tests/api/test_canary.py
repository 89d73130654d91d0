"""A planted name goes all the way through the service and is found nowhere but in its answers."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, select
from sqlalchemy.engine import make_url

from app.tables import METADATA
from tests.api.exchange import Exchange, Speaker, sections_of, without_convictions

NAME, REFERENCE, NUMBER = "Zyxquokka", "ZYX-QUOKKA-7", "ZYXQUOKKA4711"
PLANTED = (NAME, REFERENCE, NUMBER)
# What the tests themselves send with, in the same process.
CLIENTS = ("httpx", "httpcore", "hpack")


def planted_file() -> dict[str, dict[str, object]]:
    sections = without_convictions(sections_of("correctional_service"))
    sections["identity"]["full_name"] = {"value": {"family": NAME, "given": [NAME]}}
    sections["identity"]["national_id_number"] = {"value": NUMBER}
    return sections


def written(connection: Connection) -> str:
    """Every value of every row, as a reader of the database sees it."""
    values = (
        value
        for table in METADATA.sorted_tables
        for row in connection.execute(select(table))
        for value in row
    )
    return " ".join(
        bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
        for value in values
    )


def played(exchange: Exchange) -> Iterator[httpx.Response]:
    """Whatever is done with a file: the answers to those who may have nothing of the name."""
    prison, probation = exchange.agency("correctional_service"), exchange.some("probation_service")
    stranger = exchange.agency("ngo_mentor")
    assert prison.put(REFERENCE, planted_file()).status_code == 201
    mine = exchange.refer(prison, REFERENCE, probation)
    assert NAME in prison.get(REFERENCE).text
    assert NAME in probation.get(mine).text
    yield stranger.get(REFERENCE)
    yield stranger.get(NAME)
    yield stranger.get(mine)
    yield probation.call("HEAD", f"/v1/inmate-files/{mine}")
    yield probation.put(mine, planted_file(), if_match="*")
    yield prison.put(REFERENCE, {"identity": {"full_name": {"value": NAME}}}, if_match="*")
    yield prison.put(REFERENCE, {NAME: {}}, if_match="*")
    yield prison.put(REFERENCE, planted_file(), if_match=f'"{NAME}"')
    yield imported(prison, {"reference": REFERENCE, "sections": {NAME: NAME}})
    yield imported(prison, {"reference": f"{NAME} {NAME}", "sections": {}})
    yield prison.post("/v1/consents", {"reference": REFERENCE, NAME: NAME})
    yield stranger.post("/v1/referral-codes/redemptions", {"code": NAME})
    yield stranger.post("/v1/case-assignments", {"reference": REFERENCE, "agency": NAME})
    yield prison.call("GET", f"/v1/cases?{NAME}={NUMBER}")
    yield prison.call("GET", f"/{NAME}")
    emergency = {"reference": REFERENCE, "agency": NAME, "fields": [NAME], "reason": NAME}
    yield prison.post("/v1/emergency-access", emergency)


def imported(prison: Speaker, line: object) -> httpx.Response:
    headers = {"Content-Type": "application/x-ndjson"}
    content = json.dumps(line).encode()
    return prison.call("POST", "/v1/inmate-files/import", content=content, headers=headers)


def test_a_planted_name_is_in_no_error_no_log_and_no_database(
    exchange: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in played(exchange):
        assert answer.request.url
        found = [one for one in PLANTED if one in answer.text or one in str(answer.headers)]
        assert not found, (answer.request.method, answer.status_code, answer.text)
    exchange.entries()  # everything recorded has its place
    for record in caplog.records:
        assert record.name.startswith(CLIENTS) or not tells(caplog.handler.format(record))
    assert not tells(exchange.world.service.database.read_blocking(written))
    assert [path for path, held in files(exchange) if tells(held.decode("latin-1"))] == []


def tells(text: str) -> bool:
    return any(one in text for one in PLANTED)


def files(exchange: Exchange) -> Iterator[tuple[Path, bytes]]:
    """Every file that the service wrote: database, journals, checkpoint; keys aside."""
    settings = exchange.world.settings
    url = make_url(settings.database_url)
    written_files = [settings.checkpoint_file]
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        written_files += file.parent.glob(f"{file.name}*")
    yield from ((path, path.read_bytes()) for path in written_files if path.exists())
