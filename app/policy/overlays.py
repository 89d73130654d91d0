"""What a country changes of the base: policies, agreements and legal bases in its own folder.

    policies/xk/
      *.cedar           a policy with the @id of a permit of the base stands in its place; any
                        other is added. A forbid of the base stays.
      agreements.toml   agreements and legal bases that stand in place of the base's, or are added
      authorities.toml  named legal authorities (`authorities`)
      profile.toml      lead times and the like, not read here

An overlay may only narrow the base. What gives more must rest on a legal basis of the
country's own `agreements.toml` with its citation (a statute, not an illustration), and every
invariant must still hold. That is proved when the overlay is loaded, not believed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import cedarpy

from app.policy import agreements, authorities, checks, loader, self_test
from app.policy.actions import Vocabulary
from app.policy.agreements import Register
from app.policy.assembly import invalid, parse, read_folder, read_text
from app.policy.authorities import Authorities
from app.policy.bundle import Bundle, make_bundle
from app.policy.claims import Subject
from app.policy.cross_check import Mode
from app.policy.diff import Difference, differences
from app.policy.errors import Finding, PolicyError, refuse
from app.policy.facts import read_facts
from app.policy.invariants import FOLDER as INVARIANTS
from app.policy.invariants import read_invariants
from app.policy.masks import with_masks
from app.policy.policies import Policy
from app.policy.prove import Report, prove
from app.policy.schema import probe_schema_text, schema_text

_PROFILE = "profile.toml"
_REGISTERS = (agreements.FILE, authorities.FILE)
_NO_COUNTRIES = frozenset({loader.BASE, INVARIANTS})


@dataclass(frozen=True, slots=True)
class Overlay:
    """The bundle of a country beside its base, both checked; not yet whether it only narrows.

    `own` holds the country's own policies by id, `statutory` those of them that rest on a statute.
    """

    country: str
    base: Bundle
    bundle: Bundle
    own: Mapping[str, Policy]
    statutory: frozenset[str]


def countries(directory: Path) -> tuple[str, ...]:
    """The countries that have an overlay: a folder with policies, agreements or authorities."""
    folders = [path for path in sorted(directory.iterdir()) if path.is_dir()]
    return tuple(
        path.name
        for path in folders
        if path.name not in _NO_COUNTRIES
        and (any((path / name).exists() for name in _REGISTERS) or any(path.glob("*.cedar")))
    )


def load_country_bundle(
    directory: Path,
    country: str,
    *,
    at: date,
    allow_illustrative: bool,
    cross_check: Mode = "always",
) -> Bundle:
    """The bundle as it is in force in a country; the base itself where it has no overlay.

    Raises:
        PolicyError: anything that `load_bundle` refuses, or an overlay that widens.
    """
    base = loader.load_bundle(
        directory, at=at, allow_illustrative=allow_illustrative, cross_check=cross_check
    )
    if country not in countries(directory):
        return base
    overlay = read_overlay(directory, country, base, at=at, allow_illustrative=allow_illustrative)
    refuse(too_wide(overlay, at=at))
    if overlay.statutory:
        report = prove(overlay.bundle, read_invariants(directory, base.vocabulary))
        refuse(_refuted(overlay, report))
    return overlay.bundle


def read_overlay(
    directory: Path, country: str, base: Bundle, *, at: date, allow_illustrative: bool
) -> Overlay:
    """The overlay of a country over its base.

    Raises:
        PolicyError: with every finding: file, line where there is one, policy id.
    """
    texts = dict(read_folder(directory, country, beside=[_PROFILE, *_REGISTERS]))
    parsed = parse(texts)
    register = _register(directory, country, texts, allow_illustrative=allow_illustrative)
    named = _authorities(
        directory, country, texts, base.vocabulary, allow_illustrative=allow_illustrative
    )
    refuse(_misplaced(parsed, base))
    schema = cedarpy.Schema.from_str(schema_text(base.vocabulary))
    refuse(invalid(parsed, schema))
    own = {policy.id: policy for policy in with_masks(parsed, base.vocabulary, schema)}
    merged = Register(
        {**base.register.agreements, **register.agreements},
        {**base.register.legal_bases, **register.legal_bases},
    )
    policies = [*({**base.policies, **own}).values()]
    refuse(checks.check(policies, merged, base.vocabulary))
    digest = loader.digest({**loader.read_files(directory), **texts})
    bundle = make_bundle(
        policies, merged, base.vocabulary, digest=digest, cross_check=base.cross_check
    )
    bundle = replace(bundle, authorities=named)
    refuse(_nothing_in_force(bundle, country, at))
    refuse(self_test.failures(bundle, schema))
    statutory = frozenset(id_ for id_, policy in own.items() if _has_statute(policy, register))
    return Overlay(country, base, bundle, own, statutory)


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


def too_wide(overlay: Overlay, *, at: date) -> Iterator[Finding]:
    """Each policy by which the overlay widens the base without a statute."""
    for one in widening(overlay, at=at):
        for id_ in one.policies:
            form = f" in form {one.form.code}" if one.form else ""
            yield overlay.own[id_].finding(
                f"widens the base without a cited statute: {one.role} gains {one.subject}{form}: "
                f"{one.words}"
            )


def _register(
    directory: Path, country: str, texts: dict[str, str], *, allow_illustrative: bool
) -> Register:
    """The country's own agreements, empty if it has none; their text joins the others."""
    name = f"{country}/{agreements.FILE}"
    if not (directory / name).exists():
        return Register({}, {})
    texts[name] = read_text(directory, name)
    try:
        return agreements.read_register(texts[name], allow_illustrative=allow_illustrative)
    except PolicyError as error:
        findings = [Finding(name, one.line, one.policy, one.message) for one in error.findings]
        raise PolicyError(findings) from error


def _authorities(
    directory: Path,
    country: str,
    texts: dict[str, str],
    vocabulary: Vocabulary,
    *,
    allow_illustrative: bool,
) -> Authorities:
    """The country's named legal authorities, none if it has none; their text joins the others."""
    name = f"{country}/{authorities.FILE}"
    if not (directory / name).exists():
        return {}
    texts[name] = read_text(directory, name)
    return authorities.read_authorities(
        name, texts[name], vocabulary, allow_illustrative=allow_illustrative
    )


def _misplaced(policies: tuple[Policy, ...], base: Bundle) -> Iterator[Finding]:
    """Policies that would stand in place of something that an overlay may not replace."""
    yield from checks.duplicate_ids(policies)
    for policy in policies:
        replaced = base.policies.get(policy.id)
        if replaced is not None and replaced.is_forbid:
            yield policy.finding("a forbid of the base stays: choose another @id")
        elif replaced is not None and (policy.is_forbid or policy.role != replaced.role):
            yield policy.finding("it may replace a permit of the same role only")


def _has_statute(policy: Policy, register: Register) -> bool:
    basis = register.legal_bases.get(policy.legal_basis)
    return (
        not policy.is_forbid
        and basis is not None
        and bool(basis.citation)
        and not basis.illustrative
    )


def _refuted(overlay: Overlay, report: Report) -> Iterator[Finding]:
    for proof in report.proofs:
        if proof.witness is not None:
            for id_ in proof.witness.policies:
                policy = overlay.bundle.policies[id_]
                yield policy.finding(f"refutes the invariant {proof.id}: {proof.title}")


def _nothing_in_force(bundle: Bundle, country: str, at: date) -> Iterator[Finding]:
    if all(policy.is_forbid for policy in bundle.span(at).table.policies.values()):
        yield Finding(country, 0, "", f"no permit is in force on {at.isoformat()}")
