"""Roles of a server: each does its own work, and the server refuses what goes beyond it."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from app import grants
from app.access_log.tables import AccessLogEntry
from app.administration.erasure import tables_of_persons
from app.backup import copies
from app.backup.copies import CopyFailed
from app.database import NOT_PERMITTED, DatabaseUnavailable, open_database
from app.engines import PROGRAM, make_engine, others_at_work
from app.grants import BOTH, GRANTS, VERSION_TABLE, Right, Role
from app.main import NotReady, check_roles, opened
from app.monitoring.readings import READINGS, Reader
from app.problems import InvalidInput
from app.rows import table_of
from app.settings import Settings
from app.tables import METADATA
from tests.conftest import in_database
from tests.logins import login
from tests.monitoring.test_readings import AGREED
from tests.postgresql import PROGRAMS
from tests.world import START

DATABASE, OWNER = "grants", "grants_owner"
APPLICATION, SEQUENCER = (Role.APPLICATION,), (Role.SEQUENCER,)
# What the log rests on, and the columns of it that somebody else than the owner may change.
CHANGED = {
    "access_log_entry": {"personal"},
    "access_log_lookup": {"subject_index"},
    "access_log_tile": set(),
    "access_log_period": set(),
    "access_log_head": {"size", "peaks"},
    "access_log_checkpoint": {"note"},
}

FORBIDDEN = {
    Role.APPLICATION: (
        "UPDATE access_log_entry SET leaf = ''",
        "UPDATE access_log_entry SET retained = ''",
        "UPDATE access_log_entry SET personal = '', entry_id = 'x'",
        "DELETE FROM access_log_entry",
        "TRUNCATE access_log_entry",
        "UPDATE access_log_pending SET leaf_hash = ''",
        "DELETE FROM access_log_pending",
        "INSERT INTO access_log_lookup (log_index) VALUES (0)",
        "UPDATE access_log_lookup SET leaf_hash = ''",
        "UPDATE access_log_lookup SET log_index = 1",
        "DELETE FROM access_log_lookup",
        "INSERT INTO access_log_tile (level) VALUES (0)",
        "UPDATE access_log_tile SET hashes = ''",
        "DELETE FROM access_log_tile",
        "INSERT INTO access_log_period (tile_index) VALUES (0)",
        "INSERT INTO access_log_head (head_id) VALUES (2)",
        "UPDATE access_log_head SET size = 0",
        "SELECT FROM access_log_head FOR UPDATE",
        "INSERT INTO access_log_checkpoint (size) VALUES (1)",
        "UPDATE access_log_checkpoint SET note = ''",
        "DELETE FROM access_log_checkpoint",
        "UPDATE access_log_quorum SET missing = false",
        "UPDATE alert_position SET next_index = 9",
        "INSERT INTO policy_activation (sequence) VALUES (2)",
        "UPDATE policy_bundle SET files = ''",
        "INSERT INTO policy_approval (digest) VALUES ('x')",
        "INSERT INTO policy_officer (officer_id) VALUES ('x')",
        "INSERT INTO identity_provider (issuer) VALUES ('x')",
        "DELETE FROM key_encryption_key",
        "UPDATE person_key SET wrapped_key = ''",
        "UPDATE file_section SET sealed = ''",
        "UPDATE erasure SET certificate = ''",
        "DELETE FROM erasure",
        "DELETE FROM agency",
        "UPDATE alembic_version SET version_num = '0001'",
    ),
    Role.SEQUENCER: (
        "UPDATE access_log_entry SET leaf = ''",
        "UPDATE access_log_entry SET personal = NULL",
        "DELETE FROM access_log_entry",
        "TRUNCATE access_log_entry",
        "UPDATE access_log_lookup SET leaf_hash = ''",
        "DELETE FROM access_log_lookup",
        "UPDATE access_log_tile SET hashes = ''",
        "DELETE FROM access_log_head",
        "UPDATE access_log_checkpoint SET root = ''",
        "DELETE FROM access_log_checkpoint",
        "INSERT INTO access_log_person_key (year) VALUES (2027)",
        "DELETE FROM access_log_person_key",
        "SELECT contact_points FROM agency",
        "INSERT INTO policy_activation (sequence) VALUES (2)",
        "UPDATE alembic_version SET version_num = '0001'",
    ),
}
# Of both: what would change the tables themselves, or who may do what.
STRUCTURE = (
    "ALTER TABLE access_log_entry ADD COLUMN more text",
    "DROP TABLE alert_day",
    "CREATE TABLE more (number int)",
    "CREATE TRIGGER more BEFORE INSERT ON access_log_entry EXECUTE FUNCTION more()",
    "CREATE INDEX more ON access_log_entry (leaf)",
    "SET session_replication_role = replica",
    f"SET ROLE {OWNER}",
    f"GRANT {OWNER} TO current_user",
    "CREATE ROLE more",
)


@dataclass(frozen=True)
class Server:
    """One database as an administrator of the server and as its owner have it."""

    administrator: str
    owner: str

    def of(self, *roles: Role) -> str:
        """The same as a user of these roles."""
        return login(self.administrator, roles)


@pytest.fixture(scope="module")
def server(postgresql_url: str) -> Server:
    """As the document has it made. Its owner is no superuser and may not make roles."""
    made = [line.replace("throughcare", DATABASE) for line in documented()]
    users = re.findall(r"CREATE ROLE (\w+)", " ".join(made))
    run(postgresql_url, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    run(postgresql_url, *(f"DROP ROLE IF EXISTS {user}" for user in users), *made)
    url = make_url(postgresql_url).set(database=DATABASE)
    owner = url.set(username=OWNER, password="first").render_as_string(hide_password=False)
    with transaction(owner) as connection:
        METADATA.create_all(connection)
        connection.execute(text(f"CREATE TABLE {VERSION_TABLE} (version_num text)"))
        assert grants.apply(connection) == []
    return Server(url.render_as_string(hide_password=False), owner)


def documented() -> list[str]:
    """What an administrator runs, from the document."""
    page = (Path(__file__).parent.parent / "docs" / "hardening.md").read_text(encoding="utf-8")
    return page.partition("```sql\n")[2].partition("```")[0].splitlines()


@pytest.fixture(params=Role)
def connected(request: pytest.FixtureRequest, server: Server) -> Iterator[tuple[Role, Connection]]:
    """A connection of each role."""
    engine = make_engine(server.of(request.param))
    with engine.connect() as connection:
        yield request.param, connection
    engine.dispose()


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """A transaction of this user that is committed."""
    engine = make_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def run(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def refusal(connection: Connection, statement: str) -> str:
    """The SQLSTATE that a statement is refused with; empty where it runs."""
    with connection.begin() as attempt:
        try:
            connection.execute(text(statement))
        except Exception as error:  # noqa: BLE001 - which one is what is asked
            return str(getattr(getattr(error, "orig", None), "sqlstate", error))
        finally:
            attempt.rollback()
    return ""


def judged(url: str, roles: tuple[Role, ...]) -> tuple[list[str], list[str]]:
    """What a user lacks for these roles, and what it has beyond them."""
    with transaction(url) as connection:
        return grants.lacking(connection, roles), grants.excess(connection, roles)


def test_every_table_has_a_line_and_every_line_a_table_and_a_reason() -> None:
    assert GRANTS.keys() == {*METADATA.tables, VERSION_TABLE}
    assert all(line.why and (line.application or line.sequencer) for line in GRANTS.values())


def test_only_what_exists_is_granted() -> None:
    columns = {
        Right(name, privilege, column.name)
        for name, table in METADATA.tables.items()
        for column in table.c
        for privilege in ("SELECT", "INSERT", "UPDATE")
    }
    whole = {Right(name, "DELETE") for name in METADATA.tables}
    known = {*columns, *whole, Right(VERSION_TABLE, "SELECT", "version_num")}
    assert grants.rights(BOTH) <= known


def test_what_the_log_rests_on_is_changed_by_nobody_but_the_owner() -> None:
    may = grants.rights(BOTH)
    for table, columns in CHANGED.items():
        changed = {one.column for one in may if (one.table, one.privilege) == (table, "UPDATE")}
        assert changed == columns
        assert Right(table, "DELETE") not in may


def test_an_erasure_reaches_every_row_about_a_person() -> None:
    may = grants.rights(APPLICATION)
    assert {Right(str(table.name), "DELETE") for table, _ in tables_of_persons()} <= may


def test_a_sequencer_reads_nothing_of_a_file_or_of_what_was_told() -> None:
    about = {str(table.name) for table, _ in tables_of_persons()}
    assert about.isdisjoint({one.table for one in grants.rights(SEQUENCER)})


def test_a_name_that_a_server_would_cut_off_is_refused() -> None:
    assert grants.name_of(Role.SEQUENCER, "d" * 53) == "d" * 53 + "_sequencer"
    with pytest.raises(InvalidInput, match="too long"):
        grants.name_of(Role.SEQUENCER, "d" * 54)


def test_an_owner_who_may_not_make_roles_is_told_what_an_administrator_runs(
    postgresql_url: str, server: Server
) -> None:
    elsewhere = make_url(in_database(postgresql_url, "without_roles"))
    as_owner = elsewhere.set(username=make_url(server.owner).username, password="first")
    with transaction(as_owner.render_as_string(hide_password=False)) as connection:
        assert grants.apply(connection) == [
            "CREATE ROLE without_roles_application NOLOGIN;",
            "CREATE ROLE without_roles_sequencer NOLOGIN;",
        ]


def test_the_logins_of_the_document_may_do_their_work(server: Server) -> None:
    for name, password, role in (
        ("api", "second", Role.APPLICATION),
        ("log", "third", Role.SEQUENCER),
    ):
        url = make_url(server.owner).set(username=f"{DATABASE}_{name}", password=password)
        assert judged(url.render_as_string(hide_password=False), (role,)) == ([], [])


def test_whoever_has_a_login_for_something_else_does_not_come_in(server: Server) -> None:
    stranger = f"{DATABASE}_stranger"
    run(
        server.administrator,
        f"DROP ROLE IF EXISTS {stranger}",
        f"CREATE ROLE {stranger} LOGIN PASSWORD 'fourth'",
    )
    url = make_url(server.owner).set(username=stranger, password="fourth")
    with pytest.raises(OperationalError, match="permission denied for database"):
        run(url.render_as_string(hide_password=False), "SELECT 1")


def test_each_role_may_do_exactly_what_stands_in_its_lines(
    connected: tuple[Role, Connection],
) -> None:
    role, connection = connected
    assert grants.lacking(connection, (role,)) == []
    assert grants.excess(connection, (role,)) == []


def test_the_server_refuses_what_a_role_may_not(connected: tuple[Role, Connection]) -> None:
    role, connection = connected
    statements = [*FORBIDDEN[role], *STRUCTURE]
    statements += [
        f"SELECT FROM {table}" for table, line in GRANTS.items() if not line.privileges(role)
    ]
    answers = {statement: refusal(connection, statement) for statement in statements}
    assert {one: code for one, code in answers.items() if code != "42501"} == {}


def test_the_server_numbers_pending_rows_for_whoever_records(
    connected: tuple[Role, Connection],
) -> None:
    _, connection = connected
    row = "'e', '', 0, 'read', 'read', 'released'"
    columns = "entry_id, leaf_hash, recorded_at, operation, channel, outcome"
    recorded = f"INSERT INTO access_log_pending ({columns}) VALUES ({row})"  # noqa: S608 - as above
    assert refusal(connection, recorded) == ""


def test_each_role_may_read_what_its_processes_tell_operators(
    connected: tuple[Role, Connection],
) -> None:
    role, connection = connected
    reader = Reader(
        witnesses=AGREED,
        clock=lambda: START,
        legal_date=lambda at: at.date(),
        of_deliveries=role is Role.APPLICATION,
    )
    assert {name for name, *_ in reader.read(connection)} <= READINGS.keys()


def test_one_role_is_not_taken_for_the_other(server: Server) -> None:
    lacks, more = judged(server.of(Role.SEQUENCER), APPLICATION)
    assert "SELECT inmate_file (person_id)" in lacks
    assert "may INSERT access_log_checkpoint (note)" in more
    assert judged(server.of(*Role), tuple(Role)) == ([], [])


def test_whoever_is_more_than_a_member_is_named_by_what_it_is(server: Server) -> None:
    assert judged(server.owner, APPLICATION) == (
        [],
        ["may become the owner of the tables", "may make tables", "may make schemas"],
    )
    lacks, more = judged(server.administrator, APPLICATION)
    assert (lacks, more[0]) == ([], "is a superuser")


@pytest.mark.parametrize(
    ("granted", "taken", "said"),
    [
        (
            "GRANT UPDATE (leaf) ON access_log_entry TO {}",
            "REVOKE UPDATE (leaf) ON access_log_entry FROM {}",
            "may UPDATE access_log_entry (leaf)",
        ),
        (
            "GRANT TRUNCATE ON access_log_tile TO PUBLIC",
            "REVOKE TRUNCATE ON access_log_tile FROM PUBLIC",
            "may TRUNCATE access_log_tile",
        ),
        (
            f"GRANT {OWNER} TO {{}} WITH INHERIT FALSE",
            f"REVOKE {OWNER} FROM {{}}",
            "may become the owner of the tables",
        ),
        (
            f"GRANT {DATABASE}_sequencer TO {{}} WITH INHERIT FALSE",
            f"REVOKE {DATABASE}_sequencer FROM {{}}",
            "may INSERT access_log_checkpoint (note)",
        ),
        (
            "GRANT pg_execute_server_program TO {} WITH INHERIT FALSE",
            "REVOKE pg_execute_server_program FROM {}",
            "may use files or programs of the server",
        ),
        (
            "GRANT pg_signal_backend TO {}",
            "REVOKE pg_signal_backend FROM {}",
            "may end other processes",
        ),
        (
            f"GRANT CREATE ON DATABASE {DATABASE} TO {{}}",
            f"REVOKE CREATE ON DATABASE {DATABASE} FROM {{}}",
            "may make schemas",
        ),
        ("ALTER ROLE {} CREATEROLE", "ALTER ROLE {} NOCREATEROLE", "may make roles"),
        (
            "ALTER ROLE {} BYPASSRLS",
            "ALTER ROLE {} NOBYPASSRLS",
            "may read or copy past all grants",
        ),
    ],
)
def test_what_was_granted_by_hand_is_named(
    server: Server, granted: str, taken: str, said: str
) -> None:
    url = server.of(Role.APPLICATION)
    user = make_url(url).username
    run(server.administrator, granted.format(user))
    try:
        lacks, more = judged(url, APPLICATION)
        assert (lacks, more[0]) == ([], said)
    finally:
        run(server.administrator, taken.format(user))


def test_init_takes_back_what_a_role_was_granted_by_hand_and_gives_what_it_lost(
    server: Server,
) -> None:
    group = grants.name_of(Role.APPLICATION, DATABASE)
    run(
        server.owner,
        f"GRANT UPDATE (leaf), DELETE ON access_log_entry TO {group}",
        f"REVOKE SELECT ON inmate_file FROM {group}",  # noqa: S608 - as above
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {group}",
    )
    lacks, more = judged(server.of(Role.APPLICATION), APPLICATION)
    assert lacks[0] == "SELECT inmate_file (actual_release_at)"
    assert len(more) == 2
    with transaction(server.owner) as connection:
        grants.apply(connection)
    assert judged(server.of(Role.APPLICATION), APPLICATION) == ([], [])


def test_a_process_that_may_not_do_its_work_does_not_start(server: Server) -> None:
    settings = Settings(database_url=server.of(Role.SEQUENCER), allow_unsafe_database=True)
    database = open_database(settings.database_url)
    with pytest.raises(NotReady, match=r"may not .* then GRANT grants_application TO grants_seq"):
        check_roles(database, settings, APPLICATION)
    check_roles(database, settings, SEQUENCER)
    # Whoever only forgot the setting is not led to widen a role.
    with pytest.raises(NotReady, match=r"set THROUGHCARE_EMBED_WORKERS=false instead"):
        check_roles(database, settings, BOTH)
    database.close()


def test_a_backup_by_the_user_of_a_process_is_told_whose_command_it_is(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(PROGRAMS))
    engine = make_engine(server.of(Role.SEQUENCER))
    with (
        engine.connect() as connection,
        pytest.raises(CopyFailed, match="connects as the owner of the tables"),
    ):
        list(copies.pieces(connection))
    engine.dispose()


def test_a_process_that_may_do_more_does_not_start_or_says_so_where_nobody_needs_the_data(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(server.owner)
    with pytest.raises(NotReady, match="grants_owner may become the owner of the tables"):
        check_roles(database, Settings(database_url=server.owner), APPLICATION)
    settings = Settings(database_url=server.owner, allow_unsafe_database=True)
    check_roles(database, settings, APPLICATION)
    assert "NOT FOR REAL DATA: the database user grants_owner may become" in caplog.text
    database.close()


def test_a_server_on_which_nothing_can_be_recorded_is_refused_whatever_is_permitted(
    server: Server,
) -> None:
    settings = Settings(database_url=server.owner, allow_unsafe_database=True)
    only_reads = f"ALTER DATABASE {DATABASE} SET default_transaction_read_only"
    run(server.administrator, f"{only_reads} = on")
    try:
        with pytest.raises(NotReady, match="default_transaction_read_only is on"), opened(settings):
            pass
    finally:
        run(server.administrator, "SET default_transaction_read_only = off", f"{only_reads} = off")


def test_whoever_runs_an_administrators_command_as_the_service_is_told_so(server: Server) -> None:
    database = open_database(server.of(Role.APPLICATION))
    with pytest.raises(DatabaseUnavailable) as caught:
        database.run_blocking(lambda c: c.execute(table_of(AccessLogEntry).delete()))
    assert str(caught.value) == NOT_PERMITTED
    database.close()


def test_an_administrator_sees_processes_of_other_users_at_work(server: Server) -> None:
    url = make_url(server.of(Role.APPLICATION)).set(drivername="postgresql")
    # As a process of another container that shares our name would be called.
    name = f"{PROGRAM}{os.getpid()} 00000000 {socket.gethostname()}"
    way = url.render_as_string(hide_password=False)
    engine = make_engine(server.owner)
    with engine.connect() as connection:
        assert not others_at_work(connection)
    with psycopg.connect(way, application_name=name), engine.connect() as connection:
        assert others_at_work(connection)
    engine.dispose()
