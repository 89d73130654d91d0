"""Cerbos, a policy decision point in a process of its own, asked over HTTP.

It is given every shipped policy in its own language, and one question for a whole file: all
releases of all fields in one call. With `explained` each rule that applies also tells its id, as
our decision does. The answer is read as JSON over one connection that is kept.
"""

import http.client
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from app.policy.policies import Policy
from app.policy.request import Request
from bench.languages import Actions, facts, in_cerbos
from bench.processor import seconds_of

START_SECONDS = 20.0
ANSWER_SECONDS = 10.0
KIND = "inmate_file"
API = "api.cerbos.dev/v1"
MOST_ACTIONS = 500  # Cerbos' own limit of a request; 50 if it is not set
PLAIN, EXPLAINED = "plain", "explained"
# The binary is taken for one kind of machine; on others this peer is not run.
PACKAGE = "@cerbos/cerbos-linux-x64"
FOLDER = Path(__file__).parent / "cerbos"


class CerbosMissing(Exception):
    """It cannot be had or run here; the message says why."""


class Cerbos:
    """The running decision point."""

    def __init__(self, process_id: int, port: int, fields: Iterable[str]) -> None:
        self._process_id = process_id
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        self._fields = frozenset(fields)

    def allowed(
        self, request: Request, actions: Sequence[str], *, version: str = EXPLAINED
    ) -> frozenset[str]:
        """Which of these releases it permits."""
        told = facts(request, self._fields)
        file = {"kind": KIND, "id": "file", "policyVersion": version, "attr": told}
        principal = {"id": request.client, "roles": [request.role]}
        asked = {"principal": principal, "resources": [{"resource": file, "actions": actions}]}
        headers = {"Content-Type": "application/json"}
        self._connection.request("POST", "/api/check/resources", orjson.dumps(asked), headers)
        answer = orjson.loads(self._connection.getresponse().read())
        effects: dict[str, str] = answer["results"][0]["actions"]
        return frozenset(action for action, effect in effects.items() if effect == "EFFECT_ALLOW")

    def processor_seconds(self) -> float:
        """What it has used of the processor since it started; in hundredths."""
        return seconds_of(self._process_id)


@contextmanager
def running(
    policies: Sequence[Policy], actions: Actions, fields: Iterable[str]
) -> Iterator[Cerbos]:
    """A decision point with these policies until the block ends.

    Raises:
        CerbosMissing: there is none for this machine, or it does not start.
    """
    binary = _binary()
    with tempfile.TemporaryDirectory(prefix="throughcare-cerbos-") as name:
        folder = Path(name)
        (folder / "policies").mkdir()
        for version in (PLAIN, EXPLAINED):
            document = orjson.dumps(_document(policies, actions, version))
            (folder / "policies" / f"{version}.json").write_bytes(document)
        ports = _free_ports()
        (folder / "config.json").write_bytes(orjson.dumps(_configuration(folder, *ports)))
        command = [str(binary), "server", "--log-level=error", f"--config={folder / 'config.json'}"]
        environment = {"PATH": os.environ["PATH"], "CERBOS_NO_TELEMETRY": "1", "HOME": name}
        with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - the binary of the lock
            try:
                _wait(process, ports[0])
                yield Cerbos(process.pid, ports[0], fields)
            finally:
                process.terminate()


def locked_version() -> str:
    """The version that the lock beside this file names."""
    lock = orjson.loads((FOLDER / "package-lock.json").read_bytes())
    return str(lock["packages"][f"node_modules/{PACKAGE}"]["version"])


def _binary() -> Path:
    here = (platform.system(), platform.machine())
    if here != ("Linux", "x86_64"):
        raise CerbosMissing(f"no binary is locked for {' '.join(here)}")
    binary = FOLDER / "node_modules" / PACKAGE / "cerbos-linux-x64"
    if not binary.exists():
        reason = "was not installed" if shutil.which("npm") else "needs npm"
        raise CerbosMissing(f"the package of its binary {reason}")
    return binary


def _document(policies: Iterable[Policy], actions: Actions, version: str) -> dict[str, Any]:
    """All rules of the file; one that names no release decides nothing here."""
    rules = [_rule(p, actions[p.id], version) for p in policies if actions[p.id]]
    of_file = {"resource": KIND, "version": version, "rules": rules}
    return {"apiVersion": API, "resourcePolicy": of_file}


def _rule(policy: Policy, actions: Sequence[str], version: str) -> dict[str, Any]:
    rule = {
        "name": policy.id,
        "actions": actions,
        "effect": "EFFECT_DENY" if policy.is_forbid else "EFFECT_ALLOW",
        "roles": [policy.role or "*"],
        "condition": {"match": {"expr": in_cerbos(policy)}},
    }
    if version == EXPLAINED:
        rule["output"] = {"when": {"ruleActivated": f'"{policy.id}"'}}
    return rule


def _configuration(folder: Path, http_port: int, grpc_port: int) -> dict[str, Any]:
    """On this machine alone; it writes to nobody."""
    return {
        "server": {
            "httpListenAddr": f"127.0.0.1:{http_port}",
            "grpcListenAddr": f"127.0.0.1:{grpc_port}",
            "requestLimits": {"maxActionsPerResource": MOST_ACTIONS},
        },
        "storage": {
            "driver": "disk",
            "disk": {"directory": str(folder / "policies"), "watchForChanges": False},
        },
        "telemetry": {"disabled": True},
        "audit": {"enabled": False},
    }


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise CerbosMissing("it does not start here")
