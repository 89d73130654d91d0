"""Two services, each a process of its own, on one database: what is ended at one is at both."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from app.activation import register
from app.activation.candidate import narrowed
from app.activation.statement import Kind
from app.administration import policy_bundles
from app.administration.policy_officers import register_policy_officer
from app.agencies.registry import OPERATOR_ROLE
from app.crypto.signing_keys import SigningKey
from app.demo.stage import free_port
from app.policy import revocation
from app.policy.archive import Archive
from app.settings import PREFIX, Settings
from tests.api.exchange import (
    Exchange,
    Speaker,
    exchange_in,
    is_problem,
    sections_of,
    without_convictions,
)
from tests.api.oauth import take_back
from tests.conftest import empty_database
from tests.world import START, World, running_world

PATIENCE = 60.0
CASES = "/v1/cases"


@dataclass
class Pair:
    """Two addresses at which the same is served; the first one is the public one."""

    exchange: Exchange
    addresses: tuple[str, str]
    operator: Speaker

    def asked(
        self,
        at: int,
        speaker: Speaker,
        method: str,
        path: str,
        token: str = "",
        content: object = None,
    ) -> httpx.Response:
        """One request at one of the two. A proof names the public address."""
        headers = {**speaker.credentials(method, path, token=token), "If-Match": "*"}
        address = f"{self.addresses[at]}{path}"
        return self.exchange.http.request(method, address, headers=headers, json=content)


@pytest.fixture(scope="module")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    url = empty_database("postgresql", request, folder)
    with (
        running_world(url, folder) as world,
        exchange_in(world) as exchange,
        second_service(world) as address,
    ):
        operator = exchange.registrar("exchange-office", OPERATOR_ROLE)
        yield Pair(exchange, (world.settings.issuer, address), operator)


@contextmanager
def second_service(world: World) -> Iterator[str]:
    """The program itself, with the settings of the first service but for the port."""
    clock = world.folder / "clock"
    clock.write_text(START.isoformat())
    port = free_port()
    changed = (
        one.name for one in fields(Settings) if one.default != getattr(world.settings, one.name)
    )
    values = {name: getattr(world.settings, name) for name in changed}
    values |= {"port": port, "clock_file": clock}
    settings = {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}
    command: dict[str, Any] = {
        "args": [sys.executable, "-m", "app.cli", "serve"],
        "env": {**os.environ, **settings},
    }
    with (world.folder / "second.log").open("w") as log:
        process = subprocess.Popen(**command, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while not is_ready(address):
            assert process.poll() is None, (world.folder / "second.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/ready", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def by_its_registrar(path: str, at: int) -> Callable[[Pair, Speaker], httpx.Response]:
    """The agency itself ends something at one of the two."""

    def end(pair: Pair, agency: Speaker) -> httpx.Response:
        own = pair.exchange.registrar(agency.id)
        return pair.asked(at, own, "POST", path.format(agency.id))

    return end


def by_the_operator(path: str, at: int) -> Callable[[Pair, Speaker], httpx.Response]:
    """The operator ends something at one of the two."""
    return lambda pair, agency: pair.asked(at, pair.operator, "POST", path.format(agency.id))


def other_purpose(pair: Pair, agency: Speaker) -> httpx.Response:
    """The operator takes the purpose of its tokens from a client."""
    ground = {"purpose": "family_support", "legal_basis": "basis-2"}
    path = f"/v1/clients/{agency.id}-1"
    return pair.asked(0, pair.operator, "PATCH", path, content={"grounds": [ground]})


OFFICER = "/v1/officers/{0}/{0}-officer/end"
CLIENT = "/v1/clients/{0}-1/revocation"
ENDS: dict[str, Callable[[Pair, Speaker], httpx.Response]] = {
    "client by its agency": by_its_registrar(CLIENT, 1),
    "client by the operator": by_the_operator(CLIENT, 0),
    "officer by the agency": by_its_registrar(OFFICER, 0),
    "officer by the operator": by_the_operator(OFFICER, 1),
    "agency by the operator": by_the_operator("/v1/agencies/{0}/revocation", 1),
    "purpose by the operator": other_purpose,
    "token by its client": lambda pair, agency: take_back(
        agency, agency.token, at=pair.addresses[1]
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_end_at_one_service_holds_at_the_next_request_of_both(pair: Pair, name: str) -> None:
    agency = pair.exchange.agency("social_welfare_centre")
    token = agency.token
    for at in (0, 1, 0, 1):  # the second time would come from a memory, were there one
        assert pair.asked(at, agency, "GET", CASES, token).status_code == 200
    assert ENDS[name](pair, agency).is_success
    for at in (1, 0):
        is_problem(pair.asked(at, agency, "GET", CASES, token), 401, "unauthenticated")


def test_a_policy_revoked_by_one_officer_decides_at_the_next_request_of_neither(
    pair: Pair,
) -> None:
    exchange, key = pair.exchange, SigningKey.generate()
    service, clock = exchange.world.service, exchange.world.clock
    prison, police = exchange.some("correctional_service"), exchange.some("police_local")
    person = exchange.person(prison, without_convictions(sections_of("correctional_service")))
    path = f"/v1/inmate-files/{exchange.refer(prison, person, police)}"

    def reads() -> list[tuple[str, bool]]:
        read = [pair.asked(at, police, "GET", path).json() for at in (1, 0)]
        return [(one["policy"], "full_name" in one["released"].get("identity", {})) for one in read]

    assert [has_name for _, has_name in reads()] == [True, True]

    def look(connection: Connection) -> tuple[register.Standing, Archive]:
        standing = register.latest(connection)
        assert standing is not None
        return standing, register.stored(connection, standing.digest)

    standing, old = service.database.read_blocking(look)
    terms = service.in_force.terms(clock())
    made = narrowed(standing, old, revocation.without(old, ["PLO-identity"]), terms)
    said = made.statement(Kind.EMERGENCY_REVOCATION, effective_from=None, at=clock())

    def revoke(connection: Connection) -> None:
        house, at = service.house, clock()
        register_policy_officer(connection, house, "first", key.public_jwk(), at=at)
        policy_bundles.revoke(connection, house, made, "first", said.signed(key), at=at)

    exchange.world.owner.run_blocking(revoke)
    assert reads() == [(made.archive.digest, False)] * 2
