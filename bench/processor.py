"""Processor time of this process together with those that work for it."""

import os
import time
from pathlib import Path

from sqlalchemy import Connection, text

TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(process_id: int) -> float:
    """What a process has used since it started, in steps of a hundredth (Linux)."""
    stat = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii", errors="replace")
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


def seconds_with_server(connection: Connection) -> float:
    """What this process has used, with what PostgreSQL's process for this connection has."""
    used = time.process_time()
    if connection.dialect.name == "postgresql":
        used += seconds_of(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
    return used
