"""`throughcare access-log`: an export by an auditor, and the status that verification ends with."""

import json
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.access_log.cosignature import Witness
from app.access_log.findings import Finding
from app.access_log.kept_exports import MOST_KEPT
from app.access_log.note import Verifier
from app.access_log.receipt import Receipt as LogReceipt
from app.access_log.receipt import sign_receipt, to_header
from app.cli.promises import NOT_ON_RECORD
from app.crypto.key_ring import KeyRing
from app.crypto.log_signing import LogSigningKey
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ServiceRefused
from tests.cli.command_line import PATIENCE, Done, Installation
from tests.cli.conftest import Invoke
from throughcare_receiver.receipt import Receipt
from throughcare_receiver.sqlite_store import FILE_NAME, SqliteStore

OTHER_KEY = LogSigningKey.from_seed(bytes(32))


@pytest.fixture(scope="module")
def export(service: Installation) -> Path:
    """What an auditor fetched from the running service."""
    rows = service.folder / "rows.ndjson"
    rows.write_text(
        "".join(
            json.dumps(
                {
                    "reference": f"A-{number}",
                    "sections": {"release": {"planned_release_date": {"value": "2029-09-01"}}},
                }
            )
            + "\n"
            for number in range(4)
        )
    )
    prison, auditor = (service.folder / name / "agency.toml" for name in ("prison-1", "auditor-1"))
    done = service.run("import", str(rows), "--mapping", "native", "--as", str(prison))
    assert done.code == 0, done.said
    _wait_for_checkpoint(auditor)
    file = service.folder / "export.ndjson"
    done = service.run("access-log", "export", str(file), "--as", str(auditor), "--json")
    assert done.code == 0, done.said
    assert done.json == {"file": str(file), "bytes": file.stat().st_size}
    return file


def _wait_for_checkpoint(auditor: Path) -> None:
    """Until what was imported is signed."""
    with AgencyClient(AgencyConfiguration.from_file(auditor)) as client:
        size = 0
        while size < 10:  # ten entries at least: three registrations each, and the import
            size = int(client.request("GET", "/log/checkpoint").content.decode().split("\n")[1])


@pytest.fixture(scope="module")
def key(service: Installation) -> str:
    """The log's key from the agreement."""
    ring = KeyRing.load(service.folder / "keys")
    return Verifier.of(service.settings.log_origin, ring.log_signing).to_vkey()


def lines_of(file: Path) -> list[dict[str, Any]]:
    """The lines of an export."""
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def entry_lines(lines: list[bytes]) -> list[int]:
    """Where entries stand."""
    return [place for place, line in enumerate(lines) if b'"leaf"' in line]


def cut_the_end(lines: list[bytes]) -> list[bytes]:
    """The last entry is missing."""
    return lines[: entry_lines(lines)[-1]]


def delete_one(lines: list[bytes]) -> list[bytes]:
    """An entry between others is missing."""
    place = entry_lines(lines)[2]
    return lines[:place] + lines[place + 1 :]


def swap_two(lines: list[bytes]) -> list[bytes]:
    """Two entries change places."""
    one, other = entry_lines(lines)[2:4]
    changed = list(lines)
    changed[one], changed[other] = lines[other], lines[one]
    return changed


def edit_a_section(lines: list[bytes]) -> list[bytes]:
    """Another officer than the one who acted."""
    place = next(p for p in entry_lines(lines) if b"prison-1-officer" in lines[p])
    changed = list(lines)
    changed[place] = lines[place].replace(b"prison-1-officer", b"prison-2-officer")
    return changed


def spoil_a_line(lines: list[bytes]) -> list[bytes]:
    """A line that is no JSON."""
    changed = list(lines)
    changed[entry_lines(lines)[2]] = b"{"
    return changed


def nothing(_: list[bytes]) -> list[bytes]:
    """An empty file."""
    return []


def test_a_sound_log_ends_with_success(export: Path, key: str, invoke: Invoke) -> None:
    done = invoke("access-log", "verify", str(export), "--key", key)
    assert done.code == 0, done.said
    assert done.out.startswith("sound: ")
    assert done.err == ""  # the bar is for a terminal
    as_json = invoke("access-log", "verify", str(export), "--key", key, "--json")
    assert as_json.code == 0
    assert as_json.json["finding"] is None
    assert as_json.json["size"] == sum('"leaf"' in json.dumps(x) for x in lines_of(export))


@pytest.mark.parametrize(
    ("tamper", "findings"),
    [
        (cut_the_end, {Finding.TRUNCATED}),
        (delete_one, {Finding.DELETED_ROW}),
        (swap_two, {Finding.REORDERED_ROWS}),
        (edit_a_section, {Finding.EDITED_SECTION}),
        (spoil_a_line, {Finding.MALFORMED_LINE}),
        (nothing, {Finding.MALFORMED_LINE, Finding.TRUNCATED}),
    ],
)
def test_each_kind_of_finding_ends_with_its_own_status(
    export: Path,
    key: str,
    invoke: Invoke,
    tmp_path: Path,
    tamper: Callable[[list[bytes]], list[bytes]],
    findings: set[Finding],
) -> None:
    file = tmp_path / "tampered.ndjson"
    file.write_bytes(b"\n".join([*tamper(export.read_bytes().splitlines()), b""]).lstrip(b"\n"))
    done = invoke("access-log", "verify", str(file), "--key", key, "--json")
    assert done.code in findings
    assert done.json["finding"] == Finding(done.code).name.lower()
    told = invoke("access-log", "verify", str(file), "--key", key)
    assert told.code == done.code
    assert Finding(done.code).name.lower() in told.out
    if done.json["index"] is not None:
        assert f"at entry {done.json['index']}" in told.out


def test_a_log_of_another_key_or_another_name_is_not_sound(
    export: Path, service: Installation, invoke: Invoke
) -> None:
    other_key = Verifier.of(service.settings.log_origin, OTHER_KEY).to_vkey()
    done = invoke("access-log", "verify", str(export), "--key", other_key)
    assert done.code == Finding.BAD_SIGNATURE


def test_a_checkpoint_that_was_saved_holds_the_log_to_its_past(
    export: Path, service: Installation, key: str, invoke: Invoke, tmp_path: Path
) -> None:
    arguments = ("access-log", "verify", str(export), "--key", key, "--checkpoint")
    first = tmp_path / "first"
    first.write_text(lines_of(export)[0]["checkpoint"])
    assert invoke(*arguments, str(first)).code == 0
    later = service.folder / "checkpoint"  # the log has grown by the export itself
    ended = invoke(*arguments, str(first), "--checkpoint", str(later)).code
    assert ended in {0, Finding.BEHIND_SAVED_CHECKPOINT}
    first.write_text("no note")
    assert invoke(*arguments, str(first)).code == Finding.SAVED_CHECKPOINT_REFUSED


def test_what_cannot_be_verified_at_all_is_no_finding(
    export: Path, key: str, invoke: Invoke, tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\xff\xfe")
    for arguments in (
        (str(tmp_path / "missing"), "--key", key),
        (str(export), "--key", "no vkey"),
        (str(export), "--key", key, "--checkpoint", str(tmp_path / "missing")),
        (str(export), "--key", key, "--checkpoint", str(garbage)),
    ):
        done = invoke("access-log", "verify", *arguments)
        assert done.code == 1, arguments
        assert "Traceback" not in done.err
    assert invoke("access-log", "verify", str(export)).code == 2


@pytest.mark.parametrize("option", ["--checkpoint", "--receipt"])
def test_evidence_that_is_none_does_not_pass_for_evidence_that_holds(
    export: Path, key: str, invoke: Invoke, tmp_path: Path, option: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "none").touch()
    (tmp_path / "folder" / "garbage").write_bytes(b"\xff")
    (tmp_path / "nothing").mkdir()
    for name in ("folder", "nothing", "none", f"elsewhere/{FILE_NAME}"):
        done = invoke(
            "access-log", "verify", str(export), "--key", key, option, str(tmp_path / name)
        )
        expected = Finding.SAVED_CHECKPOINT_REFUSED if "check" in option and name == "none" else 1
        assert done.code == expected, (name, done.said)
        assert str(tmp_path / name) in done.err or done.code != 1
    assert not (tmp_path / "elsewhere").exists()


def test_no_status_of_a_finding_is_that_of_a_crash_or_of_wrong_usage() -> None:
    assert min(Finding) > 2
    assert max(Finding) < 126


def test_an_export_is_for_nobody_but_its_owner(export: Path) -> None:
    assert stat.S_IMODE(export.stat().st_mode) == 0o600


def test_entries_of_one_kind_are_exported_as_a_table(
    service: Installation, at_service: Invoke, tmp_path: Path, export: Path
) -> None:
    assert export
    file, auditor = tmp_path / "export.csv", service.folder / "auditor-1" / "agency.toml"
    asked = ("--format", "csv", "--where", "agency=prison-1", "--where", "operation=collection")
    done = at_service("access-log", "export", str(file), "--as", str(auditor), *asked)
    assert done.code == 0, done.said
    rows = file.read_text().splitlines()
    assert len(rows) == 1 + 4
    assert all(",collection,import,recorded,prison-1," in row for row in rows[1:])
    for wrong in ("agencies=prison-1", "agency"):
        done = at_service("access-log", "export", str(file), "--as", str(auditor), "--where", wrong)
        assert done.code == 1
        assert "expected a filter" in done.err
    twice = ("--where", "agency=prison-1", "--where", "agency=prison-2")
    done = at_service("access-log", "export", str(file), "--as", str(auditor), *twice)
    assert done.code == 1
    assert "each filter once" in done.err


def test_an_export_that_cannot_be_written_here_is_not_left_at_the_service(
    service: Installation, at_service: Invoke, tmp_path: Path, export: Path
) -> None:
    assert export
    auditor = str(service.folder / "auditor-1" / "agency.toml")
    few = ("--as", auditor, "--format", "csv", "--where", "operation=collection")
    # A name that fits, and does not fit any more with what is added while the file is written.
    for _ in range(MOST_KEPT):
        done = at_service("access-log", "export", str(tmp_path / ("x" * 255)), *few)
        assert done.code == 1
        assert str(tmp_path) in done.err
    done = at_service("access-log", "export", str(tmp_path / "export.csv"), *few)
    assert done.code == 0, done.said


def test_an_export_takes_no_other_files_place(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_text("old")
    done = invoke("access-log", "export", str(file), "--as", "agency.toml")
    assert done.code == 1
    assert done.err == f"throughcare: {file}: expected a file that is not there yet\n"
    assert file.read_text() == "old"


def test_the_whole_log_is_not_filtered(invoke: Invoke) -> None:
    where = ("--where", "agency=welfare")
    done = invoke("access-log", "export", "log", "--as", "agency.toml", *where)
    assert done.code == 1
    assert done.err.endswith(": give --where a --format of jsonl, csv, fhir\n")


@pytest.mark.parametrize("key", ["abc", "name+hash", "two words"])
def test_a_key_that_is_none_is_told_how_one_is_written(invoke: Invoke, key: str) -> None:
    done = invoke("access-log", "verify", "log", "--key", key)
    assert done.code == 1
    said = "--key: expected a verifier key, written as name+hash+key"
    assert done.err == f"throughcare: {said}\n"


def test_nobody_but_an_auditor_gets_an_export(
    service: Installation, at_service: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "export"
    prison = service.folder / "prison-1" / "agency.toml"
    done: Done = at_service("access-log", "export", str(file), "--as", str(prison))
    assert done.code == 1
    assert "403" in done.err
    assert "Traceback" not in done.err
    assert not file.exists()


# At an address, with receipts and saved checkpoints


def test_a_running_log_is_verified_at_its_address(
    service: Installation, key: str, invoke: Invoke
) -> None:
    issuer, auditor = service.settings.issuer, service.folder / "auditor-1" / "agency.toml"
    verify = ("access-log", "verify", issuer, "--key", key, "--json")
    saved = ("--checkpoint", str(service.folder / "checkpoint"))
    assert invoke(*verify).code == 0
    done = invoke(*verify, "--as", str(auditor), *saved)
    assert done.code == 0, done.said
    assert done.json["size"] > 0
    prison = service.folder / "prison-1" / "agency.toml"
    refused = invoke(*verify, "--as", str(prison))
    assert (refused.code, "403" in refused.err) == (1, True)
    elsewhere = invoke("access-log", "verify", "http://exchange.example", "--key", key)
    assert (elsewhere.code, "https" in elsewhere.err) == (1, True)


@pytest.fixture
def reader(service: Installation, key: str) -> Path:
    """The prison's client, which knows the key of the log."""
    original = service.folder / "prison-1" / "agency.toml"
    file = original.with_name("with-log.toml")
    file.write_text(f'{original.read_text()}log_key = "{key}"\n')
    return file


def test_what_a_call_received_is_held_to_the_log(
    service: Installation, export: Path, reader: Path, key: str, at_service: Invoke
) -> None:
    done = at_service("call", "GET", "/v1/inmate-files/A-1", "--as", str(reader))
    assert done.code == 0, done.said
    receipts = ("--receipt", str(service.folder / "prison-1" / "store"), "--json")
    before = at_service("access-log", "verify", str(export), "--key", key, *receipts)
    assert (before.code, before.json["receipts"]) == (0, {"kept": 0, "not_yet_due": 1, "lost": 0})
    issuer = service.settings.issuer
    while True:
        now = at_service("access-log", "verify", issuer, "--key", key, *receipts)
        assert now.code == 0, now.said
        if now.json["receipts"] == {"kept": 1, "not_yet_due": 0, "lost": 0}:
            break
    told = at_service("access-log", "verify", issuer, "--key", key, *receipts[:2])
    assert "receipts: 1 kept" in told.out


def test_checkpoints_are_taken_from_a_folder_and_from_a_receiver_s_store(
    service: Installation, export: Path, key: str, tmp_path: Path, at_service: Invoke
) -> None:
    newest = (service.folder / "checkpoint").read_text()
    for name in ("older", "newer"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / name).write_text(newest)
    with SqliteStore.open(tmp_path / "store") as store:
        store.keep_checkpoint(newest)
        store.keep_checkpoint(newest)
        assert store.checkpoints() == (newest,)
    larger = int(newest.split("\n")[1]) > lines_of(export)[0]["size"]
    for place in ("folder", "store"):
        saved = ("--checkpoint", str(tmp_path / place))
        at_address = (service.settings.issuer, "--key", key, *saved)
        assert at_service("access-log", "verify", *at_address).code == 0
        done = at_service("access-log", "verify", str(export), "--key", key, *saved)
        assert done.code == (Finding.BEHIND_SAVED_CHECKPOINT if larger else 0)


def test_what_was_disclosed_and_is_not_on_record_is_told_loudly(
    service: Installation, export: Path, reader: Path, key: str, at_service: Invoke
) -> None:
    signing, origin = KeyRing.load(service.folder / "keys").log_signing, service.settings.log_origin
    promise = LogReceipt(
        origin=origin,
        entry_id="0" * 32,
        leaf_hash=bytes(32),
        body_sha256=bytes(32),
        expected_by=datetime(2026, 1, 1, tzinfo=UTC),
    )
    note = sign_receipt(promise, signing)
    folder = reader.parent / "store"
    with SqliteStore.open(folder) as store:
        store.keep_receipt(
            Receipt(
                entry_id=promise.entry_id,
                leaf_hash=promise.leaf_hash,
                due_at=promise.expected_by,
                note=note,
            )
        )
    called = at_service("call", "GET", "/v1/cases", "--as", str(reader))
    listed = at_service("receive", "--list", "--as", str(reader))
    assert "cases" in called.json
    for done in (called, listed):
        assert done.code == NOT_ON_RECORD
        assert f"DISCLOSED BUT NOT ON RECORD: entry {promise.entry_id}" in done.err
    header = folder / "header"
    header.write_text(to_header(note) + "\n")
    for evidence in (folder, folder / FILE_NAME, header):
        arguments = (str(export), "--key", key, "--receipt", str(evidence))
        done = at_service("access-log", "verify", *arguments)
        assert done.code == Finding.BROKEN_PROMISE, evidence


def test_a_quorum_of_witnesses_is_asked_for(export: Path, key: str, invoke: Invoke) -> None:
    witness = ("--witness", Witness.of("witness.example", OTHER_KEY).to_vkey())
    verify = ("access-log", "verify", str(export), "--key", key)
    assert invoke(*verify, *witness).code == Finding.NOT_COSIGNED
    assert invoke(*verify, *witness, "--quorum", "2").code == 1


def test_the_statuses_stand_in_the_help(invoke: Invoke) -> None:
    said = invoke("access-log", "verify", "--help").out
    for finding in Finding:
        assert f"{int(finding)} {finding.name.lower()}" in " ".join(said.split())


def test_an_auditor_lists_the_alerts(service: Installation, at_service: Invoke) -> None:
    prison, auditor = (
        str(service.folder / name / "agency.toml") for name in ("prison-1", "auditor-1")
    )
    with AgencyClient(AgencyConfiguration.from_file(Path(prison))) as client:
        for number in range(10):
            with pytest.raises(ServiceRefused):
                client.request("GET", f"/v1/inmate-files/nobody-{number}")
        deadline = time.monotonic() + PATIENCE
        while "references-of-nobody" not in at_service("alerts", "list", "--as", auditor).out:
            assert time.monotonic() < deadline
    done = at_service("alerts", "list", "--as", auditor)
    assert "high references-of-nobody: prison-1 " in done.out
    [alert] = at_service("alerts", "list", "--as", auditor, "--json").json
    assert alert["count"] == 10
    assert done.out.endswith("1 alerts\n")
    assert at_service("alerts", "list", "--as", prison).code == 1
    damage = "UPDATE access_log_entry SET retained = x'00' WHERE entry_id = ?"
    with closing(sqlite3.connect(service.folder / "throughcare.db")) as database, database:
        database.execute(damage, [alert["id"]])
    done = at_service("alerts", "list", "--as", auditor)
    assert f"{alert['index']} cannot be read: damaged\n" in done.out
    assert at_service("alerts", "list", "--as", auditor, "--json").code == 0


def test_rules_are_told_in_words_or_refused(invoke: Invoke, tmp_path: Path) -> None:
    told = invoke("alerts", "check").out
    assert "purpose-switch (medium, auditors): An officer was refused" in told
    listed = invoke("alerts", "check", "--json").json["rules"]
    assert len(told.splitlines()) == len(listed)
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nid = "mine"\n')
    done = invoke("alerts", "check", str(file))
    assert done.code == 1
    assert "rules.toml:1: rule mine: kind: " in done.err
    # A service does not start on rules that nobody can read.
    done = invoke("serve", ALERT_RULES=str(file))
    assert done.code == 1
    assert "rules.toml:1: rule mine" in done.err
