"""What a database has to promise before anything is released on its word.

Nothing leaves before its entry is committed, so a commit has to outlast a power cut. And the
file of an embedded database is for the user of the service alone, and so is the way to a server:
references, dates and places stand there in clear.
"""

import stat
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import cast

import psycopg
from sqlalchemy import Connection

# PRAGMA synchronous: FULL. NORMAL may lose the last commits of a journal in WAL mode.
_FULL = 2
_OTHERS_MAY = 0o077  # any permission of group or world
# What SQLite puts beside its file has the permissions of the file.
_BESIDE = ("", "-wal", "-shm", "-journal")
_SERVER = {
    "fsync": "commits are not written to the disk",
    "synchronous_commit": "a commit is answered before it is written",
    "full_page_writes": "a page that was half written cannot be restored",
}
# The oldest that its makers still mended when this was written (server_version_num).
_OLDEST = 140_000
_VERIFIED = ("verify-ca", "verify-full")
# Locks of SQLite are not kept on all of them, and a commit is not on a disk when it is answered.
_OVER_NETWORK = frozenset(
    {"afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4"}
    | {"smb3", "smbfs"}
)


def weaknesses(connection: Connection) -> list[str]:
    """Settings of the database by which a commit could be lost, each with what it means."""
    if connection.dialect.name == "sqlite":
        names = ("journal_mode", "synchronous", "foreign_keys")
        return weaknesses_of_file(
            {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
        )
    return [*weaknesses_of_server(_shown(connection, *_SERVER)), *_weaknesses_of_way(connection)]


def unfit(connection: Connection) -> list[str]:
    """Why this server cannot be the home of an installation at all, whatever is permitted."""
    if connection.dialect.name == "sqlite":
        return []
    shown = _shown(
        connection, "server_version_num", "server_encoding", "default_transaction_read_only"
    )
    standby = connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()
    return reasons_against(shown, standby=standby)


def reasons_against(settings: Mapping[str, str], *, standby: bool) -> list[str]:
    """The same, of the settings of a server and whether it follows another one. Pure."""
    encoding = settings["server_encoding"]
    reasons = {
        "it is a standby: nothing can be recorded on it": standby,
        "default_transaction_read_only is on: nothing can be recorded": (
            settings["default_transaction_read_only"] == "on"
        ),
        f"its encoding is {encoding}, and names need UTF8": encoding != "UTF8",
        f"it is older than PostgreSQL {_OLDEST // 10_000}": (
            int(settings["server_version_num"]) < _OLDEST
        ),
    }
    return [reason for reason, holds in reasons.items() if holds]


def weaknesses_of_file(pragmas: Mapping[str, object]) -> list[str]:
    """The same, of the pragmas of an SQLite connection. Pure."""
    synchronous = pragmas["synchronous"]
    holds = {
        "journal_mode": (pragmas["journal_mode"] == "wal", "readers would block the writer"),
        "synchronous": (
            isinstance(synchronous, int) and synchronous >= _FULL,
            "commits may be lost in a power cut",
        ),
        "foreign_keys": (pragmas["foreign_keys"] == 1, "rows may hang on nothing"),
    }
    return [
        f"{name} is {pragmas[name]}: {meaning}"
        for name, (holding, meaning) in holds.items()
        if not holding
    ]


def weaknesses_of_server(settings: Mapping[str, str]) -> list[str]:
    """The same, of the settings of a PostgreSQL server. Pure."""
    return [f"{name} is off: {_SERVER[name]}" for name, value in settings.items() if value == "off"]


def weaknesses_of_way(host: str, address: str, *, encrypted: bool, sslmode: str) -> list[str]:
    """Why others could read or forge what goes between here and a server. Pure.

    `host` as it is named, a folder for a socket of this machine; `address` is what it led to.
    """
    if host.startswith(("/", "@")) or (address and ip_address(address).is_loopback):
        return []
    if not encrypted:
        return [f"the connection to {host} is not encrypted (sslmode={sslmode})"]
    if sslmode not in _VERIFIED:
        return [f"sslmode is {sslmode}: whoever is on the way may answer in the place of {host}"]
    return []


def over_network(file: Path, mounts: str) -> str | None:
    """The file system of other machines that a file lies on; None for one of this machine. Pure.

    `mounts` is the content of /proc/self/mountinfo; where there is none, nothing can be said.
    """
    kinds: dict[Path, str] = {}
    for line in mounts.splitlines():
        place, _, system = line.partition(" - ")
        kinds[Path(place.split()[4].replace("\\040", " "))] = system.split()[0]
    above = next((kinds[one] for one in file.parents if one in kinds), "")
    return above if above in _OVER_NETWORK else None


def open_to_others(file: Path) -> list[Path]:
    """Those of the files of an SQLite database that somebody else than their owner may use."""
    files = [file.with_name(f"{file.name}{ending}") for ending in _BESIDE]
    return [one for one in files if one.exists() and stat.S_IMODE(one.stat().st_mode) & _OTHERS_MAY]


def make_private(file: Path) -> None:
    """Make an empty file that only its owner can use, where there is none; or leave it as it is.

    SQLite would make one that everybody can read. OSError where it cannot be made.
    """
    file.touch(mode=0o600, exist_ok=True)


def _shown(connection: Connection, *names: str) -> dict[str, str]:
    return {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names}


def _weaknesses_of_way(connection: Connection) -> list[str]:
    raw = cast("psycopg.Connection", connection.connection.driver_connection).pgconn
    options = {option.keyword: option.val for option in raw.info}
    return weaknesses_of_way(
        raw.host.decode(),
        raw.hostaddr.decode(),
        encrypted=raw.ssl_in_use,
        sslmode=(options[b"sslmode"] or b"").decode(),
    )
