"""What a database must promise: each setting that could lose a commit is named."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.durability import (
    make_private,
    open_to_others,
    over_network,
    reasons_against,
    unfit,
    weaknesses,
    weaknesses_of_file,
    weaknesses_of_server,
    weaknesses_of_way,
)
from app.engines import make_engine

SAFE_FILE: dict[str, object] = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
SAFE_SERVER = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


FIT = {
    "server_version_num": "140000",
    "server_encoding": "UTF8",
    "default_transaction_read_only": "off",
}
MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv rw - nfs4 files:/srv rw
31 30 8:2 / /srv/own\\040disk rw master:1 - xfs /dev/sdb1 rw
32 22 0:41 / /mnt rw - cifs //files/share rw
"""


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Connection]:
    """A connection to an SQLite file as the service makes it."""
    engine = make_engine(f"sqlite:///{tmp_path}/throughcare.db")
    with engine.connect().execution_options(read_only=True) as connection:
        yield connection
    engine.dispose()


def test_what_the_service_sets_itself_is_safe(embedded: Connection) -> None:
    assert weaknesses(embedded) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("synchronous", 0, "synchronous is 0"),
        ("synchronous", 1, "synchronous is 1"),
        ("synchronous", None, "synchronous is None"),
        ("foreign_keys", 0, "foreign_keys is 0"),
        ("journal_mode", "delete", "journal_mode is delete"),
        ("journal_mode", "off", "journal_mode is off"),
        ("journal_mode", "memory", "journal_mode is memory"),
    ],
)
def test_a_pragma_below_what_durability_needs_is_named(name: str, value: object, said: str) -> None:
    [found] = weaknesses_of_file({**SAFE_FILE, name: value})
    assert found.startswith(f"{said}: ")


def test_more_than_is_needed_is_safe() -> None:
    assert weaknesses_of_file({**SAFE_FILE, "synchronous": 3}) == []
    for value in ("local", "remote_write", "remote_apply"):
        assert weaknesses_of_server({**SAFE_SERVER, "synchronous_commit": value}) == []


def test_pragmas_are_read_from_the_connection(embedded: Connection) -> None:
    raw = embedded.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.execute("PRAGMA synchronous=OFF")
    raw.execute("PRAGMA foreign_keys=OFF")
    assert [one.partition(" ")[0] for one in weaknesses(embedded)] == [
        "synchronous",
        "foreign_keys",
    ]


@pytest.mark.parametrize("name", SAFE_SERVER)
def test_a_setting_of_a_server_that_is_off_is_named(name: str) -> None:
    assert weaknesses_of_server(SAFE_SERVER) == []
    [found] = weaknesses_of_server({**SAFE_SERVER, name: "off"})
    assert found.startswith(f"{name} is off: ")


def test_settings_are_read_from_the_server(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        before = weaknesses(connection)
        connection.exec_driver_sql("SET synchronous_commit = off")
        after = weaknesses(connection)
    engine.dispose()
    assert not [one for one in before if one.startswith("synchronous_commit")]
    assert len(after) == len(before) + 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("server_version_num", "130022", "it is older than PostgreSQL 14"),
        ("server_encoding", "SQL_ASCII", "its encoding is SQL_ASCII"),
        ("default_transaction_read_only", "on", "default_transaction_read_only is on"),
    ],
)
def test_a_server_that_cannot_be_a_home_is_named(name: str, value: str, said: str) -> None:
    assert reasons_against(FIT, standby=False) == []
    [found] = reasons_against({**FIT, name: value}, standby=False)
    assert found.startswith(said)


def test_a_standby_is_no_home() -> None:
    [found] = reasons_against(FIT, standby=True)
    assert found.startswith("it is a standby")


def test_whether_it_can_be_a_home_is_read_from_the_server(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        before = unfit(connection)
        connection.exec_driver_sql("SET default_transaction_read_only = on")
        after = unfit(connection)
    engine.dispose()
    assert before == []
    assert [one.partition(" ")[0] for one in after] == ["default_transaction_read_only"]


@pytest.mark.parametrize(
    ("host", "address", "encrypted", "sslmode", "said"),
    [
        ("/run/postgresql", "", False, "prefer", ""),
        ("@abstract", "", False, "prefer", ""),
        ("localhost", "127.0.0.1", False, "disable", ""),
        ("localhost", "::1", False, "prefer", ""),
        ("db.example", "192.0.2.7", True, "verify-full", ""),
        ("db.example", "192.0.2.7", True, "verify-ca", ""),
        ("db.example", "192.0.2.7", True, "require", "sslmode is require: whoever is on the way"),
        ("db.example", "192.0.2.7", True, "prefer", "sslmode is prefer: whoever is on the way"),
        ("db.example", "192.0.2.7", False, "prefer", "the connection to db.example is not enc"),
        ("db.example", "10.0.0.7", False, "disable", "the connection to db.example is not enc"),
    ],
)
def test_the_way_to_a_server_elsewhere_is_encrypted_and_its_name_verified(
    host: str, address: str, *, encrypted: bool, sslmode: str, said: str
) -> None:
    found = weaknesses_of_way(host, address, encrypted=encrypted, sslmode=sslmode)
    assert "; ".join(found)[: len(said) or None] == said


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/var/lib/throughcare.db", None),
        ("/srv/throughcare.db", "nfs4"),
        ("/srv/below/throughcare.db", "nfs4"),
        ("/srv/own disk/throughcare.db", None),
        ("/mnt/throughcare.db", "cifs"),
    ],
)
def test_a_file_on_another_machine_is_named(file: str, kind: str | None) -> None:
    assert over_network(Path(file), MOUNTS) == kind


def test_what_is_mounted_here_can_be_read(tmp_path: Path) -> None:
    over_network(tmp_path / "throughcare.db", Path("/proc/self/mountinfo").read_text())


@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("mode", [0o640, 0o620, 0o604, 0o602, 0o610])
def test_a_file_that_somebody_else_may_use_is_named(tmp_path: Path, ending: str, mode: int) -> None:
    file = tmp_path / "throughcare.db"
    make_private(file)
    assert open_to_others(file) == []
    spoilt = Path(f"{file}{ending}")
    spoilt.touch()
    spoilt.chmod(mode)
    assert open_to_others(file) == [spoilt]


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "throughcare.db"
    file.write_bytes(b"content")
    file.chmod(0o644)
    make_private(file)
    assert file.read_bytes() == b"content"
    assert open_to_others(file) == [file]
