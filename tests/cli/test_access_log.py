"""`throughcare access-log`: an export by an auditor, and the status that verification ends with."""

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.access_log.findings import Finding
from app.access_log.note import Verifier
from app.crypto.key_ring import KeyRing
from app.crypto.log_signing import LogSigningKey
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ServiceRefused
from tests.cli.command_line import PATIENCE, Done, Installation
from tests.cli.conftest import Invoke

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


def test_no_status_of_a_finding_is_that_of_a_crash_or_of_wrong_usage() -> None:
    assert min(Finding) > 2
    assert max(Finding) < 126


def test_an_export_is_for_nobody_but_its_owner(export: Path) -> None:
    assert stat.S_IMODE(export.stat().st_mode) == 0o600


def test_an_export_over_an_open_file_closes_it(
    service: Installation, at_service: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "export"
    file.write_text("old" * 100_000)
    file.chmod(0o644)
    auditor = service.folder / "auditor-1" / "agency.toml"
    done = at_service("access-log", "export", str(file), "--as", str(auditor))
    assert done.code == 0, done.said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"oldold" not in file.read_bytes()


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
