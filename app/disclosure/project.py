"""The projection of a file that a decision permits. Pure: it adds what is permitted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from app.access_log.canonical_json import Written, written
from app.disclosure.persons import Admission
from app.files.catalogue import FIELDS, Field
from app.files.consistency import check_consistency
from app.files.forms import Form
from app.files.store import Envelope, StoredFile
from app.policy.decision import Decision, FieldDecision
from app.problems import InvalidInput

# Below this form not even nature, source or day of a value is told.
PROVENANCE_FROM = Form.SUMMARY
# Decisions of which is kept what they say of every file alike, some 20 kB each.
PLANS = 512


@dataclass(frozen=True, slots=True)
class Projection:
    """What may leave: {section: {field: released}}, and {field path: reason} for all the rest.

    `on_record` is `recorded_fields` of it, where it is all that a decision releases.
    """

    released: Mapping[str, Mapping[str, Mapping[str, Any]]]
    withheld: tuple[Mapping[str, str], ...]
    on_record: Written | None = field(default=None, compare=False, repr=False)

    @property
    def empty(self) -> bool:
        """Whether nothing at all may leave."""
        return not self.released


@dataclass(frozen=True, slots=True)
class _Part:
    """One field as a decision releases it, whoever's file it is.

    Attributes:
        absent: what leaves where it has no value.
        present: what leaves of every value.
        about_others: whether a value holds other people.
        valued, provenance: whether the form tells the value, and where it came from.
    """

    path: str
    field: Field
    form: Form
    absent: Mapping[str, Any]
    present: Mapping[str, Any]
    about_others: bool
    valued: bool
    provenance: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a decision says of every file alike, so that it need not be said anew of each."""

    sections: Mapping[str, Mapping[str, _Part]]
    withheld: tuple[Mapping[str, str], ...]
    on_record: Written


def project(
    decision: Decision, file: StoredFile, admission: Admission, *, today: date
) -> Projection:
    """Each permitted field in its permitted form; everything else by name and reason only.

    Of the other people in a field only those whom the recipient may learn about.
    """
    plan = _plan(decision)
    contradicted = _contradicted(file)
    released: dict[str, dict[str, Mapping[str, Any]]] = {}
    for section, parts in plan.sections.items():
        shown = released[section] = {name: part.absent for name, part in parts.items()}
        for name, envelope in file.sections.get(section, {}).items():
            part = parts.get(name)
            if part is not None and part.path not in contradicted:
                admitted = admission.of(part.path, envelope) if part.about_others else envelope
                shown[name] = _released(part, admitted, today=today)
    return Projection(released, plan.withheld, plan.on_record)


@lru_cache(PLANS)
def _plan(decision: Decision) -> _Plan:
    sections: dict[str, dict[str, _Part]] = {}
    for path, ruling in decision.released.items():
        declared = FIELDS[path]
        part = _part(declared, ruling)
        sections.setdefault(declared.section, {})[declared.name] = part
    withheld = tuple(
        {"field": path, "reason": reason} for path, reason in decision.withheld.items()
    )
    bare = {
        section: {name: part.absent for name, part in parts.items()}
        for section, parts in sections.items()
    }
    return _Plan(sections, withheld, written(recorded_fields(Projection(bare, withheld))))


def _part(declared: Field, ruling: FieldDecision) -> _Part:
    head = {
        "form": ruling.form.code,
        "policies": list(ruling.policies),
        "legal_bases": list(ruling.legal_bases),
    }
    return _Part(
        path=declared.path,
        field=declared,
        form=ruling.form,
        absent={**head, "recorded": False},
        present={**head, "recorded": True},
        about_others=declared.kind.person_of is not None,
        valued=ruling.form > Form.EXISTENCE,
        provenance=ruling.form >= PROVENANCE_FROM,
    )


def recorded_fields(projection: Projection) -> dict[str, Any]:
    """What the access log keeps of it: released and withheld fields, and no value."""
    return {
        "released": list(released_paths(projection)),
        "withheld": list(projection.withheld),
    }


def released_paths(projection: Projection) -> Iterator[dict[str, Any]]:
    """Path, form and policies of each released field, without its value: for the access log."""
    for section, fields in projection.released.items():
        for name, released in fields.items():
            yield {
                "field": f"{section}.{name}",
                "form": released["form"],
                "policies": released["policies"],
            }


def _contradicted(file: StoredFile) -> frozenset[str]:
    """Paths of values that must not stand beside the others, as after a successful appeal.

    INVARIANT 26: such a value is for nobody, from the moment the court writes. It is its owner's
    to remove; until then it is as if it were not recorded.
    """
    try:
        check_consistency(file.sections)
    except InvalidInput as broken:
        pointers = (error.pointer.removeprefix("/sections/") for error in broken.errors)
        return frozenset(pointer.replace("/", ".") for pointer in pointers)
    return frozenset()


def _released(part: _Part, envelope: Envelope | None, *, today: date) -> Mapping[str, Any]:
    """One field as it leaves. A value past its `valid_until` is as if it were not recorded."""
    if envelope is None or _expired(envelope, today=today):
        return part.absent
    answer = {**part.present}
    if part.valued:
        answer["value"] = part.field.transform(part.form, envelope)
    if part.provenance:
        answer["nature"] = envelope["nature"]
        answer["source_agency"] = envelope["source_agency"]
        answer["recorded_at"] = envelope["recorded_at"]
    return answer


def _expired(envelope: Envelope, *, today: date) -> bool:
    until = envelope.get("valid_until")
    return until is not None and date.fromisoformat(until) < today
