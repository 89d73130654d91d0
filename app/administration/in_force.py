"""The bundle in force in a running service: looked up in every decision's own transaction.

A request, a call of a door or an attempt at a delivery is handed one `House`, and with it one
bundle, from start to end. When another bundle took effect, the house is exchanged by a single
assignment; loading goes on outside the event loop, once. Meanwhile the old bundle decides,
unless it was revoked in an emergency, or the new one was made ready before: then work waits.
A bundle that cannot be used is never replaced by a superseded one: nothing is decided then.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.activation import register
from app.activation.evidence import Evidence, NotBorneOut
from app.activation.loading import Terms, load
from app.activation.register import Standing
from app.activation.statement import Kind
from app.administration.registry import OPERATOR
from app.database import Database
from app.house import Act, House, record
from app.problems import Unavailable
from app.rounds import repeat

log = logging.getLogger("throughcare.policy")

T = TypeVar("T")
Work = Callable[[Connection, House], T]


class PolicyUnavailable(Unavailable):
    """The bundle that took effect cannot be used, so nothing is decided."""

    slug = "policy-unavailable"


class Superseded(Exception):
    """Another activation than that of the house is the last one."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing.sequence)
        self.standing = standing


@dataclass(kw_only=True)
class InForce:
    """Hands out the house with the bundle in force.

    `terms` says under which terms a bundle is loaded at a moment; `interval` in seconds is the
    time between two looks for what took effect while nobody asked.
    """

    database: Database
    house: House
    terms: Callable[[datetime], Terms]
    clock: Callable[[], datetime]
    interval: float
    # Under way: the old bundle goes on for as long. Not usable: nothing is decided under it.
    _under_way: Standing | None = None
    _unusable: Standing | None = None
    _task: asyncio.Task[None] | None = None
    _ready: set[str] = field(default_factory=set)

    async def run(self, work: Work[T], *, client: str, urgent: bool = False) -> T:
        """Run work for a client in a transaction in which the bundle of its house is in force.

        Raises:
            PolicyUnavailable: another took effect that cannot be used.
            Overloaded: too much waits already.
        """
        while True:
            try:
                return await self._attempt(work, self.house, client=client, urgent=urgent)
            except Superseded as other:
                await self._follow(other.standing)

    async def watch(self, stop: asyncio.Event) -> None:
        """Look again and again until asked to stop."""
        # Whatever it was: each decision looks by itself.
        await repeat(
            self.look,
            stop,
            interval=self.interval,
            log=log,
            failed="the policy in force could not be looked up",
        )

    async def look(self) -> None:
        """Follow what took effect, also where nobody asks; make ready what two have signed."""
        standing, signed = await self.database.read(_seen)
        if not self._is_that_of(self.house, standing) and standing != self._unusable:
            await self._switch_to(standing)
        for digest in sorted(set(signed) - self._ready):
            await asyncio.to_thread(self._make_ready, digest)

    def is_ready(self, digest: str) -> bool:
        """Whether this bundle would decide from its activation on, without being loaded first."""
        return digest in self._ready

    async def _attempt(self, work: Work[T], house: House, *, client: str, urgent: bool) -> T:
        def checked(connection: Connection) -> T:
            self._require(connection, house)
            return work(connection, house)

        return await self.database.run(checked, client=client, urgent=urgent)

    def _require(self, connection: Connection, house: House) -> None:
        standing = _latest(connection)
        if not self._is_that_of(house, standing) and standing != self._under_way:
            raise Superseded(standing)

    @staticmethod
    def _is_that_of(house: House, standing: Standing) -> bool:
        return (house.activation, house.bundle.digest) == (standing.sequence, standing.digest)

    async def _follow(self, standing: Standing) -> None:
        """Go over to another bundle, or go on while it is loaded."""
        if standing != self._unusable:
            if self._may_go_on_before(standing):
                self._task_for(standing)
                self._under_way = standing
            else:
                await self._switch_to(standing)
        if standing == self._unusable:
            raise PolicyUnavailable("the policy in force cannot be used")

    def _may_go_on_before(self, standing: Standing) -> bool:
        """Whether the old bundle decides until this one is loaded.

        Only the next one may be waited for like that: of two, the one between may have been an
        emergency. And a number that goes back was not reached by an activation.
        """
        ordinary = standing.kind == Kind.ACTIVATION and standing.digest not in self._ready
        return ordinary and standing.sequence == self.house.activation + 1

    async def _switch_to(self, standing: Standing) -> None:
        # Who waits may go away; the switch goes on.
        await asyncio.shield(self._task_for(standing))

    def _task_for(self, standing: Standing) -> asyncio.Task[None]:
        if self._task is None or self._task.done() or self._task.get_name() != repr(standing):
            self._task = asyncio.create_task(self._switch(standing), name=repr(standing))
        return self._task

    async def _switch(self, standing: Standing) -> None:
        try:
            house = await asyncio.to_thread(self._loaded)
        except Exception as error:  # noqa: BLE001 - whatever it was, the old bundle must not go on
            self._unusable, self._under_way = standing, None
            log.critical("ALARM: activation %d cannot be used: %s", standing.sequence, error)
            await self._record_unusable(standing)
        else:
            self.house = house
            self._unusable, self._under_way = None, None
            log.info("activation %d: policy %s", house.activation, house.bundle.digest)

    def _loaded(self) -> House:
        """The house with what is in force, every file and signature checked anew."""
        house = self.house
        verified = self.database.read_blocking(
            lambda connection: register.verify(connection, Evidence(connection, house.log_keys()))
        )
        if verified.sequence < house.activation:
            raise NotBorneOut(f"activation {house.activation} is gone")
        bundle = load(verified.archive, self.terms(self.clock()))
        return replace(house, bundle=bundle, activation=verified.sequence)

    def _make_ready(self, digest: str) -> None:
        """Load a bundle that may soon take effect; what is wrong with it is said when it does."""
        try:
            archive = self.database.read_blocking(lambda c: register.stored(c, digest))
            load(archive, self.terms(self.clock()))
        except Exception as error:  # noqa: BLE001 - it decides nothing yet
            log.warning("the approved policy %s cannot be made ready: %s", digest, error)
        self._ready.add(digest)

    async def _record_unusable(self, standing: Standing) -> None:
        act = Act(
            operation=Operation.POLICY_CHANGE,
            channel=Channel.ADMINISTRATION,
            outcome=Outcome.FAILED,
            fields={
                "fact": "policy-unusable",
                "sequence": standing.sequence,
                "digest": standing.digest,
            },
        )
        house, at = self.house, self.clock()
        try:
            await self.database.run(lambda c: record(c, house, OPERATOR, act, at=at))
        except Exception:
            log.exception("the alarm could not be recorded")


def _latest(connection: Connection) -> Standing:
    """The last activation. No row at all is one that nothing can bear out."""
    return register.latest(connection) or Standing(0, "", "")


def _seen(connection: Connection) -> tuple[Standing, list[str]]:
    standing = _latest(connection)
    return standing, register.signed_by_two(connection, standing.sequence)
