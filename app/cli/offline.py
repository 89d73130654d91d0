"""Commands that work on the installation itself, while nobody else does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from app.database import Database
from app.house import House
from app.main import make_clock, make_house, ready
from app.settings import Settings

T = TypeVar("T")


class Installation(NamedTuple):
    """The installation at hand, and the moment at which its command works."""

    database: Database
    house: House
    at: datetime


@contextmanager
def at_work(settings: Settings) -> Iterator[Installation]:
    """The installation, held by this process; NotReady where it cannot start."""
    clock = make_clock(settings)
    house = make_house(settings, at=clock())
    with ready(settings, house, clock) as database:
        yield Installation(database, house, clock())


def run(work: Callable[[Connection, House, datetime], T]) -> T:
    """Do work in one transaction on the database of this installation."""
    with at_work(Settings.from_environment()) as (database, house, at):
        return database.run_blocking(lambda connection: work(connection, house, at))
