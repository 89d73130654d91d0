"""How long chance may play: briefly in `make test`, so many times as long in `make fuzz`."""

import os
from typing import Final

from hypothesis import settings

EFFORT: Final = int(os.environ.get("THROUGHCARE_TEST_EFFORT", "1"))
"""What `THROUGHCARE_TEST_EFFORT` names; 1 is the short run."""

# What a property has that says nothing of its own; a busy machine may take its time.
settings.register_profile("throughcare", max_examples=30 * EFFORT, deadline=None)
settings.load_profile("throughcare")


def examples(count: int) -> settings:
    """So many examples in the short run."""
    return settings(max_examples=count * EFFORT, deadline=None)
