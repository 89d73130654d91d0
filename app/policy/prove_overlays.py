"""Proof that the overlays of countries stay within the base, and keep the invariants (15)."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from app.policy.claims import Subject
from app.policy.diff import Difference, differences
from app.policy.errors import Finding, refuse
from app.policy.facts import read_facts
from app.policy.invariants import Invariant, read_invariants
from app.policy.overlays import Overlay
from app.policy.prove import Proof, Timer, proofs_of
from app.policy.schema import probe_schema_text


def refuse_unproved(overlay: Overlay, directory: Path, *, at: date) -> None:
    """Prove that an overlay only narrows, and if statutes widen it, that every invariant holds.

    Raises:
        PolicyError: it does not, with the policies by which it does not.
    """
    refuse(_too_wide(overlay, at=at))
    if overlay.statutory:
        invariants = read_invariants(directory, overlay.base.vocabulary)
        refuse(_refuted(overlay, proofs_of(overlay.bundle, invariants, roles=overlay.roles)))


def widening(overlay: Overlay, *, at: date) -> Iterator[Difference]:
    """What the country's policies give that the base does not, those with a statute left out.

    Dates are left out too: an agreement that has ended does not make an overlay wider.
    """
    facts = read_facts(probe_schema_text(overlay.base.vocabulary))
    narrow = {
        id_: policy
        for id_, policy in overlay.bundle.policies.items()
        if id_ not in overlay.statutory
    }
    before, after = (
        Subject(policies, overlay.base.vocabulary, facts, overlay.bundle.register, at, at)
        for policies in (overlay.base.policies, narrow)
    )
    yield from (one for one in differences(before, after) if one.change == "gains")


def _too_wide(overlay: Overlay, *, at: date) -> Iterator[Finding]:
    """Each policy by which the overlay widens the base without a statute."""
    for one in widening(overlay, at=at):
        for id_ in one.policies:
            form = f" in form {one.form.code}" if one.form else ""
            yield overlay.own[id_].finding(
                f"widens the base without a cited statute: {one.role} gains {one.subject}{form}: "
                f"{one.words}"
            )


def _refuted(overlay: Overlay, proofs: Iterable[Proof]) -> Iterator[Finding]:
    for proof in proofs:
        if proof.witness is not None:
            for id_ in proof.witness.policies:
                policy = overlay.bundle.policies[id_]
                yield policy.finding(f"refutes the invariant {proof.id}: {proof.title}")


def prove_overlay(
    overlay: Overlay,
    invariants: Iterable[Invariant],
    *,
    at: date,
    timer: Timer = time.perf_counter,
) -> Iterator[Proof]:
    """The claim that an overlay widens nothing, and each claim about the roles that it changes.

    What it leaves alone is proved of the base. Ids begin with the country, as `xk:15-overlay`.
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
    for proof in proofs_of(overlay.bundle, invariants, roles=overlay.roles, timer=timer):
        yield replace(proof, id=f"{overlay.country}:{proof.id}")
