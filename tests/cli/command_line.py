"""An installation in a folder of its own, and the real commands upon it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection

from app.access_log import checkpoints
from app.administration import registry
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.demo.stage import free_port
from app.house import House
from app.policy.roles import ROLE_PURPOSES
from app.receiver.new_agency import NewAgency, write_configuration
from app.settings import Settings
from tests.world import POLICIES, sealing_keys
from throughcare_receiver.keys import DecryptionKey

PATIENCE = 180


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything that it wrote."""
        return f"{self.out}{self.err}"

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON can be anything
        """Its output as JSON; nothing else may stand there."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Installation:
    """Where everything lies, and the variables that say so."""

    folder: Path
    environment: Mapping[str, str]
    _sealing_keys: Iterator[DecryptionKey] = field(default_factory=sealing_keys)

    @classmethod
    def planned(cls, folder: Path, policies: Path = POLICIES) -> "Installation":
        """Settings of an installation; nothing is made yet."""
        port = free_port()
        environment = {
            "DATABASE_URL": f"sqlite:///{folder}/throughcare.db",
            "KEY_DIRECTORY": f"{folder}/keys",
            "CHECKPOINT_FILE": f"{folder}/checkpoint",
            "POLICIES_DIRECTORY": str(policies),
            "ISSUER": f"http://127.0.0.1:{port}",
            "PORT": str(port),
            "ALLOW_ILLUSTRATIVE": "true",
            "ALLOW_LOOPBACK_DELIVERY": "true",
            "DISPATCH_INTERVAL": "0.1",
            "CHECKPOINT_INTERVAL": "0.05",
            # So that the whole log is a job, which the command waits for.
            "EXPORT_ROWS_AT_ONCE": "8",
            "ALERT_INTERVAL": "0.2",
        }
        return cls(folder, {f"THROUGHCARE_{name}": text for name, text in environment.items()})

    @property
    def settings(self) -> Settings:
        """The settings as the commands read them."""
        return Settings.from_environment(self.environment)

    def command(self, *arguments: str, **changes: str) -> dict[str, Any]:
        """What starts a command as a process of its own; `changes` are settings."""
        return {
            "args": [sys.executable, "-m", "app.cli", *arguments],
            "env": {**os.environ, **self.changed(**changes)},
            "text": True,
        }

    def changed(self, **changes: str) -> dict[str, str]:
        """The variables of its settings; `changes` are settings."""
        changed = {f"THROUGHCARE_{name}": text for name, text in changes.items()}
        return {**self.environment, **changed}

    def run(self, *arguments: str, **changes: str) -> Done:
        """Run a command to its end as a process of its own."""
        done = subprocess.run(
            **self.command(*arguments, **changes),
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def equip(self, agency_id: str, role: str) -> NewAgency:
        """The configuration and keys of an agency's client."""
        return write_configuration(
            self.folder / agency_id,
            issuer=self.settings.issuer,
            client_id=f"{agency_id}-1",
            officer=f"{agency_id}-officer",
            purpose=ROLE_PURPOSES[role][0],
            legal_basis=f"illustrative:{role}",
            decryption=next(self._sealing_keys),
        )

    @contextmanager
    def served(self) -> Iterator["subprocess.Popen[str]"]:
        """The service as a process of its own, ready, until the block ends."""
        with (self.folder / "service.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(**self.command("serve"), stdout=log, stderr=log)
        try:
            with httpx.Client(trust_env=False, timeout=5) as client:
                self._wait_until_ready(process, client)
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)

    def _wait_until_ready(self, process: "subprocess.Popen[str]", client: httpx.Client) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            try:
                ready = client.get(f"{self.settings.issuer}/health/ready")
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                if ready.is_success:
                    return
        raise AssertionError((self.folder / "service.log").read_text(encoding="utf-8"))


def register(connection: Connection, house: House, agency_id: str, role: str, *places: str) -> None:
    """Enter an agency with an officer, as the commands of the registry do; two entries."""
    at = datetime.now(UTC)
    agency = AgencyRecord(
        agency_id=agency_id,
        name=agency_id,
        role=role,
        country="XK",
        municipalities=frozenset(places),
    )
    registry.register_agency(connection, house, agency, at=at)
    registry.register_officer(
        connection,
        house,
        agency_id=agency_id,
        officer_id=f"{agency_id}-officer",
        function="officer",
        at=at,
    )


def register_client(
    connection: Connection, house: House, agency_id: str, role: str, jwks: dict[str, Any]
) -> None:
    """Enter the client of an agency; one entry."""
    client = ClientRecord(
        client_id=f"{agency_id}-1",
        agency_id=agency_id,
        jwks=jwks,
        grounds=on_basis(f"illustrative:{role}", *ROLE_PURPOSES[role]),
    )
    registry.register_client(connection, house, client, at=datetime.now(UTC))


def sign(connection: Connection, house: House) -> str:
    """A checkpoint of what is there, as the sequencer makes it."""
    return checkpoints.publish(
        connection, key=house.ring.log_signing, origin=house.log_origin, at=datetime.now(UTC)
    )
