"""Commands that make and run an installation, as processes: what is told, and with which end."""

import secrets
import shutil
import signal
import socket
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from jose import jwk
from jose.backends.cryptography_backend import CryptographyECKey
from jose.backends.ecdsa_backend import ECDSAECKey
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import make_url

from app.access_log import checkpoints
from app.access_log.note import Verifier, open_note
from app.cases import assignments, references
from app.cases.assignments import Offer
from app.cases.fact import FactAltered
from app.cases.tables import CaseAssignment
from app.cli.installation import prepare
from app.crypto.key_ring import KeyRing
from app.engines import make_engine
from app.files import store
from app.files.store import KEY
from app.files.tables import InmateFile
from app.house import House
from app.main import NotReady, ServerAway, opened
from app.revisions import alembic_config
from app.rows import table_of
from tests.cli.command_line import PATIENCE, Done, Installation, register, sign
from tests.cli.conftest import Invoke, InvokeIn
from tests.conftest import empty_database
from tests.world import POLICIES


@pytest.fixture
def planned(tmp_path: Path) -> Installation:
    """An installation of which nothing is made yet."""
    folder = tmp_path / "planned"
    folder.mkdir()
    return Installation.planned(folder)


def content(installation: Installation) -> dict[str, bytes]:
    """Every key, the checkpoint, and what the database holds."""
    keys = {path.name: path.read_bytes() for path in (installation.folder / "keys").iterdir()}
    with sqlite3.connect(installation.folder / "throughcare.db") as database:
        dump = "\n".join(database.iterdump()).encode()
    database.close()
    return {
        **keys,
        "checkpoint": (installation.folder / "checkpoint").read_bytes(),
        "database": dump,
    }


def log_key_of(done: Done) -> str:
    """The key of the log as it was printed for people."""
    lines = dict(line.split(": ", 1) for line in done.out.splitlines() if ": " in line)
    return lines["log_key"]


def test_init_makes_keys_tables_and_a_signed_log_of_one_activation(
    planned: Installation,
) -> None:
    done = planned.run("init")
    assert done.code == 0, done.said
    # In one line, whole: it is copied into an agreement.
    verifier = Verifier.from_vkey(log_key_of(done))
    note = (planned.folder / "checkpoint").read_bytes().decode()
    assert open_note(note, [verifier]).text.split("\n")[:2] == [
        "throughcare.example/access-log",
        "1",
    ]
    KeyRing.load(planned.folder / "keys")
    for key in (planned.folder / "keys").iterdir():
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_init_a_second_time_is_harmless(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    grow(installation, house, "police-1")
    before = content(installation)
    first, second = invoke("init", "--json"), invoke("init", "--json")
    assert first.code == second.code == 0
    assert first.json == second.json
    after = content(installation)
    database, grown = (lines["database"].splitlines() for lines in (before, after))
    assert {**after, "database": b""} == {**before, "database": b""}
    # All that came is the checkpoint of the entry that the registry had made meanwhile.
    assert set(database) <= set(grown)
    rows = [line for line in set(grown) - set(database) if line.startswith(b"INSERT")]
    assert [line.split(b'"')[1] for line in rows] == [b"access_log_checkpoint"]


def test_init_tells_the_same_as_json(planned: Installation, invoke_in: InvokeIn) -> None:
    done = invoke_in(planned, "init", "--json")
    assert done.json == {
        "database": planned.environment["THROUGHCARE_DATABASE_URL"],
        "keys": str(planned.folder / "keys"),
        "log_key": done.json["log_key"],
    }
    assert log_key_of(invoke_in(planned, "init")) == done.json["log_key"]


def test_init_never_prints_the_password_of_the_database(
    planned: Installation, invoke_in: InvokeIn, request: pytest.FixtureRequest
) -> None:
    url = make_url(empty_database("postgresql", request, planned.folder))
    with_password = url.set(password=url.password or "planted-password")
    changed = with_password.render_as_string(hide_password=False)
    unsafe = {"ALLOW_UNSAFE_DATABASE": "true"}
    done = invoke_in(planned, "init", DATABASE_URL=changed, **unsafe)
    assert done.code == 0, done.said
    assert str(with_password.password) not in done.said


def grow(installation: Installation, house: House, agency_id: str) -> None:
    """Two entries more."""
    with opened(installation.settings) as database:
        database.run_blocking(lambda c: register(c, house, agency_id, "police_local"))


def sign_log(installation: Installation, house: House) -> None:
    """A checkpoint of what is there, and its file."""
    with opened(installation.settings) as database:
        note = database.run_blocking(lambda c: sign(c, house))
    checkpoints.write_checkpoint_file(installation.folder / "checkpoint", note)


def lose_the_tables(installation: Installation, _: House) -> str:
    """A new, empty database in the place of the old one."""
    (installation.folder / "throughcare.db").unlink()
    return "throughcare init"


def put_an_older_copy_in_place(installation: Installation, house: House) -> str:
    """A backup from before the last checkpoint."""
    database = installation.folder / "throughcare.db"
    older = database.read_bytes()
    grow(installation, house, "police-1")
    sign_log(installation, house)
    database.write_bytes(older)
    return "the log has 1 entries, 3 were signed"


def fork_the_log(installation: Installation, house: House) -> str:
    """A backup that has grown by other entries."""
    put_an_older_copy_in_place(installation, house)
    grow(installation, house, "police-2")
    return "are not those that were signed"


def lose_the_checkpoint(installation: Installation, house: House) -> str:
    """Entries, and nothing outside the database to hold them to."""
    grow(installation, house, "police-1")
    (installation.folder / "checkpoint").unlink()
    return f"{installation.folder}/checkpoint"


def spoil_the_checkpoint(installation: Installation, _: House) -> str:
    """Bytes that are no note."""
    (installation.folder / "checkpoint").write_bytes(b"\xff\xff")
    return f"{installation.folder}/checkpoint"


def open_a_key_to_others(installation: Installation, _: House) -> str:
    """A key that everybody can read."""
    key = installation.folder / "keys" / "token_signing.pem"
    key.chmod(0o644)
    return str(key)


def lose_a_key(installation: Installation, _: House) -> str:
    """A key less."""
    key = installation.folder / "keys" / "blind_index.key"
    key.unlink()
    return str(key)


def spoil_a_key(installation: Installation, _: House) -> str:
    """A key that is none."""
    key = installation.folder / "keys" / "data_encryption.key"
    key.write_text("planted-secret")
    return str(key)


def spoil_the_database(installation: Installation, _: House) -> str:
    """A file that is no database."""
    (installation.folder / "throughcare.db").write_bytes(b"This is no database. " * 100)
    return "not a database"


def set_the_clock_back(installation: Installation, house: House) -> str:
    """A clock that stands before the last signature under the log."""
    grow(installation, house, "police-1")
    sign_log(installation, house)
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    (installation.folder / "clock").write_text(an_hour_ago.isoformat())
    return "set the clock right"


def open_the_database_to_others(installation: Installation, _: House) -> str:
    """A database that everybody can read."""
    file = installation.folder / "throughcare.db"
    file.chmod(0o644)
    return f"{file}: must be a file that only its owner can use"


def leave_a_journal_open_to_others(installation: Installation, _: House) -> str:
    """A journal that the group can read."""
    journal = installation.folder / "throughcare.db-journal"
    journal.touch()
    journal.chmod(0o640)
    return f"{journal}: must be a file that only its owner can use"


@pytest.fixture
def serve(installation: Installation, invoke: Invoke) -> Iterator[Invoke]:
    """Serve in this process; its port is taken, so that what wrongly starts comes to an end."""
    with socket.create_server(("127.0.0.1", installation.settings.port)):
        yield partial(invoke, "serve")


def assert_refused(done: Done, expected: str) -> None:
    """One sentence on the error output, an end that is no success, and no traceback."""
    assert done.code == 1, done.said
    assert "throughcare: " in done.err
    assert expected in done.err
    assert "Traceback" not in done.said
    assert "planted-secret" not in done.said
    # Nothing listened before it was refused.
    assert "Uvicorn running" not in done.said


@pytest.mark.parametrize(
    "spoil",
    [
        lose_the_tables,
        put_an_older_copy_in_place,
        fork_the_log,
        lose_the_checkpoint,
        spoil_the_checkpoint,
        open_a_key_to_others,
        lose_a_key,
        spoil_a_key,
        spoil_the_database,
        set_the_clock_back,
        open_the_database_to_others,
        leave_a_journal_open_to_others,
    ],
)
def test_serve_does_not_start_on_what_is_not_whole(
    installation: Installation,
    house: House,
    serve: Invoke,
    spoil: Callable[[Installation, House], str],
) -> None:
    expected = spoil(installation, house)
    clock = installation.folder / "clock"
    changed = {"CLOCK_FILE": str(clock)} if clock.exists() else {}
    assert_refused(serve(**changed), expected)


@pytest.mark.parametrize("spoil", [put_an_older_copy_in_place, fork_the_log, lose_the_checkpoint])
def test_init_does_not_make_good_what_serve_refuses(
    installation: Installation,
    house: House,
    invoke: Invoke,
    serve: Invoke,
    spoil: Callable[[Installation, House], str],
) -> None:
    expected = spoil(installation, house)
    assert_refused(invoke("init"), expected)
    assert_refused(serve(), expected)


def test_init_does_not_put_a_bad_policy_in_force_and_makes_nothing(
    planned: Installation, invoke_in: InvokeIn
) -> None:
    policies = planned.folder / "policies"
    shutil.copytree(POLICIES, policies)
    (policies / "base" / "police_local.cedar").write_text("permit(principal, action, resource)")
    bad = {"POLICIES_DIRECTORY": str(policies)}
    assert_refused(invoke_in(planned, "init", **bad), "base/police_local.cedar:1")
    assert_nothing_was_made(planned)


def assert_nothing_was_made(planned: Installation) -> None:
    assert {path.name for path in planned.folder.iterdir()} <= {"policies"}


def test_init_where_there_are_no_policies_names_folder_and_setting_and_makes_nothing(
    planned: Installation, invoke_in: InvokeIn
) -> None:
    folder = planned.folder / "elsewhere"
    missing = invoke_in(planned, "init", POLICIES_DIRECTORY=str(folder))
    assert_refused(missing, f"{folder}/xk/profile.toml")
    assert "set THROUGHCARE_POLICIES_DIRECTORY" in missing.err
    assert_nothing_was_made(planned)
    half = planned.folder / "policies"
    shutil.copytree(POLICIES / "xk", half / "xk")
    refused = invoke_in(planned, "init", POLICIES_DIRECTORY=str(half))
    assert_refused(refused, f"{half} is no folder of policies: schema.cedarschema")
    assert "set THROUGHCARE_POLICIES_DIRECTORY" in refused.err
    assert_nothing_was_made(planned)


def test_init_for_a_country_that_there_is_not_names_those_that_there_are(
    planned: Installation, invoke_in: InvokeIn
) -> None:
    refused = invoke_in(planned, "init", PROFILE="de")
    assert_refused(refused, "set THROUGHCARE_PROFILE to one of al, ba, me, mk, rs, xk")
    assert_nothing_was_made(planned)


def test_init_on_placeholders_for_law_names_the_setting_and_makes_nothing(
    planned: Installation, invoke_in: InvokeIn
) -> None:
    refused = invoke_in(planned, "init", ALLOW_ILLUSTRATIVE="false")
    assert_refused(refused, "THROUGHCARE_ALLOW_ILLUSTRATIVE")
    assert_nothing_was_made(planned)


@pytest.mark.parametrize("country", ["al", "de"])
def test_init_for_another_country_than_the_one_in_force_says_how_to_go_on(
    installation: Installation, invoke: Invoke, country: str
) -> None:
    before = content(installation)
    assert_refused(invoke("init", PROFILE=country), "set THROUGHCARE_PROFILE=xk")
    assert content(installation) == before


def test_init_under_another_name_of_the_log_names_the_setting(invoke: Invoke) -> None:
    refused = invoke("init", LOG_ORIGIN="other.example/log")
    assert_refused(refused, "Is THROUGHCARE_LOG_ORIGIN (other.example/log), which the first")


def test_init_says_what_serve_would_say(invoke: Invoke, serve: Invoke) -> None:
    wrong = {"WITNESSES": "nobody https://witness.example"}
    assert_refused(invoke("init", **wrong), "THROUGHCARE_WITNESSES: nobody")
    assert_refused(serve(**wrong), "THROUGHCARE_WITNESSES: nobody")


def test_serve_warns_where_its_own_address_is_on_another_port(
    installation: Installation, serve: Invoke, caplog: pytest.LogCaptureFixture
) -> None:
    serve()
    assert "THROUGHCARE_ISSUER" not in caplog.text
    serve(ISSUER="http://127.0.0.1:1")
    port = installation.settings.port
    assert f"THROUGHCARE_ISSUER is http://127.0.0.1:1 and THROUGHCARE_PORT is {port}" in caplog.text


def test_serve_does_not_start_on_policies_that_were_changed_in_the_database(
    installation: Installation, invoke: Invoke
) -> None:
    with sqlite3.connect(installation.folder / "throughcare.db") as database:
        database.execute("UPDATE policy_bundle SET files = replace(files, '<= 30', '<= 99')")
    database.close()
    assert_refused(invoke("serve"), "the stored files have the digest")


@pytest.mark.parametrize("networks", ["10.0.0.0/99", "public,169.254.0.0/16"])
def test_serve_does_not_start_where_notices_could_go_astray(serve: Invoke, networks: str) -> None:
    assert_refused(serve(DELIVERY_NETWORKS=networks), "delivery_networks")


def test_serve_does_not_start_on_placeholders_for_law(serve: Invoke) -> None:
    assert_refused(serve(ALLOW_ILLUSTRATIVE="false"), "illustrative")


def test_serve_does_not_start_in_a_country_without_profile(serve: Invoke) -> None:
    assert_refused(serve(PROFILE="zz"), "the profile of the settings is zz")


@pytest.mark.parametrize("command", ["dispatch", "sequence"])
def test_a_file_has_one_process_and_a_second_is_refused_before_it_looks(
    invoke: Invoke, command: str
) -> None:
    assert_refused(invoke(command), "a SQLite database belongs to one process")


def test_a_file_is_served_by_one_process(invoke: Invoke) -> None:
    assert_refused(invoke("serve", "--workers", "2"), "a SQLite database belongs to one process")


@pytest.mark.parametrize("command", ["serve", "dispatch", "sequence"])
def test_a_server_that_is_away_is_said_with_an_end_that_asks_to_be_tried_again(
    invoke: Invoke, command: str
) -> None:
    nowhere = "postgresql+psycopg://service:planted-secret@127.0.0.1:1/throughcare"
    done = invoke(command, DATABASE_URL=nowhere)
    assert done.code == ServerAway.ends_with
    assert_refused(replace(done, code=1), "the database cannot be opened")


def test_serve_does_not_leave_work_to_processes_that_there_cannot_be(serve: Invoke) -> None:
    assert_refused(serve(EMBED_WORKERS="false"), "a SQLite database belongs to one process")


def test_a_running_service_keeps_its_database_and_its_port_and_ends_when_asked(
    installation: Installation, planned: Installation, invoke: Invoke, invoke_in: InvokeIn
) -> None:
    with installation.served() as process:
        assert_refused(invoke("serve"), "another process of Throughcare")
        assert_refused(invoke("init"), "another process of Throughcare")
        assert_refused(invoke("keys", "rewrap"), "another process of Throughcare")
        assert_refused(invoke("client", "revoke", "x"), "another process of Throughcare")
        port = installation.environment["THROUGHCARE_PORT"]
        assert invoke_in(planned, "init").code == 0
        taken = planned.run("serve", PORT=port)
        assert_refused(taken, f"THROUGHCARE_PORT={port}: Address already in use")
        # The last line is the one that says it, and nothing claims to have started.
        assert taken.err.splitlines()[-1].startswith("throughcare: ")
        assert "startup complete" not in taken.said
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in {0, -signal.SIGTERM}
    log = (installation.folder / "service.log").read_text()
    assert "Application shutdown complete" in log
    assert "Traceback" not in log
    # It let go of everything: the next one may have it.
    assert invoke("init").code == 0


def test_init_gives_codes_to_the_rows_of_older_tables_and_never_again(
    installation: Installation, house: House
) -> None:
    at = datetime.now(UTC)
    table = table_of(CaseAssignment)
    new = Offer(
        assignment_id="a-1",
        person_id="person-1",
        agency_id="welfare-1",
        by_agency="prison-1",
        by_officer="o-1",
    )
    file = {"person_id": "person-1", "custodian": "prison-1", "version": 1, "updated_at": at}

    def enter(connection: Connection) -> None:
        register(connection, house, "prison-1", "correctional_service")
        register(connection, house, "welfare-1", "social_welfare_centre")
        connection.execute(insert(table_of(InmateFile)).values(**file))
        assignments.offer(connection, new, ring=house.ring, standing_acceptance=True, at=at)
        # As the tables were before rows had codes.
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")

    def counts(connection: Connection) -> bool:
        return assignments.is_accepted(
            connection, ring=house.ring, person_id="person-1", agency_id="welfare-1"
        )

    with opened(installation.settings) as database:
        database.run_blocking(enter)
    prepare(installation.settings, at=at)
    with opened(installation.settings) as database:
        assert database.read_blocking(counts)
        database.run_blocking(lambda c: c.execute(update(table).values(authentication_code=None)))
    prepare(installation.settings, at=at)
    with opened(installation.settings) as database, pytest.raises(FactAltered):
        database.read_blocking(counts)


def test_init_names_the_key_of_older_rows_and_binds_persons_keys_to_their_custodian(
    installation: Installation, house: House
) -> None:
    keys, person_id, at = house.ring.key_encryption, "person-1", datetime.now(UTC)

    def enter(connection: Connection) -> None:
        register(connection, house, "prison-1", "correctional_service")
        new = store.StoredFile(person_id=person_id, custodian="prison-1")
        store.create(connection, new, ring=house.ring, at=at, random=secrets.token_bytes)
        references.name(
            connection,
            ring=house.ring,
            agency_id="prison-1",
            person_id=person_id,
            reference="n-1",
            at=at,
            random=secrets.token_bytes,
        )
        # As the tables were before rows named a key, and a person's key a custodian.
        row = connection.execute(select(KEY)).one()
        context = store.key_context("prison-1", person_id)
        key = keys.unwrap(row.key_encryption_key_id, row.wrapped_key, context)
        older = keys.wrap(key, b"person-key\0person-1", nonce=bytes(12))
        connection.execute(update(KEY).values(wrapped_key=older))
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")

    with opened(installation.settings) as database:
        database.run_blocking(enter)
    prepare(installation.settings, at=at)
    with opened(installation.settings) as database:
        found = database.read_blocking(
            lambda c: references.find(c, ring=house.ring, agency_id="prison-1", reference="n-1")
        )
        assert found == person_id
        file = database.read_blocking(lambda c: store.load(c, person_id, ring=house.ring))
        assert file.custodian == "prison-1"


def test_serve_does_not_start_on_anything_but_the_cryptography_package(serve: Invoke) -> None:
    jwk.register_key("ES384", ECDSAECKey)
    try:
        assert_refused(serve(), "ES384 must be computed by the cryptography package")
    finally:
        jwk.register_key("ES384", CryptographyECKey)


def test_the_files_of_a_new_installation_are_for_their_owner_alone(
    planned: Installation, invoke_in: InvokeIn
) -> None:
    assert invoke_in(planned, "init").code == 0
    with opened(planned.settings) as database:
        database.run_blocking(lambda c: c.execute(select(KEY)).all())
        modes = {path.name: path.stat().st_mode & 0o077 for path in planned.folder.glob("*.db*")}
    assert {"throughcare.db", "throughcare.db-wal", "throughcare.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0}


def test_a_file_system_that_cannot_hold_a_journal_for_readers_is_refused(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(installation.folder / "throughcare.db") as database:
        database.execute("PRAGMA journal_mode=DELETE")
    database.close()
    monkeypatch.chdir(installation.folder)
    # Without shared memory SQLite stays with its older journal, and says so to nobody.
    without = "sqlite:///file:throughcare.db?vfs=unix-none&uri=true"
    refused = pytest.raises(NotReady, match="journal_mode is delete")
    with refused, opened(replace(installation.settings, database_url=without)):
        pass


@pytest.mark.parametrize("command", ["init", "serve"])
def test_a_server_that_may_lose_commits_is_refused_and_only_with_the_setting_for_trials_taken(
    planned: Installation,
    invoke_in: InvokeIn,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    command: str,
) -> None:
    url = make_url(empty_database("postgresql", request, planned.folder))
    changed = url.render_as_string(hide_password=False)
    engine = make_engine(changed)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {url.database} SET synchronous_commit = off")
    engine.dispose()
    setting = "ALLOW_UNSAFE_DATABASE"
    try:
        if command == "serve":
            assert invoke_in(planned, "init", DATABASE_URL=changed, **{setting: "true"}).code == 0
            assert "NOT FOR REAL DATA: the database may lose" in caplog.text
        refused = invoke_in(planned, command, DATABASE_URL=changed, **{setting: "false"})
        assert_refused(refused, "synchronous_commit is off: a commit is answered before")
        assert "THROUGHCARE_ALLOW_UNSAFE_DATABASE" in refused.err
    finally:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {url.database} RESET synchronous_commit")
        engine.dispose()
