"""`throughcare backup` and `restore`: what is lost is put back, and nothing else is touched."""

import json
import os
import re
import resource
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event

import pytest
from alembic.command import stamp
from alembic.config import Config
from sqlalchemy import Connection

from app import grants
from app.access_log import checkpoints
from app.access_log.checkpoint import Checkpoint
from app.access_log.note import Verifier
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration import erasure
from app.administration.registry import OPERATOR
from app.audit.read_log import whole_log
from app.backup import copies
from app.backup.manifest import Manifest
from app.cli.backup import backup
from app.cli.restore import check_fits, put_database
from app.crypto.key_ring import KeyRing
from app.crypto.log_signing import LogSigningKey
from app.engines import make_engine
from app.files import store
from app.files.store import StoredFile
from app.grants import Role
from app.house import Act, House, record
from app.main import NotReady, make_house, opened
from app.receiver.private_files import write_private_file
from app.retention import requests
from app.retention.requests import Ground
from app.revisions import alembic_config
from app.settings import Settings
from app.tables import METADATA
from tests.cli.command_line import Done, Installation, register, sign
from tests.cli.conftest import Invoke
from tests.conftest import in_database, without_tables
from tests.logins import login
from tests.postgresql import PROGRAMS
from tests.world import sealing_keys
from throughcare_receiver.keys import DecryptionKey

NEW = "throughcare.example/access-log-2"
PERSON = "0" * 32
KEY = next(sealing_keys())
# Of a log without entries.
MANIFEST = Manifest(
    made_at=datetime(2027, 3, 3, tzinfo=UTC),
    product="9.9",
    tables="0019",
    database="sqlite",
    checkpoint=Checkpoint("throughcare.example/access-log", 0, sha256().digest()),
    key_ids=(),
    parts=(),
)
Restore = Callable[..., Done]


@pytest.fixture(scope="module")
def backed_up(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an installation with some entries, with a backup of it and what opens that."""
    folder = tmp_path_factory.mktemp("backed-up") / "installation"
    shutil.copytree(template, folder)
    installation = Installation.planned(folder)
    public, private = folder / "public.json", folder / "private.pem"
    public.write_text(json.dumps(KEY.public_jwk()))
    write_private_file(private, KEY.to_pem())
    work(installation, put_in)
    with pytest.MonkeyPatch.context() as patch:
        for name, text in installation.environment.items():
            patch.setenv(name, text)
        backup(folder / "backup", to=[public], as_json=True)
    return folder


@pytest.fixture
def installation(backed_up: Path, tmp_path: Path) -> Installation:
    """A copy of that, for one test to spoil."""
    folder = tmp_path / "installation"
    shutil.copytree(backed_up, folder)
    return Installation.planned(folder)


@pytest.fixture
def made(installation: Installation) -> Path:
    """The backup."""
    return installation.folder / "backup"


@pytest.fixture
def restore(installation: Installation, invoke: Invoke, made: Path) -> Restore:
    """Run the command with the key of the log that the agreement names."""
    key = log_key(installation)

    def run(*more: str, **changes: str) -> Done:
        named = ("--key", f"{installation.folder}/private.pem", "--log-key", key)
        return invoke("restore", str(made), *named, "--json", *more, **changes)

    return run


def log_key(installation: Installation) -> str:
    settings = installation.settings
    ring = KeyRing.load(settings.key_directory)
    return Verifier.of(settings.log_origin, ring.log_signing).to_vkey()


def grow(installation: Installation, agency_id: str) -> None:
    """Two entries more, and a checkpoint."""
    work(installation, lambda c, house: register(c, house, agency_id, "police_local"))


def house_of(installation: Installation) -> House:
    return make_house(installation.settings, at=datetime.now(UTC))


def lose(installation: Installation, *names: str) -> None:
    """Move parts of an installation away."""
    gone = installation.folder / "gone"
    gone.mkdir(exist_ok=True)
    for name in names:
        for one in installation.folder.glob(f"{name}*"):
            shutil.move(one, gone)


def test_everything_is_lost_and_moved_to_another_machine(
    installation: Installation, restore: Restore, invoke: Invoke, made: Path
) -> None:
    assert made.stat().st_mode & 0o077 == 0
    lose(installation, "throughcare.db", "keys", "checkpoint")
    done = restore("--newest")
    assert (done.code, done.json["starts"]) == (0, True), done.said
    assert done.json["restored"] == ["database", "keys", "checkpoint"]
    assert (installation.folder / "throughcare.db").stat().st_mode & 0o077 == 0
    # Nothing is left of what was put together beside it.
    assert {one.name for one in installation.folder.glob(".*")} == set()
    grow(installation, "police-2")
    assert invoke("init").code == 0


def test_a_lost_database_is_behind_the_checkpoint_that_was_not_lost(
    installation: Installation, restore: Restore, invoke: Invoke
) -> None:
    grow(installation, "police-2")
    lose(installation, "throughcare.db")
    done = restore()
    assert (done.code, done.json["restored"], done.json["starts"]) == (0, ["database"], False)
    assert "the log has 4 entries, 6 were signed" in done.json["next"]
    assert "throughcare access-log recover" in done.json["next"]
    assert invoke("access-log", "recover", "--origin", NEW, "--yes").code == 0
    assert invoke("init", LOG_ORIGIN=NEW).code == 0


def test_a_lost_database_and_checkpoint_do_not_go_on_as_if_nothing_had_been_signed_since(
    installation: Installation, restore: Restore, invoke: Invoke
) -> None:
    grow(installation, "police-2")
    kept_by_an_agency = installation.settings.checkpoint_file.read_text()
    lose(installation, "throughcare.db", "checkpoint")
    done = restore()
    assert (done.json["restored"], done.json["starts"]) == (["database"], False)
    assert "Put the newest checkpoint there: agencies and auditors keep it" in done.json["next"]
    # Asked again it does not come round to another answer.
    assert "--newest" in restore().err
    installation.settings.checkpoint_file.write_text(kept_by_an_agency)
    assert "older copy of the database" in invoke("serve").err


def test_lost_keys_are_put_back_while_they_open_what_is_here(
    installation: Installation, restore: Restore, invoke: Invoke
) -> None:
    grow(installation, "police-2")
    lose(installation, "keys")
    done = restore()
    assert (done.json["restored"], done.json["starts"]) == (["keys"], True)
    # Keys that were made since are in no older backup.
    assert invoke("keys", "rotate", "data").code == 0
    ring = installation.settings.key_directory
    shutil.rmtree(ring)
    refused = restore()
    assert refused.code == 1
    assert "is missing, and data hang on it" in refused.err
    assert not ring.exists()


def test_a_database_is_not_put_back_beside_keys_that_do_not_open_it(
    installation: Installation, restore: Restore, invoke: Invoke
) -> None:
    for command in (("rotate", "data"), ("rewrap",), ("remove",)):
        assert invoke("keys", *command).code == 0
    lose(installation, "throughcare.db")
    refused = restore()
    assert refused.code == 1
    assert "not of the same time" in refused.err
    assert not (installation.folder / "throughcare.db").exists()


def test_a_lost_checkpoint_is_put_back_only_as_the_newest_there_is(
    installation: Installation, restore: Restore
) -> None:
    lose(installation, "checkpoint")
    assert "--newest" in restore().err
    done = restore("--newest")
    assert (done.json["restored"], done.json["starts"]) == (["checkpoint"], True)


def test_what_is_here_is_never_overwritten(
    installation: Installation, restore: Restore, invoke: Invoke, made: Path
) -> None:
    before = {one: one.read_bytes() for one in installation.folder.rglob("*") if one.is_file()}
    refused = restore("--newest")
    assert refused.code == 1
    assert "nothing is missing here" in refused.err
    again = invoke("backup", str(made), "--to", f"{installation.folder}/public.json")
    assert "no backup is overwritten" in again.err
    lose(installation, "throughcare.db")
    (installation.folder / "throughcare.db-wal").write_bytes(b"of another database")
    assert "belongs to a database that is not here" in restore().err
    assert made.read_bytes() == before[made]
    (installation.folder / "throughcare.db").write_bytes(b"something else" * 100)
    assert "the database cannot be opened" in restore().err


def test_a_backup_that_was_altered_cut_or_made_by_somebody_else_is_refused(
    installation: Installation, restore: Restore, invoke: Invoke, made: Path
) -> None:
    lose(installation, "throughcare.db")
    stranger = Verifier.of("other.example/log", LogSigningKey.from_seed(bytes(32))).to_vkey()
    refused = invoke(*restore_with(installation, made), "--log-key", stranger)
    assert "no backup of the log of --log-key" in refused.err
    public = f"{installation.folder}/public.json"
    assert f"{public}: " in invoke("restore", str(made), "--key", public, "--log-key", stranger).err
    whole = made.read_bytes()
    for wrong in (whole[:-1], whole[:5000], whole.replace(b"A256GCM", b"A256KW-")):
        made.write_bytes(wrong)
        assert restore().code == 1
    assert not (installation.folder / "throughcare.db").exists()
    made.write_bytes(whole)
    assert restore().code == 0


def restore_with(installation: Installation, file: Path) -> tuple[str, ...]:
    return "restore", str(file), "--key", f"{installation.folder}/private.pem"


def test_a_backup_of_another_kind_of_database_or_a_newer_version_is_refused(
    installation: Installation,
) -> None:
    settings = installation.settings
    check_fits(MANIFEST, settings)
    with pytest.raises(NotReady, match=r"the backup is of postgresql, .* is sqlite"):
        check_fits(replace(MANIFEST, database="postgresql"), settings)
    with pytest.raises(NotReady, match=r"version 9\.9, whose tables this version does not know"):
        check_fits(replace(MANIFEST, tables="of tomorrow"), settings)


def test_the_roles_of_a_server_may_again_what_they_could(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")
    source, target = (
        without_tables(in_database(postgresql_url, name)) for name in ("backed_up", "put_back")
    )
    engine = make_engine(source)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        stamp(_alembic(connection), "head")
    with engine.connect() as connection:
        copied = b"".join(copies.pieces(connection))
    engine.dispose()
    manifest = replace(MANIFEST, database="postgresql")
    another = replace(manifest, checkpoint=replace(MANIFEST.checkpoint, size=1))
    with pytest.raises(NotReady, match="drop that database"):
        put_database(Settings(database_url=target), iter([copied]), another)
    without_tables(target)
    put_database(Settings(database_url=target), iter([copied]), manifest)
    assert caplog.messages == []
    engine = make_engine(login(target, (Role.APPLICATION,)))
    with engine.connect() as connection:
        assert grants.lacking(connection, (Role.APPLICATION,)) == []
    engine.dispose()


def _alembic(connection: Connection) -> Config:
    config = alembic_config()
    config.attributes["connection"] = connection
    return config


def test_what_could_not_be_restored_is_not_backed_up(
    installation: Installation, invoke: Invoke, made: Path
) -> None:
    again = ("backup", f"{made}-2", "--to", f"{installation.folder}/public.json")
    checkpoint, key = installation.settings.checkpoint_file, "data_encryption.next.key"
    grow(installation, "police-2")
    newest = checkpoint.read_text()
    older = (installation.folder / "throughcare.db").read_bytes()
    grow(installation, "police-3")
    (installation.folder / "throughcare.db").write_bytes(older)
    assert "the log has 6 entries, 8 were signed" in invoke(*again).err
    checkpoint.unlink()
    assert "the last checkpoint of the log is gone" in invoke(*again).err
    checkpoint.write_text(newest)
    (installation.settings.key_directory / key).unlink()
    assert "is missing, and data hang on it" in invoke(*again).err
    assert list(installation.folder.glob("*backup-2*")) == []


def test_a_disk_that_is_full_leaves_no_backup(
    installation: Installation, invoke: Invoke, made: Path
) -> None:
    again = ("backup", f"{made}-2", "--to", f"{installation.folder}/public.json")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Room for the copy beside the database, and not for all of what is made of it.
    resource.setrlimit(resource.RLIMIT_FSIZE, (made.stat().st_size - 100, limits[1]))
    try:
        full = invoke(*again)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert full.code == 1
    assert "Traceback" not in full.err
    assert list(installation.folder.glob("*backup-2*")) == []
    assert list(installation.folder.glob("*.copy*")) == []
    assert invoke(*again).code == 0


def test_in_a_folder_a_backup_is_named_by_its_time(
    installation: Installation, invoke: Invoke, made: Path
) -> None:
    folder = made.with_name("backups")
    folder.mkdir()
    assert invoke("backup", str(folder), "--to", f"{installation.folder}/public.json").code == 0
    [one] = folder.iterdir()
    assert re.fullmatch(r"throughcare-\d{8}T\d{6}Z\.backup", one.name)


def test_keys_for_backups_are_made_once(installation: Installation, invoke: Invoke) -> None:
    file = installation.folder / "escrow.pem"
    done = invoke("backup-key", str(file), "--json")
    key = DecryptionKey.from_pem(file.read_bytes())
    assert done.json == {"kid": key.kid, "private": str(file), "public": f"{file}.public.json"}
    assert json.loads(Path(f"{file}.public.json").read_text()) == key.public_jwk()
    assert file.stat().st_mode & 0o077 == 0
    assert invoke("backup-key", str(file)).code == 1
    wrong = invoke("backup", f"{file}-2", "--to", str(file))
    assert "not a public key of `throughcare backup-key`" in wrong.err


def test_who_was_erased_since_is_erased_again_by_the_word_of_the_log(
    installation: Installation, invoke: Invoke, made: Path, tmp_path: Path
) -> None:
    work(installation, erase)
    vkey = log_key(installation)
    log = tmp_path / "log.ndjson"
    with opened(installation.settings) as database:
        house = house_of(installation)
        log.write_bytes(database.read_blocking(lambda c: whole_log(c, house)))
    lose(installation, "throughcare.db")
    done = invoke(*restore_with(installation, made), "--log-key", vkey)
    assert "throughcare retention repeat" in done.err
    assert invoke("access-log", "recover", "--origin", NEW, "--yes").code == 0
    repeat = ("retention", "repeat", str(log), "--key", vkey, "--json")
    assert len(invoke("retention", "preview", "--json", LOG_ORIGIN=NEW).json) == 1
    # What is verified and what is read are one file.
    pipe, over = tmp_path / "pipe", Event()
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(give_and_take_away, pipe, log.read_bytes(), over)
        try:
            exchanged = invoke("retention", "repeat", str(pipe), "--key", vkey, LOG_ORIGIN=NEW)
        finally:
            over.set()
    assert "was changed while it was read" in exchanged.err
    again = invoke(*repeat, LOG_ORIGIN=NEW)
    assert again.json["erased"] == len(again.json["certificates"]) == 1, again.said
    assert invoke("retention", "preview", "--json", LOG_ORIGIN=NEW).json == []
    assert invoke(*repeat, LOG_ORIGIN=NEW).json["erased"] == 0
    log.write_bytes(log.read_bytes().replace(b"retention_ended", b"recorded_unlawfully"))
    assert "does not verify" in invoke(*repeat, LOG_ORIGIN=NEW).err


def give_and_take_away(pipe: Path, content: bytes, over: Event) -> None:
    """Let this be read once; whoever reads again finds nothing."""
    pipe.write_bytes(content)
    while not over.wait(0.01):
        with suppress(OSError):  # nobody reads it now
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


def work(installation: Installation, do: Callable[[Connection, House], object]) -> None:
    """Do something, and sign it."""
    house = house_of(installation)
    with opened(installation.settings) as database:
        database.run_blocking(lambda c: do(c, house))
        note = database.run_blocking(lambda c: sign(c, house))
    checkpoints.write_checkpoint_file(installation.settings.checkpoint_file, note)


def put_in(connection: Connection, house: House) -> None:
    """A person whose term has ended, of whom the log knows."""
    at = datetime.now(UTC)
    register(connection, house, "prison-1", "correctional_service")
    left = {"actual_release_datetime": {"value": (at - timedelta(days=400)).isoformat()}}
    file = StoredFile(person_id=PERSON, custodian="prison-1", sections={"release": left})
    store.create(connection, file, ring=house.ring, at=at, random=house.random)
    act = Act(
        operation=Operation.COLLECTION,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        person_id=PERSON,
        fields={},
    )
    record(connection, house, OPERATOR, act, at=at)


def erase(connection: Connection, house: House) -> None:
    """As two officers do."""
    at, ground = datetime.now(UTC), Ground.RETENTION_ENDED
    requests.ask(connection, "1" * 32, person_id=PERSON, ground=ground, by="one", at=at)
    requests.approve(connection, person_id=PERSON, by="two", at=at)
    erasure.erase(connection, house, PERSON, at=at)
