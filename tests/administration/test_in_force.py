"""A running service while bundles take effect: one bundle an answer, and never a superseded one."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from app.access_log.vocabulary import Operation, Outcome
from app.activation import register
from app.activation.candidate import Candidate, candidate, narrowed
from app.activation.loading import Terms, load
from app.activation.register import ACTIVATION, BUNDLE
from app.activation.statement import Kind
from app.administration import policy_bundles
from app.administration.policy_officers import register_policy_officer
from app.crypto.signing_keys import SigningKey
from app.house import House
from app.policy import revocation
from app.policy.archive import Archive
from tests.api.exchange import (
    Exchange,
    Speaker,
    exchange_in,
    is_problem,
    sections_of,
    without_convictions,
)
from tests.world import World

PERMIT = "PLO-identity"
NAME = "identity.full_name"
READERS = 4
PATIENCE = 60.0


@dataclass
class Town:
    """A prison, the police of the town that the person returns to, and two policy officers."""

    exchange: Exchange = field(repr=False)
    police: Speaker
    reference: str
    keys: dict[str, SigningKey] = field(repr=False)
    made: dict[tuple[str, str], Candidate] = field(default_factory=dict)

    @property
    def world(self) -> World:
        return self.exchange.world

    @property
    def terms(self) -> Terms:
        service = self.world.service
        return service.in_force.terms(self.world.clock())

    def do(self, door: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401 - whatever a door takes
        """Run a door of the administration, in a transaction beside those of the callers."""
        service = self.world.service
        return self.world.owner.run_blocking(
            lambda c: door(c, service.house, *arguments, at=self.world.clock())
        )

    def in_force(self) -> tuple[register.Standing, Archive]:
        def read(connection: Connection) -> tuple[register.Standing, Archive]:
            standing = register.latest(connection)
            assert standing is not None
            return standing, register.stored(connection, standing.digest)

        return self.world.service.database.read_blocking(read)

    def approved(self, new: Archive) -> Candidate:
        """A bundle that two have signed for, and that the service has made ready."""
        made = self._made(candidate, new)
        said = made.statement(Kind.ACTIVATION, effective_from=None, at=self.world.clock())
        for name, key in self.keys.items():
            self.do(policy_bundles.approve, made, name, said.signed(key))
        wait_until(lambda: self.world.service.in_force.is_ready(new.digest))
        return made

    def _made(self, make: Callable[..., Candidate], new: Archive) -> Candidate:
        """Proved and compared with the one in force; of two bundles once, it takes its time."""
        standing, old = self.in_force()
        key = (old.digest, new.digest)
        self.made[key] = self.made.get(key) or make(standing, old, new, self.terms)
        return replace(self.made[key], after=standing)

    def revoke(self, *ids: str) -> str:
        """One officer's emergency; the digest that is in force from then on."""
        _, old = self.in_force()
        made = self._made(narrowed, revocation.without(old, ids))
        said = made.statement(Kind.EMERGENCY_REVOCATION, effective_from=None, at=self.world.clock())
        load.cache_clear()  # as on a worker that has never seen this bundle
        self.do(policy_bundles.revoke, made, "first", said.signed(self.keys["first"]))
        return made.archive.digest

    def read(self) -> tuple[int, str, bool]:
        """A read of the file: status, digest, and whether the name was in it."""
        answer = self.police.get(self.reference)
        if answer.status_code != 200:
            return answer.status_code, "", False
        body = answer.json()
        identity = body["released"].get("identity", {})
        return answer.status_code, body["policy"], "full_name" in identity


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def town(world: World) -> Iterator[Town]:
    with exchange_in(world) as exchange:
        prison, police = exchange.some("correctional_service"), exchange.some("police_local")
        reference = exchange.person(
            prison, without_convictions(sections_of("correctional_service"))
        )
        own = exchange.refer(prison, reference, police)
        town = Town(exchange, police, own, {n: SigningKey.generate() for n in ("first", "second")})
        for name, key in town.keys.items():
            town.do(register_policy_officer, name, key.public_jwk())
        yield town


@pytest.fixture(scope="module")
def bundles(town: Town) -> dict[str, bool]:
    """The digests of two bundles, and whether the police may read the name under each."""
    _, shipped = town.in_force()
    return {shipped.digest: True, revocation.without(shipped, [PERMIT]).digest: False}


@contextmanager
def readers(town: Town) -> Iterator[list[tuple[float, float, int, str, bool]]]:
    """Several callers who read on and on: when each read began and ended, and what came."""
    seen: list[tuple[float, float, int, str, bool]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            began = time.monotonic()
            answer = town.read()
            seen.append((began, time.monotonic(), *answer))

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_each_answer_is_of_one_bundle_and_none_of_a_superseded_one(
    town: Town, bundles: dict[str, bool]
) -> None:
    _, shipped = town.in_force()
    without_name = revocation.without(shipped, [PERMIT])
    assert town.read() == (200, shipped.digest, True)
    switched: list[tuple[float, float, str]] = []
    with readers(town) as seen:
        for target in (without_name, shipped):
            made = town.approved(target)
            began = time.monotonic()
            town.do(policy_bundles.activate, made)
            switched.append((began, time.monotonic(), target.digest))
            count = len(seen)
            wait_until(lambda count=count: len(seen) >= count + 2 * READERS)  # type: ignore[misc]  # the count of now
    assert {status for _, _, status, _, _ in seen} == {200}
    assert all(has_name is bundles[digest] for *_, digest, has_name in seen)
    assert {digest for *_, digest, _ in seen} == bundles.keys()
    for (_, since, digest), following in zip(switched, [*switched[1:], None], strict=True):
        until = following[0] if following else time.monotonic()
        inside = [one[3] for one in seen if one[0] > since and one[1] < until]
        assert inside
        assert set(inside) == {digest}
    # And so the entries of the log: the bundle that each names is the one that decided.
    released = town.exchange.entries(operation=Operation.DISCLOSURE, outcome=Outcome.RELEASED)
    assert len(released) >= len(seen)
    for entry in released:
        (digest,) = [digest for digest in bundles if digest.encode() in entry.leaf]
        assert (NAME in str(entry.sections["fields"]["released"])) is bundles[digest]


def test_an_emergency_takes_effect_at_the_next_request_loaded_or_not(town: Town) -> None:
    before, shipped = town.in_force()
    assert town.read() == (200, before.digest, True)
    digest = town.revoke(PERMIT)
    assert town.read() == (200, digest, False)
    assert town.world.service.house.bundle.digest == digest
    # And back, by two.
    town.do(policy_bundles.activate, town.approved(shipped))
    assert town.read() == (200, shipped.digest, True)


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno == logging.CRITICAL]


def test_an_activation_that_nothing_bears_out_ends_all_decisions_with_an_alarm(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    standing, shipped = town.in_force()
    database = town.world.owner
    forged = insert(ACTIVATION).values(
        sequence=standing.sequence + 1,
        digest=shipped.digest,
        predecessor=shipped.digest,
        kind=Kind.ACTIVATION.value,
        report="0" * 64,
        activated_at=town.world.clock(),
        entry_id="0" * 32,
    )
    database.run_blocking(lambda c: c.execute(forged).close())
    try:
        wait_until(lambda: town.read()[0] != 200)
        is_problem(town.police.get(town.reference), 503, "policy-unavailable")
        assert any("cannot be used" in said for said in alarms(caplog))
    finally:
        number = standing.sequence + 1
        undo = delete(ACTIVATION).where(ACTIVATION.c.sequence == number)
        database.run_blocking(lambda c: c.execute(undo).close())
    # Both the alarm and the refused read are on record; what is rightly in force works on.
    assert town.read() == (200, shipped.digest, True)
    failed = town.exchange.entries(operation=Operation.POLICY_CHANGE, outcome=Outcome.FAILED)
    assert {one.sections["fields"]["sequence"] for one in failed} == {number}
    refused = town.exchange.entries(outcome=Outcome.REFUSED, agency_id=town.police.id)
    assert refused[-1].sections["fields"]["reason"] == "policy-unavailable"


def test_files_that_were_changed_after_the_signatures_are_not_decided_under(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    standing, shipped = town.in_force()
    database = town.world.owner
    made = town.approved(revocation.without(shipped, [PERMIT]))
    new = made.archive
    spoilt = update(BUNDLE).where(BUNDLE.c.digest == new.digest).values(files=shipped.to_bytes())
    whole = update(BUNDLE).where(BUNDLE.c.digest == new.digest).values(files=new.to_bytes())
    database.run_blocking(lambda c: c.execute(spoilt).close())
    try:
        town.do(policy_bundles.activate, made)
        is_problem(town.police.get(town.reference), 503, "policy-unavailable")
        assert any("the stored files have the digest" in said for said in alarms(caplog))
    finally:
        database.run_blocking(lambda c: c.execute(whole).close())
    assert town.in_force()[0].sequence == standing.sequence + 1
    # A new activation is looked at anew.
    town.do(policy_bundles.activate, town.approved(shipped))
    assert town.read() == (200, shipped.digest, True)


def digest_of(_: Connection, house: House) -> str:
    return house.bundle.digest


def test_a_worker_that_is_not_ready_goes_on_until_it_has_loaded(town: Town) -> None:
    before, shipped = town.in_force()
    made = town.approved(revocation.without(shipped, [PERMIT]))
    wait_until(lambda: town.world.service.house.activation == before.sequence)
    worker = replace(town.world.service.in_force, _task=None, _ready=set())
    town.do(policy_bundles.activate, made)
    load.cache_clear()

    async def work() -> list[str]:
        said = [await worker.run(digest_of, client="one")]
        while said[-1] == before.digest:
            await asyncio.sleep(0.01)
            said.append(await worker.run(digest_of, client="one"))
        return said

    said = asyncio.run(work())
    assert (said[0], said[-1]) == (before.digest, made.archive.digest)
    town.do(policy_bundles.activate, town.approved(shipped))


def test_a_worker_that_missed_an_emergency_does_not_go_on(town: Town) -> None:
    before, shipped = town.in_force()
    wait_until(lambda: town.world.service.house.activation == before.sequence)
    worker = replace(town.world.service.in_force, _task=None, _ready=set())
    town.revoke(PERMIT)
    town.do(policy_bundles.activate, town.approved(shipped))
    standing, _ = town.in_force()
    assert standing.sequence == worker.house.activation + 2
    load.cache_clear()
    numbers = asyncio.run(worker.run(lambda _, house: house.activation, client="one"))
    assert numbers == standing.sequence
