"""A running service with its agencies, for tests that go through its face.

The service is the real one, on a real socket of the loopback address, with its dispatcher
and sequencer at work; only the clock can be set. Agencies speak to it as they would.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy import Connection

from app.administration import registry
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.api.connections import BoundedConnection
from app.api.service import Service
from app.bell import Bell
from app.cli.installation import prepare
from app.crypto.key_ring import KeyRing
from app.database import Database, open_database
from app.demo.stage import free_port
from app.house import House
from app.main import log_verifier, make_house, roles_of_service
from app.policy.bundle import Bundle
from app.policy.loader import load_bundle
from app.policy.roles import ROLE_PURPOSES
from app.processes.serving import create_app
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.new_agency import NewAgency, write_configuration
from app.settings import Settings
from tests.logins import login
from throughcare_receiver.keys import DecryptionKey

# So often a dispatcher looks that a test has sleep: nothing wakes it either.
ASLEEP = 86_400.0
START = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
POLICIES = Path(__file__).parent.parent / "policies"


@cache
def shipped_bundle() -> Bundle:
    """The shipped policies, loaded once: a bundle is immutable."""
    return load_bundle(POLICIES, at=START.date(), allow_illustrative=True)


@cache
def _sealing_key(_: int) -> DecryptionKey:
    return DecryptionKey.generate(bits=2048)


def sealing_keys() -> Iterator[DecryptionKey]:
    """RSA keys, which are slow to make: each of them another, and from the start the same ones."""
    return map(_sealing_key, count())


@dataclass
class Clock:
    """A clock that tests set. Starts on a Wednesday morning."""

    now: datetime = START

    def __call__(self) -> datetime:
        """The present moment."""
        return self.now

    def advance(self, **by: float) -> None:
        """Let time pass: `advance(days=3)`."""
        self.now += timedelta(**by)


@dataclass
class World:
    """The service and everybody who was registered."""

    folder: Path
    settings: Settings
    clock: Clock
    service: Service
    # The database as an administrator has it, who may do more there than the service.
    owner: Database
    agencies: dict[str, NewAgency] = field(default_factory=dict)
    _sealing_keys: Iterator[DecryptionKey] = field(default_factory=sealing_keys)
    # No connection is kept, so that each request stands alone.
    _http: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            trust_env=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0)
        )
    )
    _clients: list[AgencyClient] = field(default_factory=list)

    def agency(
        self,
        agency_id: str,
        role: str,
        *,
        purpose: str | None = None,
        municipalities: tuple[str, ...] = ("XK-GJILAN",),
        standing_acceptance: bool = False,
        decryption: DecryptionKey | None = None,
    ) -> AgencyClient:
        """Register an agency with one client and one officer; a client that speaks for it.

        `decryption` is the key of an agency that shares one because nothing is sealed to it.
        """
        chosen = purpose or ROLE_PURPOSES[role][0]
        equipment = write_configuration(
            self.folder / agency_id,
            issuer=self.settings.issuer,
            client_id=f"{agency_id}-1",
            officer=f"{agency_id}-officer",
            purpose=chosen,
            legal_basis=f"illustrative:{role}",
            log_key=log_verifier(self.settings, self.service.house.ring).to_vkey(),
            decryption=decryption or next(self._sealing_keys),
        )
        self.agencies[agency_id] = equipment
        record = AgencyRecord(
            agency_id=agency_id,
            name=agency_id,
            role=role,
            country="XK",
            municipalities=frozenset(municipalities),
            standing_acceptance=standing_acceptance,
        )
        client = ClientRecord(
            client_id=f"{agency_id}-1",
            agency_id=agency_id,
            jwks=equipment.jwks,
            grounds=on_basis(f"illustrative:{role}", *ROLE_PURPOSES[role]),
        )

        def work(connection: Connection) -> None:
            house, at = self.service.house, self.clock()
            registry.register_agency(connection, house, record, at=at)
            registry.register_client(connection, house, client, at=at)
            registry.register_officer(
                connection,
                house,
                agency_id=agency_id,
                officer_id=f"{agency_id}-officer",
                function="officer",
                at=at,
            )

        self.service.database.run_blocking(work)
        return self.client(equipment.configuration)

    def another_client(self, agency_id: str, role: str) -> AgencyClient:
        """A second system of an agency, for the same officer and purposes."""
        equipment = write_configuration(
            self.folder / f"{agency_id}-2",
            issuer=self.settings.issuer,
            client_id=f"{agency_id}-2",
            officer=f"{agency_id}-officer",
            purpose=ROLE_PURPOSES[role][0],
            legal_basis=f"illustrative:{role}",
            decryption=next(self._sealing_keys),
        )
        record = ClientRecord(
            client_id=f"{agency_id}-2",
            agency_id=agency_id,
            jwks=equipment.jwks,
            grounds=on_basis(f"illustrative:{role}", *ROLE_PURPOSES[role]),
        )
        house, at = self.service.house, self.clock()
        self.service.database.run_blocking(
            lambda c: registry.register_client(c, house, record, at=at)
        )
        return self.client(equipment.configuration)

    def client(self, configuration: AgencyConfiguration) -> AgencyClient:
        """A client of this configuration, closed with the world."""
        client = AgencyClient(configuration, clock=self.clock)
        self._clients.append(client)
        return client

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - as httpx takes them
        """A request as it stands, with no client in between."""
        return self._http.request(method, f"{self.settings.issuer}{path}", **options)

    def close(self) -> None:
        """Close every client."""
        self._http.close()
        for client in self._clients:
            client.close()


@contextmanager
def running_world(url: str, folder: Path, **options: Any) -> Iterator[World]:  # noqa: ANN401 - settings
    """A fresh installation on an empty database, served until the block ends."""
    port = free_port()
    values: Mapping[str, Any] = {
        "database_url": url,
        "key_directory": folder / "keys",
        "checkpoint_file": folder / "checkpoint",
        "policies_directory": POLICIES,
        "issuer": f"http://127.0.0.1:{port}",
        "port": port,
        "allow_illustrative": True,
        "allow_loopback_delivery": True,
        # The server of the tests spares itself its disk: see tests/conftest.py.
        "allow_unsafe_database": url.startswith("postgresql"),
        "dispatch_interval": 0.5,
        "checkpoint_interval": 0.5,
        # Clocks of tests jump, and a log would seem unsigned: whoever wants a look asks for it.
        "alert_interval": 86_400.0,
        "retry_base_seconds": 0.1,
        # Tests ask faster than anybody who works.
        "requests_at_once": 1_000_000,
        **options,
    }
    settings = Settings(**values)
    clock = Clock()
    prepare(settings, at=clock())
    if url.startswith("postgresql"):
        # The owner has prepared it; what serves may do its work and nothing else.
        settings = replace(settings, database_url=login(url, roles_of_service(settings)))
    house = make_house(settings, at=clock())
    with served(settings, clock, house) as service:
        owner = open_database(url) if url.startswith("postgresql") else service.database
        world = World(folder=folder, settings=settings, clock=clock, service=service, owner=owner)
        if settings.dispatch_interval == ASLEEP:
            service.database.bell = Bell()
        yield world
        world.close()
        owner.close()


@contextmanager
def served(settings: Settings, clock: Callable[[], datetime], house: House) -> Iterator[Service]:
    """The application on a real server in a thread of its own."""
    app = create_app(settings, clock=clock, house=house)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=settings.port,
            http=BoundedConnection,
            log_config=None,
            lifespan="on",
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the service did not start")
        thread.join(0.01)
    yield app.state.service
    server.should_exit = True
    thread.join()


def ring(world: World) -> KeyRing:
    """The keys of the service."""
    return world.service.house.ring
