"""The shipped bundle, and bundles with one planted policy in an otherwise empty house."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from app.policy.actions import Vocabulary, of_the_catalogue
from app.policy.bundle import Bundle
from app.policy.loader import load_bundle
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import schema_text
from tests.world import shipped_bundle

POLICIES = Path(__file__).parents[2] / "policies"
DAY = date(2027, 3, 3)

ALL_PARTIES = ", ".join(f'"{role}"' for role in ROLE_PURPOSES)
AGREEMENTS = f"""
[legal_bases.L]
citation = "Law on planted policies, Article 1"
illustrative = false

[legal_bases.M]
citation = "Law on planted policies, Article 2"
illustrative = false

[agreements.A]
title = "Planted"
parties = [{ALL_PARTIES}]
citation = "Planted agreement"
valid_from = 2025-01-01
valid_until = 2030-12-31
review_date = 2027-12-31
legal_bases = ["L"]
illustrative = false
"""

Plant = Callable[..., Path]


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return shipped_bundle()


@pytest.fixture(scope="session")
def schema() -> str:
    return schema_text(of_the_catalogue())


@pytest.fixture
def plant(tmp_path: Path, schema: str) -> Plant:
    """Writes a bundle of the given files and returns its directory."""

    def write(
        *policies: str, agreements: str = AGREEMENTS, vocabulary: Vocabulary | None = None
    ) -> Path:
        (tmp_path / "base").mkdir(exist_ok=True)
        for number, text in enumerate(policies):
            (tmp_path / "base" / f"file{number}.cedar").write_text(text, encoding="utf-8")
        (tmp_path / "agreements.toml").write_text(agreements, encoding="utf-8")
        text = schema_text(vocabulary) if vocabulary else schema
        (tmp_path / "schema.cedarschema").write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def load(plant: Plant) -> Callable[..., Bundle]:
    """Plants and loads."""

    def loaded(*policies: str, agreements: str = AGREEMENTS, at: date = DAY) -> Bundle:
        directory = plant(*policies, agreements=agreements)
        return load_bundle(directory, at=at, allow_illustrative=False)

    return loaded


@pytest.fixture
def probation() -> Request:
    """A probation officer under supervision, with nothing else known."""
    return Request(
        role="probation_service",
        agency="probation-1",
        client="probation-1-client",
        purpose="supervision",
        custodian="prison-1",
    )
