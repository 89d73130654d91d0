"""What a process holds while it works: memory, threads and open files, as Linux tells it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# The first part of a measure is the warming up: threads begin, and their caches fill.
WARM_UP = 0.5


@dataclass(frozen=True)
class Sample:
    """A process after so many operations; memory in bytes."""

    operations: int
    memory: int
    threads: int
    files: int

    @classmethod
    def of(cls, pid: int, *, operations: int) -> "Sample":
        """What the process holds now."""
        place = Path(f"/proc/{pid}")
        lines = (place / "status").read_text().splitlines()
        told = dict(line.split(":", 1) for line in lines)
        return cls(
            operations=operations,
            memory=int(told["VmRSS"].split()[0]) * 1024,
            threads=int(told["Threads"]),
            files=len(list((place / "fd").iterdir())),
        )


def after_warm_up(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Those that count."""
    return samples[int(len(samples) * WARM_UP) :]


def growth(samples: Sequence[Sample]) -> float:
    """Bytes of memory that each operation leaves behind: the slope of a straight line."""
    counted = after_warm_up(samples)
    return statistics.linear_regression(
        [one.operations for one in counted], [one.memory for one in counted]
    ).slope
