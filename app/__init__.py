"""Throughcare: what must be known when somebody leaves prison, by whom, and no more."""
