"""What works for ever: the dispatcher and the sequencer, within `serve` or each by itself.

On SQLite one process does all. On PostgreSQL any number of each may run: dispatchers share what
is due by leases, and of the sequencers one is at work while the others wait.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta

from app.administration.in_force import InForce
from app.alerts.rules import Rules
from app.audit.backlog import Backlog
from app.audit.sequencer import Sequencer
from app.audit.watcher import Watcher
from app.audit.witnessing import Witnessing
from app.database import Database, bound_threads
from app.grants import Role
from app.house import House
from app.main import (
    Clock,
    agreed_witnesses,
    endpoint_rules,
    make_house,
    ready,
    require_server,
    terms,
)
from app.monitoring.exposition import Exposition
from app.monitoring.page import Page
from app.monitoring.readings import Reader
from app.notifications.dispatcher import Dispatcher
from app.processes import memory, stopping
from app.processes.listener import listen
from app.settings import Settings
from app.telemetry.tracing import exported

log = logging.getLogger("throughcare.main")

# A sequencer that works has had a round by then, also where one takes its time.
ROUNDS = 3
SEQUENCE = "sequence"

Job = Coroutine[None, None, None]
# From what a process has open, and the event that ends it, to what it does.
Jobs = Callable[[Settings, House, Database, Clock, asyncio.Event], dict[str, Job]]


def make_in_force(settings: Settings, house: House, database: Database, clock: Clock) -> InForce:
    """What hands out the bundle in force."""
    return InForce(
        database=database,
        house=house,
        terms=lambda at: terms(settings, house.profile, at),
        clock=clock,
        interval=settings.dispatch_interval,
    )


def make_dispatcher(settings: Settings, in_force: InForce, clock: Clock) -> Dispatcher:
    """What sends notices."""
    return Dispatcher(
        database=in_force.database,
        in_force=in_force,
        rules=endpoint_rules(settings),
        clock=clock,
        interval=settings.dispatch_interval,
        retry_base=timedelta(seconds=settings.retry_base_seconds),
        heartbeat=timedelta(seconds=settings.heartbeat_seconds),
    )


def make_sequencer(settings: Settings, house: House, database: Database, clock: Clock) -> Sequencer:
    """What numbers and signs the access log."""
    return Sequencer(
        database=database,
        key=house.ring.log_signing,
        origin=settings.log_origin,
        checkpoint_file=settings.checkpoint_file,
        clock=clock,
        interval=settings.checkpoint_interval,
    )


def witnessing(
    settings: Settings, in_force: InForce, clock: Clock, stop: asyncio.Event
) -> dict[str, Job]:
    """What asks the witnesses of the agreement, where it names any."""
    agreed = agreed_witnesses(settings, in_force.house.ring)
    if not agreed.named:
        return {}
    job = Witnessing(
        database=in_force.database,
        house=lambda: in_force.house,
        witnesses=agreed,
        clock=clock,
        interval=settings.checkpoint_interval,
    )
    return {"Witnessing": job.run(stop)}


def make_watcher(settings: Settings, in_force: InForce, clock: Clock) -> Watcher:
    """What looks for misuse in the access log; RulesRefused for rules that cannot be used."""
    return Watcher(
        database=in_force.database,
        house=lambda: in_force.house,
        rules=Rules.from_file(settings.alert_rules),
        clock=clock,
        interval=settings.alert_interval,
        checkpoint_interval=timedelta(seconds=settings.checkpoint_interval),
    )


def telling(
    settings: Settings, in_force: InForce, clock: Clock, process: str, stop: asyncio.Event
) -> dict[str, Job]:
    """What tells operators the measures of this process, where there is a port for it."""
    if settings.metrics_port is None:
        return {}
    house = in_force.house
    reader = Reader(
        witnesses=agreed_witnesses(settings, house.ring),
        clock=clock,
        legal_date=house.legal_date,
        of_deliveries=process != SEQUENCE,
    )
    page = Page(process=process, in_force=in_force, reader=reader)
    exposition = Exposition(page=page, host=settings.metrics_host, port=settings.metrics_port)
    return {"Measures": exposition.run(stop)}


def make_backlog(settings: Settings, database: Database) -> Backlog:
    """What counts the entries that no sequencer has seen to."""
    return Backlog(database=database, interval=ROUNDS * settings.checkpoint_interval)


def dispatching(
    settings: Settings, house: House, database: Database, clock: Clock, stop: asyncio.Event
) -> dict[str, Job]:
    """What `throughcare dispatch` does."""
    in_force = make_in_force(settings, house, database, clock)
    return {
        "Dispatcher": make_dispatcher(settings, in_force, clock).run(stop),
        "Listener": listen(database, stop),
        "InForce": in_force.watch(stop),
        "Backlog": make_backlog(settings, database).watch(stop),
        **telling(settings, in_force, clock, "dispatch", stop),
    }


def sequencing(
    settings: Settings, house: House, database: Database, clock: Clock, stop: asyncio.Event
) -> dict[str, Job]:
    """What `throughcare sequence` does."""
    in_force = make_in_force(settings, house, database, clock)
    # What is put on record names the policy in force, so it has to be followed.
    return {
        "Sequencer": make_sequencer(settings, house, database, clock).run(stop),
        "Watcher": make_watcher(settings, in_force, clock).run(stop),
        "InForce": in_force.watch(stop),
        **witnessing(settings, in_force, clock, stop),
        **telling(settings, in_force, clock, SEQUENCE, stop),
    }


async def run_alone(settings: Settings, clock: Clock, jobs: Jobs, *, role: Role) -> None:
    """Do these jobs as a process of their own, in this role, until a signal; then to their end.

    A second signal ends it at once.

    Raises:
        NotReady: the installation cannot start as it is, or its database belongs to one process.
    """
    require_server(settings)
    bound_threads(settings.database_connections)
    stop = asyncio.Event()

    def asked() -> None:
        stopping.begin()
        stop.set()

    for one in stopping.ASKS:
        asyncio.get_running_loop().add_signal_handler(one, asked)
    house = make_house(settings, at=clock())
    memory.settle()
    with (
        exported(wanted=settings.tracing),
        ready(settings, house, clock, roles=(role,)) as database,
    ):
        work = jobs(settings, house, database, clock, stop)
        log.info("at work: %s", ", ".join(work))
        await asyncio.gather(*(watched(name, job) for name, job in work.items()))
    log.info("stopped")


async def watched(name: str, job: Job) -> None:
    """Say it when something ends that should go on for ever."""
    try:
        await job
    except Exception:
        log.critical("%s has ended by an error; restart the process", name, exc_info=True)
        raise
