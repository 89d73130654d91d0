"""A log that cannot go on under its name goes on under a new one, and says what was lost."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import open_checkpoint, sign_checkpoint
from app.access_log.export import export
from app.access_log.findings import Finding, Report
from app.access_log.note import Verifier
from app.access_log.sealing import LogKeys
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.crypto.key_ring import KeyRing
from app.house import House
from app.main import make_clock, make_house, opened
from tests.cli.command_line import Done, Installation, register, sign
from tests.cli.conftest import Invoke

OLD = "throughcare.example/access-log"
NEW = "throughcare.example/access-log-2"
Recover = Callable[..., Done]


@pytest.fixture
def recover(invoke: Invoke) -> Recover:
    """Run the command; nobody is asked."""

    def run(*more: str, origin: str = NEW, **changes: str) -> Done:
        arguments = ("access-log", "recover", "--origin", origin, "--yes", "--json")
        return invoke(*arguments, *more, **changes)

    return run


def grow(installation: Installation, agency_id: str, origin: str = OLD) -> None:
    """Two entries more, and a checkpoint."""
    house = house_of(installation, origin)
    with opened(installation.settings) as database:
        database.run_blocking(lambda c: register(c, house, agency_id, "police_local"))
        note = database.run_blocking(lambda c: sign(c, house))
    checkpoints.write_checkpoint_file(installation.settings.checkpoint_file, note)


def house_of(installation: Installation, origin: str) -> House:
    settings = replace(installation.settings, log_origin=origin)
    return make_house(settings, at=make_clock(settings)())


def log_key(installation: Installation, origin: str = OLD) -> Verifier:
    ring = KeyRing.load(installation.settings.key_directory)
    return Verifier.of(origin, ring.log_signing)


def saved(installation: Installation) -> str:
    """The checkpoint as an agency keeps it."""
    return installation.settings.checkpoint_file.read_bytes().decode()


def exported(installation: Installation) -> list[bytes]:
    """The lines of the whole log."""
    keys = LogKeys.of(KeyRing.load(installation.settings.key_directory))
    with opened(installation.settings) as database:
        signed = database.read_blocking(checkpoints.latest)
        assert signed is not None
        return database.read_blocking(lambda c: list(export(c, signed, keys=keys)))


def verified(installation: Installation, *notes: str, keys: list[Verifier]) -> Report:
    """The whole log, verified with these saved checkpoints."""
    return verify_export(exported(installation), Evidence(verifiers=keys, saved_checkpoints=notes))


def restore_an_older_copy(installation: Installation) -> tuple[str, str]:
    """Three entries are kept, four are lost; the saved checkpoints of before and after."""
    database = installation.folder / "throughcare.db"
    grow(installation, "police-1")
    older, before = database.read_bytes(), saved(installation)
    grow(installation, "police-2")
    grow(installation, "police-3")
    database.write_bytes(older)
    return before, saved(installation)


def test_an_older_copy_goes_on_under_a_new_name_that_names_the_last_checkpoint_of_the_old_one(
    installation: Installation, invoke: Invoke, recover: Recover
) -> None:
    before, last = restore_an_older_copy(installation)
    refused = invoke("serve")
    assert refused.code == 1
    assert "older copy of the database" in refused.err
    assert "throughcare access-log recover" in refused.err
    done = recover()
    assert done.code == 0, done.said
    old, new = log_key(installation), log_key(installation, NEW)
    assert done.json == {"origin": NEW, "log_key": new.to_vkey()}
    assert open_checkpoint(saved(installation), [new]).size == 4
    # Under the old name it does not start any more, and under the new one it goes on.
    assert "disagree" in invoke("init").err
    assert invoke("init", LOG_ORIGIN=NEW).code == 0
    grow(installation, "police-4", NEW)
    report = verified(installation, before, last, saved(installation), keys=[old, new])
    assert (report.finding, report.size) == (None, 6), report
    [succession] = report.successions
    assert (succession.kept, succession.lost) == (3, 4)
    assert succession.previous == open_checkpoint(last, [old])
    # Behind the header, the tile and the entries that are kept.
    entry = json.loads(exported(installation)[2 + succession.kept])
    fields = json.loads(entry["sections"]["fields"]["content"])
    assert fields["previous"]["checkpoint"] == last
    assert (fields["reasons"], fields["key"]) == (["restored-from-backup"], new.to_vkey())


def test_a_script_that_verifies_sees_the_names_of_a_log_and_what_it_lost(
    installation: Installation, invoke: Invoke, recover: Recover, tmp_path: Path
) -> None:
    restore_an_older_copy(installation)
    assert recover().code == 0
    file = tmp_path / "log.ndjson"
    file.write_bytes(b"".join(exported(installation)))
    keys = [log_key(installation, origin).to_vkey() for origin in (OLD, NEW)]
    verify = ("access-log", "verify", str(file), "--key", keys[0], "--key", keys[1])
    done = invoke(*verify, "--json")
    # Who looks at the status alone does not take it for the whole, until told that it is known.
    assert (done.code, done.json["finding"], done.json["lost"]) == (9, None, 4)
    assert invoke(*verify, "--lost", "3").code == 9
    assert invoke(*verify, "--lost", "4").code == 0
    assert done.json["origin"] == NEW
    assert done.json["names"] == [{"origin": NEW, "from": 3, "after": OLD, "lost": 4}]
    assert "4 entries of that are declared lost" in invoke(*verify).out


def test_what_is_not_wrong_is_not_recovered(installation: Installation, recover: Recover) -> None:
    grow(installation, "police-1")
    older = (installation.folder / "throughcare.db").read_bytes()
    refused = recover()
    assert refused.code == 1
    assert "nothing is wrong" in refused.err
    # Nor a log that was rewritten: that is no loss.
    grow(installation, "police-2")
    kept = saved(installation)
    (installation.folder / "throughcare.db").write_bytes(older)
    grow(installation, "police-3")
    installation.settings.checkpoint_file.write_text(kept)
    refused = recover()
    assert refused.code == 1
    assert "not those that were signed" in refused.err
    assert saved(installation) == kept


def test_the_new_name_has_the_form_of_a_name(installation: Installation, recover: Recover) -> None:
    restore_an_older_copy(installation)
    refused = recover(origin="two words")
    assert refused.code == 1
    assert "a name without spaces" in refused.err


def test_whoever_does_not_type_the_new_name_changes_nothing(
    installation: Installation, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_an_older_copy(installation)
    before = (installation.folder / "throughcare.db").read_bytes()
    for answer, code in ((OLD, 1), (NEW, 0)):
        monkeypatch.setattr("sys.stdin", StringIO(f"{answer}\n"))
        assert invoke("access-log", "recover", "--origin", NEW).code == code
        changed = (installation.folder / "throughcare.db").read_bytes() != before
        assert changed == (code == 0)


def test_a_recovery_that_was_broken_off_is_ended_by_the_next_one(
    installation: Installation, recover: Recover, invoke: Invoke
) -> None:
    _, last = restore_an_older_copy(installation)
    assert recover().code == 0
    note = saved(installation)
    # As after a kill between the commit and the writing of the file.
    installation.settings.checkpoint_file.write_text(last)
    assert "broken off" in invoke("serve", LOG_ORIGIN=NEW).err
    assert recover().code == 0
    assert saved(installation) == note
    # But what is whole is not begun again.
    assert recover().code == 1


def test_what_a_thief_signs_is_no_checkpoint_of_the_log_that_goes_on(
    installation: Installation, recover: Recover
) -> None:
    grow(installation, "police-1")
    last, old = saved(installation), log_key(installation)
    stolen = KeyRing.load(installation.settings.key_directory).log_signing
    done = recover("--replace-key", old.to_vkey())
    assert done.code == 0, done.said
    new = log_key(installation, NEW)
    assert new.public_key != old.public_key
    report = verified(installation, last, keys=[old, new])
    assert (report.finding, [one.lost for one in report.successions]) == (None, [0])
    with opened(installation.settings) as database:
        head = database.read_blocking(ledger.read_head)
    forged = sign_checkpoint(head.checkpoint(NEW), stolen)
    assert verified(installation, forged, keys=[new]).finding is Finding.SAVED_CHECKPOINT_REFUSED


def test_a_key_that_never_signed_the_log_replaces_nothing(
    installation: Installation, recover: Recover, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(installation.settings.key_directory, other)
    stranger = KeyRing.replace_log_key(
        other, KeyRing.load(other).log_signing.public_bytes, random=lambda size: b"x" * size
    )
    before = log_key(installation)
    refused = recover("--replace-key", Verifier.of(OLD, stranger.log_signing).to_vkey())
    assert refused.code == 1
    assert "not signed by the key of the old log" in refused.err
    assert log_key(installation) == before


def test_a_checkpoint_beyond_what_was_declared_lost_is_found(
    installation: Installation, recover: Recover
) -> None:
    """An operator who says that less was lost than an agency can prove."""
    database = installation.folder / "throughcare.db"
    older = database.read_bytes()
    grow(installation, "police-1")
    declared = saved(installation)
    grow(installation, "police-2")
    beyond = saved(installation)
    database.write_bytes(older)
    installation.settings.checkpoint_file.write_text(declared)
    assert recover().code == 0
    keys = [log_key(installation), log_key(installation, NEW)]
    assert verified(installation, declared, keys=keys).finding is None
    assert verified(installation, beyond, keys=keys).finding is Finding.BEHIND_SAVED_CHECKPOINT


@pytest.mark.parametrize("note", ["two words\n", "\n", "nothing"])
def test_a_file_that_is_no_checkpoint_is_no_ground_for_a_new_name(
    installation: Installation, recover: Recover, note: str
) -> None:
    installation.settings.checkpoint_file.write_text(note)
    refused = recover()
    assert refused.code == 1
    assert "put the right file in its place" in refused.err


def test_where_there_is_no_log_there_is_nothing_to_go_on_with(
    installation: Installation, recover: Recover
) -> None:
    (installation.folder / "throughcare.db").unlink()
    refused = recover()
    assert refused.code == 1
    assert "throughcare init" in refused.err
