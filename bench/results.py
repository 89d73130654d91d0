"""What was measured, on what: one section for each bench in `bench/results.json`."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

RESULTS = Path(__file__).parent / "results.json"
# Where `bench.report` and `bench.plots` write.
DOCS = Path(__file__).parent.parent / "docs"


def machine() -> Mapping[str, str | int]:
    """The processor and the Python that measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    """The model name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write(section: str, measured: Mapping[str, Any], *, packages: tuple[str, ...]) -> None:
    """Put a section in the place of its last one."""
    document = orjson.loads(RESULTS.read_bytes()) if RESULTS.exists() else {}
    versions = {package: version(package) for package in packages}
    document[section] = {"machine": machine(), "versions": versions, **measured}
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    RESULTS.write_bytes(orjson.dumps(document, option=options))
