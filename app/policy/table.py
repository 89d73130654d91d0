"""From the conditions that hold to the decision: masks, deny-overrides, reasons. Pure.

Who says which conditions hold is not this module's matter: any source gives the ids of the
satisfied policies, and the table makes the same decision of them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from itertools import product
from operator import or_
from types import MappingProxyType

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy.actions import READ_ACCESS_LOG, Vocabulary, contribute, release
from app.policy.decision import Decision, FieldDecision, Reason
from app.policy.policies import Policy
from app.policy.roles import PURPOSES, ROLE_PURPOSES

_HIGHEST_FIRST = tuple(reversed(DISCLOSED_FORMS))
_REMEMBERED = 1024
_WITHHELD = {reason: FieldDecision(Form.NONE, reason=reason) for reason in Reason}


@dataclass(frozen=True)
class Table:
    """The policies in force over a span of days, by id."""

    digest: str
    vocabulary: Vocabulary
    policies: Mapping[str, Policy]

    def decide(self, satisfied: frozenset[str], *, role: str, purpose: str) -> Decision:
        """The decision when exactly these policies' conditions hold."""
        return self._memo(satisfied, role, purpose)

    @cached_property
    def _memo(self) -> Callable[[frozenset[str], str, str], Decision]:
        # A decision is immutable, so equal questions share it. About 20 kB each.
        return lru_cache(maxsize=_REMEMBERED)(self._decide)

    def _decide(self, satisfied: frozenset[str], role: str, purpose: str) -> Decision:
        hits = [self.policies[id_] for id_ in sorted(satisfied)]
        permits = [policy for policy in hits if not policy.is_forbid]
        forbids = [policy for policy in hits if policy.is_forbid]
        offered = mask_of(permits)
        granted = offered & ~mask_of(forbids)
        reasons = self.reasons[role, purpose]
        fields: dict[str, FieldDecision] = {}
        for place, path in enumerate(self.vocabulary.fields):
            mine = offered & self.vocabulary.field_masks[place]
            cut_by = tuple(policy.id for policy in forbids if policy.mask & mine) if mine else ()
            form, bit = self._highest(place, granted & mine)
            if form is Form.NONE:
                fields[path] = _withheld(reasons[place], cut_by)
            else:
                fields[path] = _released(form, [p for p in permits if p.mask & bit], cut_by)
        bits = self.vocabulary.bits
        return Decision(
            digest=self.digest,
            fields=MappingProxyType(fields),
            contribute=frozenset(
                name for name in self.vocabulary.owners if granted & bits[contribute(name)]
            ),
            may_read_access_log=bool(granted & bits[READ_ACCESS_LOG]),
            satisfied=satisfied,
        )

    def _highest(self, place: int, granted: int) -> tuple[Form, int]:
        """The highest form of a field among the granted actions, with its bit."""
        for form, bit in zip(_HIGHEST_FIRST, self._bits_highest_first[place], strict=True):
            if granted & bit:
                return form, bit
        return Form.NONE, 0

    @cached_property
    def _bits_highest_first(self) -> tuple[tuple[int, ...], ...]:
        bits = self.vocabulary.bits
        return tuple(
            tuple(bits[release(path, form)] for form in _HIGHEST_FIRST)
            for path in self.vocabulary.fields
        )

    @cached_property
    def reasons(self) -> Mapping[tuple[str, str], tuple[Reason, ...]]:
        """For each role and purpose the reason of each field, should it be withheld."""
        return {pair: self._reasons(*pair) for pair in product(ROLE_PURPOSES, PURPOSES)}

    def _reasons(self, role: str, purpose: str) -> tuple[Reason, ...]:
        mine = [policy for policy in self.policies.values() if policy.concerns(role)]
        # A forbid without a condition holds always: what it takes, the role never has.
        never = mask_of(p for p in mine if p.is_forbid and not p.conjuncts)
        permits = [policy for policy in mine if not policy.is_forbid]
        of_role = mask_of(permits) & ~never
        of_purpose = mask_of(p for p in permits if purpose in p.purposes) & ~never
        return tuple(_reason(mask, of_role, of_purpose) for mask in self.vocabulary.field_masks)


def mask_of(policies: Iterable[Policy]) -> int:
    """All actions that at least one of the policies names."""
    return reduce(or_, (policy.mask for policy in policies), 0)


def _reason(mask: int, of_role: int, of_purpose: int) -> Reason:
    if not mask & of_role:
        return Reason.NOT_FOR_THIS_ROLE
    return Reason.CONDITIONS_NOT_MET if mask & of_purpose else Reason.NOT_FOR_THIS_PURPOSE


def _withheld(reason: Reason, cut_by: tuple[str, ...]) -> FieldDecision:
    if not cut_by:
        return _WITHHELD[reason]
    return FieldDecision(Form.NONE, cut_by=cut_by, reason=reason)


def _released(form: Form, permits: Sequence[Policy], cut_by: tuple[str, ...]) -> FieldDecision:
    return FieldDecision(
        form=form,
        policies=tuple(policy.id for policy in permits),
        legal_bases=tuple(sorted({policy.legal_basis for policy in permits})),
        agreements=tuple(sorted({policy.agreement for policy in permits})),
        cut_by=cut_by,
    )
