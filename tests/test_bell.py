"""The bell: whoever waits for something to do wakes once it is committed, in whichever process."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from app.bell import Bell, ring_after_commit
from app.database import Database, open_database
from app.processes.listener import listen

PATIENCE = 20.0
# What does not ring within this time does not ring.
SILENCE = 0.05


def rings(connection: Connection) -> None:
    ring_after_commit(connection)


def rings_everywhere(connection: Connection) -> None:
    ring_after_commit(connection, everywhere=True)


async def is_silent(rung: asyncio.Event) -> bool:
    await asyncio.sleep(SILENCE)
    return not rung.is_set()


def heard_at(bell: Bell, listening: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run this with an event that each ring of the bell sets."""

    async def hear() -> None:
        with bell.heard() as rung:
            await listening(rung)

    asyncio.run(asyncio.wait_for(hear(), PATIENCE))


def test_what_is_committed_rings_and_what_has_nothing_to_say_does_not(database: Database) -> None:
    async def listening(rung: asyncio.Event) -> None:
        await database.run(rings)
        await rung.wait()
        rung.clear()
        await database.run(lambda _: None)
        assert await is_silent(rung)

    heard_at(database.bell, listening)


def test_whoever_has_gone_is_not_rung_for() -> None:
    bell = Bell()
    loop = asyncio.new_event_loop()

    async def leave() -> None:
        bell.heard().__enter__()

    loop.run_until_complete(leave())
    loop.close()
    bell.ring()


def test_another_process_hears_what_cannot_wait_and_nothing_else(postgresql_url: str) -> None:
    here, there = open_database(postgresql_url), open_database(postgresql_url)

    async def listening(rung: asyncio.Event) -> None:
        stop = asyncio.Event()
        hearing = asyncio.create_task(listen(there, stop))
        await rung.wait()  # it listens now
        rung.clear()
        await here.run(rings)
        assert await is_silent(rung)
        await here.run(rings_everywhere)
        await rung.wait()
        stop.set()
        await hearing

    heard_at(there.bell, listening)
    here.close()
    there.close()


def test_what_an_address_says_of_a_connection_keeps_nobody_from_hearing(
    postgresql_url: str,
) -> None:
    url = make_url(postgresql_url).update_query_dict({"application_name": "x", "options": ""})
    there = open_database(url.render_as_string(hide_password=False))

    async def listening(rung: asyncio.Event) -> None:
        stop = asyncio.Event()
        hearing = asyncio.create_task(listen(there, stop))
        await rung.wait()
        stop.set()
        await hearing

    heard_at(there.bell, listening)
    there.close()


def test_whoever_was_cut_off_listens_again(postgresql_url: str) -> None:
    here, there = open_database(postgresql_url), open_database(postgresql_url)

    def cut(connection: Connection) -> None:
        listening = "query LIKE 'LISTEN %' AND pid <> pg_backend_pid()"
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listening}"  # noqa: S608 - said above
        connection.execute(text(query))

    async def listening(rung: asyncio.Event) -> None:
        stop = asyncio.Event()
        hearing = asyncio.create_task(listen(there, stop))
        await rung.wait()
        rung.clear()
        await here.run(cut)
        await rung.wait()  # it listens again, and has a look for what it missed
        stop.set()
        await hearing

    heard_at(there.bell, listening)
    here.close()
    there.close()
