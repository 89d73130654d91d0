"""The shipped bundle with the policies of a few roles: quick to load, prove and compare."""

import shutil
from pathlib import Path

from tests.world import POLICIES

# What stands for everybody: who owns what, and what nobody ever receives.
COMMON = frozenset({"owners", "never"})
OTHER_COUNTRIES = shutil.ignore_patterns("al", "ba", "me", "mk", "rs")


def write_part(directory: Path, *roles: str) -> Path:
    """Write the shipped bundle without the policies of other roles; the folder."""
    shutil.copytree(POLICIES, directory, ignore=OTHER_COUNTRIES)
    for file in (*directory.glob("base/*.cedar"), *directory.glob("xk/*.cedar")):
        if file.stem not in COMMON | set(roles):
            file.unlink()
    return directory
