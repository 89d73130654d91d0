"""Proof that the overlays of countries stay within the base, and keep the invariants (15)."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from app.policy.invariants import Invariant
from app.policy.overlays import Overlay, widening
from app.policy.prove import Proof, Timer, prove


def prove_overlay(
    overlay: Overlay,
    invariants: Iterable[Invariant],
    *,
    at: date,
    timer: Timer = time.perf_counter,
) -> Iterator[Proof]:
    """The claim that an overlay widens nothing, and each claim about what it makes of the base.

    Ids begin with the country, as `xk:15-overlay`.
    """
    start = timer()
    wider = next(widening(overlay, at=at), None)
    yield Proof(
        id=f"{overlay.country}:15-overlay",
        number=15,
        title="The overlay stays within the base, but for the statutes that it cites",
        milliseconds=(timer() - start) * 1000,
        witness=None if wider is None else wider.witness,
    )
    for proof in prove(overlay.bundle, invariants, timer=timer).proofs:
        yield replace(proof, id=f"{overlay.country}:{proof.id}")
