"""The `throughcare` command as processes of their own, started often.

Loading the program and its policy takes seconds; what is to be killed hundreds of times is forked
from a process that has done so. From there on each is alone: its own memory, files, connections.
"""

import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["app.processes.serving", "app.cli.installation", "tests.faults.warm"]
)


def start(*arguments: str, environment: Mapping[str, str], log: Path) -> ForkServerProcess:
    """Start a command."""
    process = _CONTEXT.Process(target=_run, args=(arguments, dict(environment), log), daemon=True)
    process.start()
    return process


def _run(arguments: tuple[str, ...], environment: dict[str, str], log: Path) -> None:
    from app.cli import main

    with log.open("ab") as file:
        for output in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), output.fileno())
    os.environ.update(environment)
    sys.argv = ["throughcare", *arguments]
    main()
