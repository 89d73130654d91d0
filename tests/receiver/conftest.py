"""One agency with its keys, made once (RSA keys are slow to make), and a service to talk to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.new_agency import NewAgency, write_configuration
from tests.receiver.service_stand_in import Sender, ServiceStandIn, served
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.sqlite_store import SqliteStore

CLIENT_ID = "probation-north-1"


@pytest.fixture(scope="session")
def new_agency(tmp_path_factory: pytest.TempPathFactory) -> NewAgency:
    return write_configuration(
        tmp_path_factory.mktemp("agency") / "probation",
        issuer="https://exchange.example",
        client_id=CLIENT_ID,
        officer="officer-17",
        purpose="supervision",
        legal_basis="xk-law-1",
    )


@pytest.fixture(scope="session")
def decryption_key(new_agency: NewAgency) -> DecryptionKey:
    return new_agency.configuration.load_decryption_key()


@pytest.fixture(scope="session")
def sender() -> Sender:
    return Sender()


@pytest.fixture
def service(new_agency: NewAgency, sender: Sender) -> Iterator[ServiceStandIn]:
    """The service, listening."""
    service = ServiceStandIn(sender=sender, client_id=CLIENT_ID, client_jwks=new_agency.jwks)
    with served(service.app()) as address:
        service.issuer = address
        yield service


@pytest.fixture
def configuration(
    new_agency: NewAgency, service: ServiceStandIn, tmp_path: Path
) -> AgencyConfiguration:
    """The agency, as a client of that service."""
    return replace(new_agency.configuration, issuer=service.issuer, store=tmp_path / "store")


@pytest.fixture
def client(configuration: AgencyConfiguration) -> Iterator[AgencyClient]:
    with AgencyClient(configuration) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(tmp_path / "store") as store:
        yield store
