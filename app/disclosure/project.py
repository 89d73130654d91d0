"""The projection of a file that a decision permits. Pure: it adds what is permitted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.disclosure.persons import Admission
from app.files.catalogue import FIELDS, Field
from app.files.consistency import check_consistency
from app.files.forms import Form
from app.files.store import Envelope, StoredFile
from app.policy.decision import Decision, FieldDecision
from app.problems import InvalidInput

# Below this form not even nature, source or day of a value is told.
PROVENANCE_FROM = Form.SUMMARY


@dataclass(frozen=True, slots=True)
class Projection:
    """What may leave: {section: {field: released}}, and {field path: reason} for all the rest."""

    released: Mapping[str, Mapping[str, Mapping[str, Any]]]
    withheld: tuple[Mapping[str, str], ...]

    @property
    def empty(self) -> bool:
        """Whether nothing at all may leave."""
        return not self.released


def project(
    decision: Decision, file: StoredFile, admission: Admission, *, today: date
) -> Projection:
    """Each permitted field in its permitted form; everything else by name and reason only.

    Of the other people in a field only those whom the recipient may learn about.
    """
    released: dict[str, dict[str, Mapping[str, Any]]] = {}
    contradicted = _contradicted(file)
    for path, ruling in decision.released.items():
        field = FIELDS[path]
        stored = file.sections.get(field.section, {}).get(field.name)
        if path in contradicted:
            stored = None
        envelope = None if stored is None else admission.of(path, stored)
        section = released.setdefault(field.section, {})
        section[field.name] = _released(field, ruling, envelope, today=today)
    withheld = tuple(
        {"field": path, "reason": reason} for path, reason in decision.withheld.items()
    )
    return Projection(released, withheld)


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


def _released(
    field: Field, ruling: FieldDecision, envelope: Envelope | None, *, today: date
) -> Mapping[str, Any]:
    """One field as it leaves. A value past its `valid_until` is as if it were not recorded."""
    answer: dict[str, Any] = {
        "form": ruling.form.code,
        "policies": list(ruling.policies),
        "legal_bases": list(ruling.legal_bases),
    }
    if envelope is None or _expired(envelope, today=today):
        return {**answer, "recorded": False}
    answer["recorded"] = True
    if ruling.form > Form.EXISTENCE:
        answer["value"] = field.transform(ruling.form, envelope)
    if ruling.form >= PROVENANCE_FROM:
        answer["nature"] = envelope["nature"]
        answer["source_agency"] = envelope["source_agency"]
        answer["recorded_at"] = envelope["recorded_at"]
    return answer


def _expired(envelope: Envelope, *, today: date) -> bool:
    until = envelope.get("valid_until")
    return until is not None and date.fromisoformat(until) < today
