"""What other processes ring for is heard here: on PostgreSQL, over a connection of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from app.bell import CHANNEL
from app.database import Database
from app.engines import server_options

log = logging.getLogger("throughcare.listener")

# Until it is tried again, where the server is away.
AGAIN_SECONDS = 1.0


async def listen(database: Database, stop: asyncio.Event) -> None:
    """Ring the bell of this process for those of others, until asked to stop.

    A file belongs to one process: there is nobody to be heard.
    """
    if database.engine.dialect.name == "sqlite":
        return
    hearing = asyncio.create_task(_hear(database))
    await stop.wait()
    hearing.cancel()
    await asyncio.wait({hearing})


async def _hear(database: Database) -> None:
    while True:
        try:
            async with _ear(database) as ear:
                # What rang before is seen by a look.
                database.bell.ring()
                async for _ in ear.notifies():
                    database.bell.ring()
        except Exception as error:  # noqa: BLE001 - whatever it was: it is tried again, and told
            log.warning("other processes are not heard: %s", type(error).__name__)
        await asyncio.sleep(AGAIN_SECONDS)


@asynccontextmanager
async def _ear(database: Database) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    _, address = database.engine.dialect.create_connect_args(database.engine.url)
    # As the engine does it: our bounds stand before those of the address.
    connection = await psycopg.AsyncConnection.connect(
        **{**address, **server_options()}, autocommit=True
    )
    async with connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        yield connection
