"""A database with one table of numbers, and pieces of work about it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, text

from app.database import Database, open_database

PATIENCE = 180
SHEET = "CREATE TABLE sheet (number BIGINT PRIMARY KEY, filling TEXT)"


def execute(statement: str, **values: object) -> Callable[[Connection], None]:
    """Work that runs one statement."""

    def work(connection: Connection) -> None:
        connection.execute(text(statement), values)

    return work


def write(number: int) -> Callable[[Connection], int]:
    """Work that writes a row and answers with its number."""

    def work(connection: Connection) -> int:
        connection.execute(text("INSERT INTO sheet (number) VALUES (:n)"), {"n": number})
        return number

    return work


def numbers(connection: Connection) -> set[int]:
    """What stands in the sheet."""
    return set(connection.scalars(text("SELECT number FROM sheet")))


def problem_of(future: Future[Any]) -> BaseException | None:
    """How a piece ended; it has to end."""
    return future.exception(PATIENCE)


@contextmanager
def opened(url: str, **options: Any) -> Iterator[Database]:  # noqa: ANN401 - as open_database takes them
    """A database with an empty sheet."""
    database = open_database(url, **options)
    try:
        for table in ("child", "sheet"):
            database.run_blocking(execute(f"DROP TABLE IF EXISTS {table}"))
        database.run_blocking(execute(SHEET))
        yield database
    finally:
        database.close()
