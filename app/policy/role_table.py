"""From a truth vector to the decision of a whole file, for one role. Pure.

Bit n of a truth vector says that the nth policy of the role is satisfied. Permits offer
forms, forbids take them away, and a forbid always wins. What each field gets depends on the
satisfied policies that name it and on nothing else, so fields are decided one by one and
remembered by just those bits; whole decisions are remembered by the whole vector.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from operator import or_
from types import MappingProxyType

from app.files.forms import DISCLOSED_FORMS, Form
from app.policy.actions import READ_ACCESS_LOG, Vocabulary, contribute, release
from app.policy.compiler import TruthVector
from app.policy.decision import Decision, FieldDecision, Reason
from app.policy.policies import Policy
from app.policy.roles import PURPOSES

_HIGHEST_FIRST = tuple(reversed(DISCLOSED_FORMS))
_WITHHELD = {reason: FieldDecision(Form.NONE, reason=reason) for reason in Reason}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One field of a role: the policies that name it, each with its place in the role's.

    `mask` holds the actions of the field, `forms` its forms with their actions, the highest
    first; `permits` and `concerned` are truth vectors of the permits and of all the policies.
    """

    place: int
    path: str
    mask: int
    forms: tuple[tuple[Form, int], ...]
    policies: tuple[tuple[int, Policy], ...]
    permits: TruthVector
    concerned: TruthVector


@dataclass(frozen=True)
class RoleTable:
    """The policies in force that concern one role, sorted by id.

    `remembered` bounds how many whole decisions are kept (about 8 kB each), and four times as
    many decisions of single fields, which whole decisions share.
    """

    digest: str
    vocabulary: Vocabulary
    policies: tuple[Policy, ...]
    remembered: int

    @cached_property
    def decide(self) -> Callable[[TruthVector, str], Decision]:
        """The decision when exactly these policies hold, asked for this purpose.

        A decision is immutable, so equal questions share it.
        """
        return lru_cache(maxsize=self.remembered)(self.decide_anew)

    def decide_anew(self, held: TruthVector, purpose: str) -> Decision:
        """The same, put together from the decisions of its fields."""
        hits = self.held(held)
        granted = mask_of(p for p in hits if not p.is_forbid) & ~mask_of(
            p for p in hits if p.is_forbid
        )
        reasons = self.reasons[purpose]
        fields = dict(self._all_withheld[purpose])
        for column in self._columns:
            if held & column.permits:
                decided = held & column.concerned
                fields[column.path] = self._field(column, decided, reasons[column.place])
        return Decision(
            digest=self.digest,
            fields=MappingProxyType(fields),
            contribute=frozenset(name for name, bit in self._sections if granted & bit),
            may_read_access_log=bool(granted & self.vocabulary.bits[READ_ACCESS_LOG]),
            satisfied=frozenset(policy.id for policy in hits),
        )

    def held(self, vector: TruthVector) -> list[Policy]:
        """The policies whose bits are set, in their order."""
        return [policy for place, policy in enumerate(self.policies) if vector >> place & 1]

    @cached_property
    def _field(self) -> Callable[[Column, TruthVector, Reason], FieldDecision]:
        return lru_cache(maxsize=4 * self.remembered)(decide_field)

    @cached_property
    def _columns(self) -> tuple[Column, ...]:
        """The fields that a permit names, in the catalogue's order."""
        columns = (self._column(place) for place in range(len(self.vocabulary.fields)))
        return tuple(column for column in columns if column.permits)

    def _column(self, place: int) -> Column:
        path, mask = self.vocabulary.fields[place], self.vocabulary.field_masks[place]
        bits = self.vocabulary.bits
        policies = [(n, policy) for n, policy in enumerate(self.policies) if policy.mask & mask]
        return Column(
            place=place,
            path=path,
            mask=mask,
            forms=tuple((form, bits[release(path, form)]) for form in _HIGHEST_FIRST),
            policies=tuple(policies),
            permits=sum(1 << n for n, policy in policies if not policy.is_forbid),
            concerned=sum(1 << n for n, _ in policies),
        )

    @cached_property
    def _sections(self) -> tuple[tuple[str, int], ...]:
        bits = self.vocabulary.bits
        return tuple((name, bits[contribute(name)]) for name in self.vocabulary.owners)

    @cached_property
    def _all_withheld(self) -> Mapping[str, Mapping[str, FieldDecision]]:
        """For each purpose the fields of somebody whom no permit helps."""
        fields = self.vocabulary.fields
        return {
            purpose: dict(zip(fields, map(_WITHHELD.__getitem__, reasons), strict=True))
            for purpose, reasons in self.reasons.items()
        }

    @cached_property
    def reasons(self) -> Mapping[str, tuple[Reason, ...]]:
        """For each purpose the reason of each field, should it be withheld."""
        # A forbid without a condition holds always: what it takes, the role never has.
        never = mask_of(p for p in self.policies if p.is_forbid and not p.conjuncts)
        permits = [policy for policy in self.policies if not policy.is_forbid]
        of_role = mask_of(permits) & ~never
        of_purposes = {
            purpose: mask_of(p for p in permits if purpose in p.purposes) & ~never
            for purpose in PURPOSES
        }
        masks = self.vocabulary.field_masks
        return {
            purpose: tuple(_reason(mask, of_role, of_purpose) for mask in masks)
            for purpose, of_purpose in of_purposes.items()
        }


def decide_field(column: Column, held: TruthVector, reason: Reason) -> FieldDecision:
    """A field by the satisfied policies that name it; the reason is for the case of none."""
    hits = [policy for place, policy in column.policies if held >> place & 1]
    permits = [policy for policy in hits if not policy.is_forbid]
    forbids = [policy for policy in hits if policy.is_forbid]
    offered = mask_of(permits) & column.mask
    granted = offered & ~mask_of(forbids)
    cut_by = tuple(policy.id for policy in forbids if policy.mask & offered)
    for form, bit in column.forms:
        if granted & bit:
            return _released(form, [policy for policy in permits if policy.mask & bit], cut_by)
    return FieldDecision(Form.NONE, cut_by=cut_by, reason=reason)


def mask_of(policies: Iterable[Policy]) -> int:
    """All actions that at least one of the policies names."""
    return reduce(or_, (policy.mask for policy in policies), 0)


def _reason(mask: int, of_role: int, of_purpose: int) -> Reason:
    if not mask & of_role:
        return Reason.NOT_FOR_THIS_ROLE
    return Reason.CONDITIONS_NOT_MET if mask & of_purpose else Reason.NOT_FOR_THIS_PURPOSE


def _released(form: Form, permits: Sequence[Policy], cut_by: tuple[str, ...]) -> FieldDecision:
    return FieldDecision(
        form=form,
        policies=tuple(policy.id for policy in permits),
        legal_bases=tuple(sorted({policy.legal_basis for policy in permits})),
        agreements=tuple(sorted({policy.agreement for policy in permits})),
        cut_by=cut_by,
    )
