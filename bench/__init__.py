"""Measurements beside a peer, in one run: `python -m bench.policy`. Nothing here is a promise."""
