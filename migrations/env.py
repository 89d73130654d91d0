"""Alembic's environment: migrate over the connection that a command hands in, or an own one."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlmodel.sql.sqltypes import AutoString

from app.engines import make_engine
from app.instants import Instant
from app.settings import Settings
from app.tables import METADATA


def render(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """Write our column types as what they are in the database: a revision outlives our code."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, Instant):
        return "sa.BigInteger()"
    return False


def migrate(connection: Connection) -> None:
    """Run what the command asked for."""
    context.configure(connection=connection, target_metadata=METADATA, render_item=render)
    context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is None:
    engine = make_engine(Settings.from_environment().database_url)
    with engine.begin() as own:
        migrate(own)
    engine.dispose()
else:
    migrate(given)
