"""Rows as rooms write and find them: by Core tables; inserted where none of their key stands."""

from functools import cache
from typing import cast

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

from app.statements import Prepared


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class: rooms query with Core, which costs a seventh."""
    return cast("Table", model.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it


def insert_new(connection: Connection, table: type[SQLModel], **values: object) -> bool:
    """Insert a row unless one of its key stands there; True when it was inserted.

    ON CONFLICT DO NOTHING, judged by the row that comes back: a constraint error would roll
    back what the same transaction has to keep, for example the entry of a refusal.
    """
    statement = _insert_new(table, tuple(values), connection.dialect.name)
    return bool(statement.scalars(connection, **values))


@cache
def _insert_new(table: type[SQLModel], columns: tuple[str, ...], dialect: str) -> Prepared:
    """To build it costs more than to run it, and some are run at every delivery."""
    target = table_of(table)
    dialect_insert = sqlite_insert if dialect == "sqlite" else postgresql_insert
    key = next(iter(target.primary_key.columns))
    statement = dialect_insert(target).on_conflict_do_nothing().returning(key)
    return Prepared(statement, columns=columns)
