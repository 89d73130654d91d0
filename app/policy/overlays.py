"""What a country changes of the base: policies, agreements and legal bases in its own folder.

    policies/xk/
      *.cedar           a policy with the @id of a permit of the base stands in its place; any
                        other is added. A forbid of the base stays.
      agreements.toml   agreements and legal bases that stand in place of the base's, or are added
      authorities.toml  named legal authorities (`authorities`)
      profile.toml      lead times and the like, not read here

An overlay may only narrow the base. What gives more must rest on a legal basis of the
country's own `agreements.toml` with its citation (a statute, not an illustration), and every
invariant must still hold. At each load it must be plain from the text that a policy gives no
more than the one that it stands for; where it is not, the solver proves it before the load ends.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from app.policy import agreements, authorities, checks, loader
from app.policy.actions import Vocabulary
from app.policy.agreements import Register
from app.policy.assembly import invalid, parse, read_folder, read_text
from app.policy.authorities import Authorities
from app.policy.bundle import Bundle, make_bundle
from app.policy.cross_check import CrossCheck, Mode
from app.policy.errors import Finding, PolicyError, refuse
from app.policy.expressions import Node, day_bound, purposes
from app.policy.invariants import FOLDER as INVARIANTS
from app.policy.loader import Base
from app.policy.masks import with_masks
from app.policy.policies import Policy
from app.policy.roles import ROLE_PURPOSES

_PROFILE = "profile.toml"
_REGISTERS = (agreements.FILE, authorities.FILE)
_NO_COUNTRIES = frozenset({loader.BASE, INVARIANTS})


@dataclass(frozen=True, slots=True)
class Overlay:
    """The bundle of a country beside its base, both checked; not yet whether it only narrows.

    `own` holds the country's own policies by id, `statutory` those of them that rest on a statute.
    """

    country: str
    base: Base
    bundle: Bundle
    own: Mapping[str, Policy]
    statutory: frozenset[str]

    @property
    def unproved(self) -> frozenset[str]:
        """Own permits of which the text alone does not show that they give no more."""
        return frozenset(
            id_
            for id_, policy in self.own.items()
            if not policy.is_forbid and not _plainly_narrower(policy, self.base.policies.get(id_))
        )

    @property
    def roles(self) -> frozenset[str]:
        """The roles for which other policies apply than in the base, or on another ground."""
        differing = [
            policy
            for policy in self.bundle.policies.values()
            if policy.id in self.own
            or _grounds(policy, self.bundle.register) != _grounds(policy, self.base.register)
        ]
        return frozenset(
            role for role in ROLE_PURPOSES if any(policy.concerns(role) for policy in differing)
        )


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
    if country not in countries(directory):
        return loader.load_bundle(
            directory, at=at, allow_illustrative=allow_illustrative, cross_check=cross_check
        )
    base = loader.read_base(directory, allow_illustrative=allow_illustrative)
    overlay = read_overlay(
        directory,
        country,
        base,
        at=at,
        allow_illustrative=allow_illustrative,
        cross_check=cross_check,
    )
    if overlay.unproved:
        from app.policy.prove_overlays import refuse_unproved  # noqa: PLC0415 - loads the solver

        refuse_unproved(overlay, directory, at=at)
    return overlay.bundle


def read_overlay(
    directory: Path,
    country: str,
    base: Base,
    *,
    at: date,
    allow_illustrative: bool,
    cross_check: Mode = "always",
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
    refuse(invalid(parsed, base.schema))
    own = {policy.id: policy for policy in with_masks(parsed, base.vocabulary, base.schema)}
    merged = Register(
        {**base.register.agreements, **register.agreements},
        {**base.register.legal_bases, **register.legal_bases},
    )
    kept = [policy for id_, policy in base.policies.items() if id_ not in own]
    refuse(checks.check(own.values(), merged, base.vocabulary))
    refuse(_no_longer_founded(kept, merged))
    bundle = make_bundle(
        (*kept, *own.values()),
        merged,
        base.vocabulary,
        digest=loader.digest({**base.files, **texts}),
        cross_check=CrossCheck(cross_check),
    )
    bundle = replace(bundle, authorities=named)
    loader.refuse_unusable(bundle, base.schema, at=at, place=country)
    statutory = frozenset(id_ for id_, policy in own.items() if _has_statute(policy, register))
    return Overlay(country, base, bundle, own, statutory)


def _grounds(policy: Policy, register: Register) -> object:
    basis = register.legal_bases.get(policy.legal_basis)
    # A forbid is in force on any ground.
    return policy.is_forbid or (basis, register.agreements.get(policy.agreement))


def _plainly_narrower(own: Policy, replaced: Policy | None) -> bool:
    """Whether it names no other action, and each condition of the other stands in it or follows."""
    if replaced is None or own.mask & ~replaced.mask:
        return False
    return all(
        any(_implies(mine, theirs) for mine in own.conjuncts) for theirs in replaced.conjuncts
    )


def _implies(mine: Node, theirs: Node) -> bool:
    """The same condition, fewer purposes, or a narrower bound of the days to the release."""
    if mine == theirs:
        return True
    if fewer := frozenset(purposes(mine)):
        return fewer <= frozenset(purposes(theirs))
    tight, loose = day_bound(mine), day_bound(theirs)
    if tight is None or loose is None or tight[0] != loose[0]:
        return False
    return tight[1] <= loose[1] if tight[0] == "at most" else tight[1] >= loose[1]


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


def _misplaced(policies: tuple[Policy, ...], base: Base) -> Iterator[Finding]:
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


def _no_longer_founded(policies: Iterable[Policy], merged: Register) -> Iterator[Finding]:
    """Policies of the base that do not fit the agreements which the country puts in their place."""
    for policy in policies:
        yield from map(policy.finding, checks.annotations(policy, merged))
