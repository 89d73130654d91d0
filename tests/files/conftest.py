"""What several tests of the inmate file need."""

from typing import Any

import pytest


@pytest.fixture
def full_name() -> dict[str, Any]:
    return {
        "value": {
            "family": "Krasniqi",
            "given": ["Arben", "Besim"],
            "other": ["Beni"],
            "script": "Latn",
            "transliterations": [{"family": "Красниќи", "given": ["Арбен"], "script": "Cyrl"}],
        }
    }
