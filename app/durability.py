"""What a database has to promise before anything is released on its word.

Nothing leaves before its entry is committed, so a commit has to outlast a power cut. And the
file of an embedded database is for the user of the service alone: references, dates and places
stand in it in clear.
"""

import stat
from collections.abc import Mapping
from pathlib import Path

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


def weaknesses(connection: Connection) -> list[str]:
    """Settings of the database by which a commit could be lost, each with what it means."""
    if connection.dialect.name == "sqlite":
        names = ("journal_mode", "synchronous", "foreign_keys")
        return weaknesses_of_file(
            {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
        )
    return weaknesses_of_server(
        {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in _SERVER}
    )


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


def open_to_others(file: Path) -> list[Path]:
    """Those of the files of an SQLite database that somebody else than their owner may use."""
    files = [file.with_name(f"{file.name}{ending}") for ending in _BESIDE]
    return [one for one in files if one.exists() and stat.S_IMODE(one.stat().st_mode) & _OTHERS_MAY]


def make_private(file: Path) -> None:
    """Make an empty file that only its owner can use, where there is none; or leave it as it is.

    SQLite would make one that everybody can read. OSError where it cannot be made.
    """
    file.touch(mode=0o600, exist_ok=True)
