"""Which lines and branches of the product the tests reach, counted by SlipCover in each worker.

A plugin, since what is imported before it is not counted: `make unit` names it to pytest. Each
worker leaves its count in the folder that `THROUGHCARE_TEST_COUNTED` names.
"""

import json
import os
from pathlib import Path
from typing import Final

import pytest
from slipcover import FileMatcher, ImportManager, Slipcover

PRODUCT: Final = ("app", "throughcare_receiver")

# To take the counting out again where it has counted costs a walk over the whole product, as much
# as a million passes: so it waits until a line has been passed this often.
PASSES: Final = 20_000


class Count:
    """What one worker has reached."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._counter = Slipcover(branch=True, source=[*PRODUCT], d_miss_threshold=PASSES)
        ImportManager(self._counter, FileMatcher(sources=PRODUCT)).__enter__()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Leave the count where the workers' counts are put together."""
        self._file.write_text(json.dumps(self._counter.get_coverage()))


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is counted where tests are only handed out."""
    if COUNT is not None:
        config.pluginmanager.register(COUNT)


WORKER: Final = os.environ.get("PYTEST_XDIST_WORKER")
COUNT: Final = (
    Count(Path(os.environ["THROUGHCARE_TEST_COUNTED"]) / f"{WORKER}.json") if WORKER else None
)
