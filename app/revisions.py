"""The version of the tables: which one this program works on, and which one there is."""

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

PROJECT = Path(__file__).parent.parent


def alembic_config() -> Config:
    """Alembic as `pyproject.toml` configures it."""
    return Config(toml_file=PROJECT / "pyproject.toml")


def fit(connection: Connection) -> bool:
    """Whether the tables are those that this program works on."""
    return MigrationContext.configure(connection).get_current_revision() == _needed()


@cache
def _needed() -> str | None:
    """The newest revision: to read them all takes a while, and no process sees another one."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()
