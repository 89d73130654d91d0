"""An installation with files that an agency may read, and what serves it: a process on a core."""

import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from app.administration import registry
from app.agencies.details import DETAILS_TYPE
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.agencies.tokens import ACCESS_TOKEN_TYPE, TOKEN_SECONDS
from app.cases import assignments, references
from app.cases.assignments import Offer
from app.cli.installation import prepare
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing import sign
from app.crypto.signing_keys import SigningKey
from app.demo.stage import free_port
from app.files import store
from app.files.catalogue import FIELDS
from app.files.store import StoredFile
from app.house import House
from app.main import make_house, opened
from app.policy.roles import ROLE_PURPOSES
from app.population.generate import Record, generate
from app.settings import PREFIX, Settings
from throughcare_receiver import keys as clients
from throughcare_receiver.possession import prove

POLICIES = Path("policies")
CUSTODIAN, READER = "prison-1", "probation-1"
ROLES = {CUSTODIAN: "correctional_service", READER: "probation_service"}
MUNICIPALITY = "XK-GJILAN"
DISTINCT = 1_000  # made-up persons; more files are theirs again
SEED = 20_270_303
BATCH = 256
STARTS_SECONDS = 300.0  # on a busy machine
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with database, keys and settings; `references` are the reader's own."""

    settings: Settings
    house: House
    references: tuple[str, ...]

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process of it is started with."""
        said = {
            "database_url": self.settings.database_url,
            "key_directory": self.settings.key_directory,
            "checkpoint_file": self.settings.checkpoint_file,
            "policies_directory": POLICIES.absolute(),
            "issuer": self.settings.issuer,
            "port": self.settings.port,
            "cross_check": self.settings.cross_check,
            "allow_illustrative": "true",
            # The server that a bench starts has one login, and nobody's data.
            "allow_unsafe_database": "true",
            "requests_per_minute": self.settings.requests_per_minute,
            "requests_at_once": self.settings.requests_at_once,
        }
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in said.items()}


def make(url: str, folder: Path, *, files: int) -> Installation:
    """A new installation with so many files; each of them is a case of the reader."""
    port = free_port()
    values: dict[str, Any] = {
        "database_url": url,
        "key_directory": folder / "keys",
        "checkpoint_file": folder / "checkpoint",
        "policies_directory": POLICIES,
        "issuer": f"http://127.0.0.1:{port}",
        "port": port,
        "allow_illustrative": True,
        # The limit for each caller is not what is measured.
        "requests_per_minute": 1_000_000_000,
        "requests_at_once": 1_000_000,
    }
    settings = Settings(**values)
    at = datetime.now(UTC)
    prepare(settings, at=at)
    house = make_house(settings, at=at)
    records = list(generate(min(files, DISTINCT), seed=SEED, today=at.date()))
    with opened(settings) as database:
        database.run_blocking(lambda c: _register(c, house, at=at))
        names: list[str] = []
        for start in range(0, files, BATCH):
            batch = [records[n % len(records)] for n in range(start, min(start + BATCH, files))]
            names += database.run_blocking(_Keeping(house, batch, at))
    return Installation(settings, house, tuple(names))


def copied(installation: Installation, folder: Path, **changes: str) -> Installation:
    """The same on a copy of its SQLite file and at a port of its own, with other settings."""
    source = make_url(installation.settings.database_url).database
    file = folder / "throughcare.db"
    with sqlite3.connect(str(source)) as original, sqlite3.connect(file) as copy:
        original.backup(copy)
    file.chmod(0o600)
    own: dict[str, Any] = {
        "database_url": f"sqlite:///{file}",
        "checkpoint_file": folder / "checkpoint",
        "port": free_port(),
        **changes,
    }
    shutil.copy(installation.settings.checkpoint_file, own["checkpoint_file"])
    return replace(installation, settings=replace(installation.settings, **own))


def _register(connection: Connection, house: House, *, at: datetime) -> None:
    """Both agencies; the reader's client may do without a proof, and may bring one."""
    for agency_id, role in ROLES.items():
        record = AgencyRecord(
            agency_id=agency_id,
            name=agency_id,
            role=role,
            country="XK",
            municipalities=frozenset({MUNICIPALITY}),
        )
        client = ClientRecord(
            client_id=f"{agency_id}-client",
            agency_id=agency_id,
            jwks=public_jwks([SigningKey.generate()]),
            grounds=on_basis(f"illustrative:{role}", *ROLE_PURPOSES[role]),
            bearer_allowed=True,
        )
        registry.register_agency(connection, house, record, at=at)
        registry.register_client(connection, house, client, at=at)
        registry.register_officer(
            connection, house, agency_id=agency_id, officer_id="officer", function="officer", at=at
        )


@dataclass(frozen=True, slots=True)
class _Keeping:
    """Files of one transaction, stored as the rooms store them: the reader's references."""

    house: House
    records: Sequence[Record]
    at: datetime

    def __call__(self, connection: Connection) -> list[str]:
        return [self._keep(connection, record) for record in self.records]

    def _keep(self, connection: Connection, record: Record) -> str:
        house, at, person_id = self.house, self.at, self.house.new_id()
        stamp = {"source_agency": CUSTODIAN, "recorded_at": at.isoformat()}
        sections = {
            name: {
                field: {**value, "nature": FIELDS[f"{name}.{field}"].nature.value, **stamp}
                for field, value in fields.items()
            }
            for name, fields in record["sections"].items()
        }
        file = StoredFile(person_id=person_id, custodian=CUSTODIAN, sections=sections)
        store.create(connection, file, ring=house.ring, at=at, random=house.random)
        offer = Offer(
            assignment_id=house.new_id(),
            person_id=person_id,
            agency_id=READER,
            by_agency=CUSTODIAN,
            by_officer="officer",
        )
        assignments.offer(connection, offer, ring=house.ring, standing_acceptance=True, at=at)
        return references.ensure(
            connection,
            ring=house.ring,
            agency_id=READER,
            person_id=person_id,
            at=at,
            random=house.random,
        )


def requests(installation: Installation, references: Sequence[str], *, proven: bool) -> list[bytes]:
    """A read of each of these: with a bearer token, or with a fresh proof for each."""
    key = clients.SigningKey.generate()
    at = datetime.now(UTC)
    token = _token(installation, at, bound_to=key.kid if proven else None)
    return [
        _request(installation, reference, token, key if proven else None, at)
        for reference in references
    ]


def _token(installation: Installation, at: datetime, *, bound_to: str | None) -> str:
    """An access token of the reader's, as the service would sign it (RFC 9068)."""
    role = ROLES[READER]
    now = int(at.timestamp())
    claims = {
        "iss": installation.settings.issuer,
        "aud": installation.settings.issuer,
        "sub": f"{READER}-client",
        "client_id": f"{READER}-client",
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "jti": secrets.token_hex(16),
        "authorization_details": [
            {
                "type": DETAILS_TYPE,
                "officer": "officer",
                "purpose": ROLE_PURPOSES[role][0],
                "legal_basis": f"illustrative:{role}",
            }
        ],
        **({} if bound_to is None else {"cnf": {"jkt": bound_to}}),
    }
    return sign(claims, installation.house.ring.token_signing, typ=ACCESS_TOKEN_TYPE)


def _request(
    installation: Installation,
    reference: str,
    token: str,
    key: clients.SigningKey | None,
    at: datetime,
) -> bytes:
    path = f"/v1/inmate-files/{reference}"
    address = f"{installation.settings.issuer}{path}"
    scheme, proof = "Bearer", ""
    if key is not None:
        jti = secrets.token_urlsafe(16)
        made = prove(key, method="GET", address=address, jti=jti, at=at, access_token=token)
        scheme, proof = "DPoP", f"DPoP: {made}\r\n"
    host = address.split("/")[2]
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
        f"Authorization: {scheme} {token}\r\n{proof}\r\n"
    ).encode()


@dataclass(frozen=True, slots=True)
class Served:
    """A running process that listens."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time that the process has used so far, in its threads and in the kernel."""
        stat = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return sum(int(fields[place]) for place in (11, 12, 13, 14)) / TICKS


@contextmanager
def served(
    port: int, *command: str, core: int, environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """A Python process that listens on this port, on a core of its own, until the block ends."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # what is started now keeps to it
    try:
        process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, *command], env={**os.environ, **(environment or {})}
        )
    finally:
        os.sched_setaffinity(0, own)
    with process:
        try:
            _wait_for(port, process)
            yield Served(port, process.pid)
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTS_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError("the process does not listen")
