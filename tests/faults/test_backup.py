"""Backups while the service is at work, and backups that are killed: what is restored is whole."""

import json
import os
import time
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.audit.read_log import whole_log
from app.backup import archive
from app.backup.archive import ArchiveRefused
from app.cli.backup import DATABASE
from app.cli.installation import prepare
from app.main import log_verifier, make_house, opened
from app.settings import PREFIX, Settings
from tests.conftest import in_database, without_tables
from tests.faults.account import Stored
from tests.faults.installation import PATIENCE, SERVE
from tests.faults.scene import Scene
from tests.notifications.mailroom import wait_until
from tests.postgresql import PROGRAMS
from tests.world import sealing_keys

# So many files are answered before a backup begins, and as many come while it is made.
FILES = 3
PROCESSES = (SERVE, "sequence-1")
LONG = "THROUGHCARE_TEST_KILLS" in os.environ
RECIPIENT = next(sealing_keys())


@pytest.fixture
def elsewhere(on_either: Scene, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Where nothing is yet, on the same kind of database."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    environment = dict(on_either.installation.environment)
    if on_either.installation.is_embedded:
        url = f"sqlite:///{folder}/throughcare.db"
    else:
        server = str(request.getfixturevalue("postgresql_url"))
        url = without_tables(in_database(server, "elsewhere"))
    environment |= {
        f"{PREFIX}DATABASE_URL": url,
        f"{PREFIX}KEY_DIRECTORY": str(folder / "keys"),
        f"{PREFIX}CHECKPOINT_FILE": str(folder / "checkpoint"),
    }
    return Settings.from_environment(environment)


@pytest.mark.skipif(not LONG, reason="`make faults`; briefly in cli/test_exchange.py, tests/backup")
def test_what_was_answered_before_a_backup_began_is_restored_from_it(
    on_either: Scene, elsewhere: Settings, tmp_path: Path, kills: int
) -> None:
    scene, installation = on_either, on_either.installation
    installation.environment["PATH"] = f"{PROGRAMS}:{os.environ['PATH']}"
    public, private = keys_in(tmp_path)
    file = tmp_path / "made"
    for name in PROCESSES[: 1 if installation.is_embedded else None]:
        installation.start(name)
    with scene.at_work():
        for number in range(kills // 3):
            kill_a_backup(scene, tmp_path / f"killed-{number}", public)
        wait_until(partial(has_answered, scene, FILES))
        answered, read = dict(scene.answered), list(scene.read)
        end(scene, "backup", str(file), "--to", str(public))
        wait_until(partial(has_answered, scene, len(answered) + FILES))
    installation.kill_all()
    vkey = log_verifier(elsewhere, make_house(installation.settings, at=installation.clock()).ring)
    end(
        scene,
        *("restore", str(file), "--key", str(private), "--log-key", vkey.to_vkey(), "--newest"),
        DATABASE_URL=elsewhere.database_url,
        KEY_DIRECTORY=str(elsewhere.key_directory),
        CHECKPOINT_FILE=str(elsewhere.checkpoint_file),
    )
    saved = elsewhere.checkpoint_file.read_text()
    # Entries that wait for their place get it, as at every start.
    prepare(elsewhere, at=installation.clock())
    house = make_house(elsewhere, at=installation.clock())
    with opened(elsewhere) as database:
        stored = database.read_blocking(lambda c: Stored.read(c, house))
        export = database.read_blocking(lambda c: whole_log(c, house))
    kept = set(stored.persons.values())
    assert answered.keys() <= kept < {*scene.answered, *scene.unanswered}
    assert {*read} <= {entry["id"] for entry in stored.entries}
    evidence = Evidence(verifiers=[vkey], saved_checkpoints=[saved])
    report = verify_export(export.splitlines(keepends=True), evidence)
    assert report.finding is None, report.detail
    print(f"\nfiles: {len(answered)} before, {len(kept)} in it, {len(scene.answered)} in all")  # noqa: T201 - the result of a long run


def keys_in(folder: Path) -> tuple[Path, Path]:
    """Files of the public and of the private key."""
    public, private = folder / "public.json", folder / "private.pem"
    public.write_text(json.dumps(RECIPIENT.public_jwk()))
    private.touch(mode=0o600)
    private.write_bytes(RECIPIENT.to_pem())
    return public, private


def has_answered(scene: Scene, files: int) -> bool:
    return len(scene.answered) >= files


def end(scene: Scene, *arguments: str, **settings: str) -> None:
    """Run a command to its good end."""
    process = scene.installation.run(*arguments, **settings)
    process.join(PATIENCE)
    assert process.exitcode == 0, scene.installation.log("commands")


def kill_a_backup(scene: Scene, file: Path, public: Path) -> None:
    """Take a backup away while it writes: what it leaves is none."""
    process = scene.installation.run("backup", str(file), "--to", str(public))
    wait_until(partial(has_begun, file))
    time.sleep(scene.random.uniform(0, 0.1))
    process.kill()
    process.join()
    for left in file.parent.glob(f".{file.name}.*"):
        with left.open("rb") as opened, pytest.raises(ArchiveRefused):
            survey(opened)
    scene.kills["backup"] += not file.exists()


def survey(opened: BinaryIO) -> None:
    head = archive.open_head(opened, RECIPIENT.kid, RECIPIENT.private)
    opened.seek(0)
    archive.survey(archive.frames(opened, head), large=DATABASE)


def has_begun(file: Path) -> bool:
    time.sleep(0.001)
    return file.exists() or any(file.parent.glob(f".{file.name}.*"))
