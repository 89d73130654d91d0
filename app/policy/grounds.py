"""What one bundle changes of the law that it rests on. Pure.

Legal bases, agreements and named authorities, and which of them each policy names: whoever signs
a bundle signs for these also where nobody receives anything else because of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Literal

from app.policy.agreements import Agreement, LegalBasis
from app.policy.authorities import LegalAuthority
from app.policy.bundle import Bundle

Kind = Literal["legal_basis", "agreement", "authority", "policy"]
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GroundChange:
    """A record of this id is added (`before` is None), removed (`after` is None) or changed.

    Of one that is changed `before` and `after` hold what differs, else the whole record. Of a
    policy it holds the ids of its agreement and its legal basis.
    """

    kind: Kind
    id: str
    before: Record | None
    after: Record | None

    @property
    def change(self) -> Literal["added", "removed", "changed"]:
        """What became of the record."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    def to_json(self) -> dict[str, Any]:
        """As the report shows it."""
        return {
            "kind": self.kind,
            "id": self.id,
            "change": self.change,
            "before": self.before,
            "after": self.after,
        }


def ground_changes(old: Bundle, new: Bundle) -> tuple[GroundChange, ...]:
    """Every change, as it is in force in the country of the bundles; by kind, then by id."""
    before, after = _records(old), _records(new)
    return tuple(one for kind in before for one in _changed(kind, before[kind], after[kind]))


def _changed(
    kind: Kind, before: Mapping[str, Record], after: Mapping[str, Record]
) -> Iterator[GroundChange]:
    for id_ in sorted(before.keys() | after.keys()):
        old, new = before.get(id_), after.get(id_)
        if old is None or new is None:
            yield GroundChange(kind, id_, old, new)
        elif differing := [name for name in old if old[name] != new[name]]:
            was, is_ = ({name: record[name] for name in differing} for record in (old, new))
            yield GroundChange(kind, id_, was, is_)


def _records(bundle: Bundle) -> Mapping[Kind, Mapping[str, Record]]:
    register = bundle.register
    return {
        "legal_basis": {id_: _plain(one) for id_, one in register.legal_bases.items()},
        "agreement": {id_: _plain(one) for id_, one in register.agreements.items()},
        "authority": {id_: _plain(one) for id_, one in bundle.authorities.items()},
        "policy": {
            id_: {"agreement": one.agreement, "legal_basis": one.legal_basis}
            for id_, one in bundle.policies.items()
        },
    }


def _plain(record: LegalBasis | Agreement | LegalAuthority) -> Record:
    """Everything that stands in it but its id, as JSON has it; sets in the order of their texts."""
    return {
        field.name: _value(getattr(record, field.name))
        for field in fields(record)
        if field.name != "id"
    }


def _value(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return value.isoformat() if isinstance(value, date) else value
