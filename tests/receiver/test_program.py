"""The program as a process of its own: started, ended, killed, started again."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ConfigurationError
from app.receiver.new_agency import NewAgency
from app.receiver.program import run
from tests.receiver.service_stand_in import ServiceStandIn, wait_until
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.store import TAKEN

PROGRAM = """
import sys
from pathlib import Path
from app.receiver.configuration import AgencyConfiguration
from app.receiver.program import run
run(
    AgencyConfiguration.from_file(Path(sys.argv[1])),
    host="127.0.0.1", port=int(sys.argv[2]), subscribe=True, answer="accepted_not_ready",
)
print("ended in good order")
"""


@pytest.fixture
def configuration_file(configuration: AgencyConfiguration, tmp_path: Path) -> Path:
    path = tmp_path / "agency.toml"
    settings = {
        "issuer": configuration.issuer,
        "client_id": configuration.client_id,
        "officer": configuration.officer,
        "purpose": configuration.purpose,
        "legal_basis": configuration.legal_basis,
        "signing_key_file": str(configuration.signing_key_file),
        "decryption_key_file": str(configuration.decryption_key_file),
        "store": str(configuration.store),
    }
    path.write_text("".join(f'{name} = "{value}"\n' for name, value in settings.items()))
    return path


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def receiving(configuration_file: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The program, listening; killed in the end if it is still there."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-W", "error", "-c", PROGRAM, str(configuration_file), str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        try:
            wait_until(lambda: _is_well(port), seconds=30)
            yield process
        finally:
            process.kill()


def _is_well(port: int) -> bool:
    try:
        with httpx.Client(trust_env=False) as http:
            return http.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.TransportError:
        return False


def _deliver(service: ServiceStandIn, new_agency: NewAgency, port: int, jti: str) -> int:
    sealed = service.sender.notification(service.claims(jti), new_agency.encryption_jwk)
    with httpx.Client(trust_env=False) as http:
        answer = http.post(
            f"http://127.0.0.1:{port}/notifications",
            content=sealed,
            headers={"Content-Type": "application/jose"},
        )
    return answer.status_code


def test_it_subscribes_takes_acknowledges_and_ends_in_good_order(
    configuration_file: Path, port: int, service: ServiceStandIn, new_agency: NewAgency
) -> None:
    with receiving(configuration_file, port) as process:
        wait_until(lambda: bool(service.subscriptions))
        assert _deliver(service, new_agency, port, "n-1") == 202
        wait_until(lambda: "n-1" in service.acknowledgements)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "ended in good order\n")
    address = f"http://127.0.0.1:{port}/notifications"
    assert [body["endpoint"] for body in service.subscriptions] == [address]
    assert service.acknowledgements["n-1"]["kind"] == "accepted_not_ready"


def test_killed_it_keeps_what_it_took_and_acknowledges_it_later(
    configuration_file: Path,
    port: int,
    configuration: AgencyConfiguration,
    service: ServiceStandIn,
    new_agency: NewAgency,
) -> None:
    service.refusals["/v1/notifications"] = [503] * 10_000
    with receiving(configuration_file, port) as process:
        for number in range(5):
            assert _deliver(service, new_agency, port, f"n-{number}") == 202
        process.kill()
        assert process.wait(timeout=30) == -signal.SIGKILL
    assert service.acknowledgements == {}
    service.refusals.clear()
    with receiving(configuration_file, port):
        wait_until(lambda: len(service.acknowledgements) == 5)
        assert _deliver(service, new_agency, port, "n-3") == 202
        with SqliteStore.open(configuration.store) as store:
            wait_until(lambda: not store.waiting())
            assert {received.answer_state for received in store.received()} == {TAKEN}
            assert len(store.received()) == 5
    assert len(service.subscriptions) == 1


def test_an_unknown_answer_is_refused_at_the_start(configuration: AgencyConfiguration) -> None:
    with pytest.raises(ConfigurationError, match="answer: expected one of accepted, "):
        run(configuration, host="127.0.0.1", port=0, subscribe=False, answer="perhaps")


def test_a_port_in_use_is_named(configuration: AgencyConfiguration) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen at 127.0.0.1 port {port}"):
            run(configuration, host="127.0.0.1", port=port, subscribe=False)


def test_a_missing_key_is_named_at_the_start(configuration: AgencyConfiguration) -> None:
    lost = replace(configuration, decryption_key_file=Path("/nowhere/decryption.pem"))
    with pytest.raises(ConfigurationError, match=r"decryption\.pem: No such file"):
        run(lost, host="127.0.0.1", port=0, subscribe=False)


def test_an_endpoint_that_the_service_refuses_ends_the_program(
    configuration: AgencyConfiguration, service: ServiceStandIn
) -> None:
    service.refusals["/v1/subscriptions"] = [422]
    with pytest.raises(ConfigurationError, match='endpoint = "https://'):
        run(configuration, host="127.0.0.1", port=0, subscribe=True)
    assert service.subscriptions == []
