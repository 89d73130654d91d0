"""From the files of a bundle to one that decides: with every check of the loader, each time."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from app.policy.archive import Archive
from app.policy.bundle import Bundle
from app.policy.cross_check import Mode
from app.policy.errors import Finding, PolicyError, refuse
from app.policy.loader import load_bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which terms a bundle is loaded: the legal day, and settings of the installation."""

    at: date
    allow_illustrative: bool
    cross_check: Mode = "always"


# A bundle that was made ready before it takes effect, and the one to roll back to, need no
# second reading. The key is the digest, which the archive computes from its files.
@lru_cache(maxsize=4)
def load(archive: Archive, terms: Terms) -> Bundle:
    """The bundle of these files, as it is in force in its country.

    Raises:
        PolicyError: with every finding: file, line, policy id.
    """
    bundle = _load(archive, terms)
    if bundle.digest != archive.digest:
        raise PolicyError([Finding("archive", 0, "", "holds files that belong to no bundle")])
    return bundle


@lru_cache(maxsize=4)  # the same: what was proved of these files stays proved
def prove(archive: Archive, terms: Terms) -> None:
    """Every invariant holds over every request, and no policy is dead.

    Raises:
        PolicyError: a finding for each policy by which an invariant is refuted, and each dead one.
    """
    from app.policy.invariants import read_invariants  # noqa: PLC0415 - with the solver
    from app.policy.prove import prove as prove_bundle  # noqa: PLC0415 - loads the solver

    bundle = load(archive, terms)
    with archive.unpacked() as directory:
        invariants = read_invariants(directory, bundle.vocabulary)
    report = prove_bundle(bundle, invariants)
    refuse(
        bundle.policies[id_].finding(f"refutes the invariant {proof.id}: {proof.title}")
        for proof in report.proofs
        if proof.witness is not None
        for id_ in proof.witness.policies
    )
    refuse(policy.finding("can never match") for policy in report.dead)
    if not report.holds:
        raise PolicyError([Finding("archive", 0, "", "an invariant is refuted")])


def _load(archive: Archive, terms: Terms) -> Bundle:
    with archive.unpacked() as directory:
        if not any(name.startswith(f"{archive.country}/") for name in archive.files):
            return load_bundle(
                directory,
                at=terms.at,
                allow_illustrative=terms.allow_illustrative,
                cross_check=terms.cross_check,
            )
        from app.policy.overlays import load_country_bundle  # noqa: PLC0415 - loads the solver

        return load_country_bundle(
            directory,
            archive.country,
            at=terms.at,
            allow_illustrative=terms.allow_illustrative,
            cross_check=terms.cross_check,
        )
