"""Deliveries: sealed and posted, fanned out, and the whole way through the running service.

    python -m bench.delivery

Each part says in its own module what is compared with what. The exit status is 1 if a bar is
missed.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from bench import posting, results

PACKAGES = ("aiohttp", "httpx", "httptools", "uvloop", "sqlalchemy")


def shown(measured: Mapping[str, Any], above: str = "") -> None:
    """Print figures, each with its whole name."""
    for name, value in measured.items():
        if isinstance(value, Mapping):
            shown(value, f"{above}{name}.")
        else:
            text = f"{value:,.2f}" if isinstance(value, float) else value
            print(f"{above + name:60} {text}")  # noqa: T201 - the result


def main() -> int:
    """Measure, print and write down."""
    load = os.getloadavg()[0]
    measured = {"posting": posting.measure()}
    below = [f"posting: {name}" for name in posting.missed(measured["posting"])]
    document = {**measured, "load_before": load, "missed": below}
    results.write("delivery", document, packages=PACKAGES)
    shown({**results.machine(), **document})
    print("bars missed:", ", ".join(below) or "none")  # noqa: T201 - the result
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
