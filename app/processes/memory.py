"""How a process that goes on for ever keeps its memory: few collections, and few places for it."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

# Of mallopt(3) of the GNU C library.
_ARENA_MAX: Final = -8
# It gives each thread places of its own, eight for each processor: what one has freed stays there,
# beyond what others use. A read of a large log takes megabytes, each time in another thread
# (docs/adr/0042-memory-that-is-freed.md).
_ARENAS: Final = 2


def settle() -> None:
    """Begin to work: what has been loaded stays, and what will be freed is for every thread.

    Full collections over a large heap were the ten-fold p99 of the prototypes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    with suppress(AttributeError):  # another C library has no such places
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
