from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.access_log.cosignature import Witness
from app.witness import program
from app.witness.cosigner import Cosigner
from tests.witness.history import LOG

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a new witness."""
    program.create(tmp_path / "witness", "agency.example/w1", random=bytes)
    return tmp_path / "witness"


@pytest.fixture
def cosigner(folder: Path) -> Iterator[Cosigner]:
    """That witness at work."""
    with program.opened(folder, [LOG.verifier], clock=lambda: AT) as cosigner:
        yield cosigner


@pytest.fixture
def witness(cosigner: Cosigner) -> Witness:
    """Its public key."""
    return cosigner.witness
