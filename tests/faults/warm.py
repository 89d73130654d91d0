"""Loaded once, before processes are forked: the shipped policy as an installation loads it."""

from app.activation.loading import Terms, load
from app.policy.archive import Archive
from tests.world import POLICIES, START

load(Archive.read(POLICIES, "xk"), Terms(at=START.date(), allow_illustrative=True))
