"""Deliveries: sealed and posted, fanned out, and the whole way through the running service.

    python -m bench.delivery

Each part says in its own module what is compared with what. The exit status is 1 if a bar is
missed.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from bench import bars, fan_out, posting, results, whole_way
from bench.databases import databases

PACKAGES = ("aiohttp", "httpx", "httptools", "uvloop", "sqlalchemy")


def shown(measured: Mapping[str, Any], above: str = "") -> None:
    """Print figures, each with its whole name."""
    for name, value in measured.items():
        if isinstance(value, Mapping):
            shown(value, f"{above}{name}.")
        else:
            text = f"{value:,.2f}" if isinstance(value, float) else value
            print(f"{above + name:60} {text}")  # noqa: T201 - the result


def _on_both(measure: Callable[[str], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same on both databases, each new."""
    with databases() as urls:
        return {kind: measure(url) for kind, url in urls.items()}


def main() -> int:
    """Measure, print and write down."""
    load = os.getloadavg()[0]
    document: dict[str, Any] = {
        "posting": posting.measure(),
        "fan_out": _on_both(fan_out.measure),
        "dispatched": _on_both(whole_way.dispatched),
        "latency": _on_both(whole_way.latency),
    }
    below = bars.missed("delivery", document)
    document |= {"load_before_and_after": [load, os.getloadavg()[0]], "missed": below}
    results.write("delivery", document, packages=PACKAGES)
    shown({**results.machine(), **document})
    print("bars MISSED:", ", ".join(below) or "none")  # noqa: T201 - the result
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
