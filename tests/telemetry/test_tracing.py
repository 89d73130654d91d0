"""Traces that nobody asked for: nothing is imported, and nothing happens.

What a trace holds where somebody did stands in `monitoring/test_page.py`.
"""

import subprocess
import sys
from concurrent.futures import Future

from app.telemetry import tracing

LOOK = """
import sys
from app.telemetry import measures, tracing
with tracing.span("request"):
    tracing.note(route="none")
print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))
"""


def test_where_nobody_asked_for_traces_nothing_of_them_is_imported() -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_where_nobody_asked_for_traces_work_is_handed_on_as_it_is() -> None:
    handed = []

    def work(_: str) -> int:
        return 1

    def queue(given: object) -> Future[int]:
        handed.append(given)
        return Future()

    tracing.queued(work, queue)
    assert handed == [work]
