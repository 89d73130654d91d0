"""Everything that one bundle changes of another: the report that two people sign.

What is released differently (`diff`), which named legal authorities open more or less, what is
changed of the law that policies rest on (`grounds`), and which statements of invariants were
touched.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.policy import diff
from app.policy.authorities import Authorities, LegalAuthority
from app.policy.bundle import Bundle
from app.policy.diff import Difference
from app.policy.grounds import GroundChange, ground_changes

Change = Literal["gains", "loses"]


@dataclass(frozen=True, slots=True)
class AuthorityChange:
    """A recipient gains or loses an authority, for some part, purpose or day that it names."""

    change: Change
    authority: LegalAuthority

    def to_json(self) -> dict[str, Any]:
        """As the report shows it."""
        return {"change": self.change, "authority": self.authority.to_json()}


@dataclass(frozen=True, slots=True)
class Changes:
    """From `old` to `new`. `invariants` are the files of invariants that differ."""

    old: Bundle
    new: Bundle
    differences: tuple[Difference, ...]
    authorities: tuple[AuthorityChange, ...]
    invariants: tuple[str, ...]
    grounds: tuple[GroundChange, ...]

    @property
    def gains(self) -> int:
        """Findings by which somebody receives more."""
        return self._count("gains")

    @property
    def losses(self) -> int:
        """Findings by which somebody receives less."""
        return self._count("loses")

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        # Only where there are any: an approval that waits since reports had none goes on to count.
        grounds = {"grounds": [one.to_json() for one in self.grounds]} if self.grounds else {}
        return {
            **diff.report(self.old, self.new, self.differences),
            "authorities": [one.to_json() for one in self.authorities],
            "invariants": list(self.invariants),
            **grounds,
        }

    def _count(self, change: Change) -> int:
        released = sum(one.change == change for one in self.differences)
        return released + sum(one.change == change for one in self.authorities)


def changes(
    old: Bundle,
    new: Bundle,
    *,
    old_invariants: Mapping[str, str],
    new_invariants: Mapping[str, str],
) -> Changes:
    """Compare two bundles and the texts of their invariants, by file name.

    Raises:
        ValueError, SolverGaveUp, ReplayDiffers: as `diff.compare`.
    """
    names = sorted(old_invariants.keys() | new_invariants.keys())
    touched = (name for name in names if old_invariants.get(name) != new_invariants.get(name))
    return Changes(
        old,
        new,
        diff.compare(old, new),
        (
            *_missing(new.authorities, old.authorities, "gains"),
            *_missing(old.authorities, new.authorities, "loses"),
        ),
        tuple(touched),
        ground_changes(old, new),
    )


def _missing(these: Authorities, those: Authorities, change: Change) -> Iterator[AuthorityChange]:
    """Authorities that open something which none of the others opens as well."""
    for one in sorted(these.values(), key=lambda authority: authority.id):
        if not all(_covered(one, part, purpose, those.values()) for part, purpose in _pairs(one)):
            yield AuthorityChange(change, one)


def _pairs(one: LegalAuthority) -> Iterator[tuple[str, str]]:
    yield from ((part, purpose) for part in one.parts for purpose in one.purposes)


def _covered(
    one: LegalAuthority, part: str, purpose: str, others: Iterable[LegalAuthority]
) -> bool:
    """Whether a single other one opens the part to the same recipient on all those days."""
    return any(
        (other.role, other.agency) == (one.role, one.agency)
        and part in other.parts
        and purpose in other.purposes
        and other.valid_from <= one.valid_from
        and one.valid_until <= other.valid_until
        for other in others
    )
