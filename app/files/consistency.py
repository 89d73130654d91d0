"""Rules between fields: what may not be recorded together. Pure."""

from collections.abc import Mapping
from typing import Any

from app.problems import FieldError, InvalidInput

# Invariant 26: of a person without a final sentence nothing may be recorded that treats them
# as convicted, so that nothing can show.
OF_SENTENCED_PERSONS_ONLY = (
    ("extremism_status", "veto_status"),
    ("risk_assessment", "risk_level_ve"),
)


def check_consistency(sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Hold a whole file (section, field, envelope) against the rules between fields.

    Raises:
        InvalidInput: with a pointer to each field that must not stand beside the others.
    """
    status = sections.get("sentence", {}).get("legal_status")
    if status is not None and status["value"] == "sentenced":
        return
    errors = tuple(
        FieldError(
            f"/sections/{section}/{field}",
            "Can be recorded only while sentence.legal_status is sentenced",
        )
        for section, field in OF_SENTENCED_PERSONS_ONLY
        if field in sections.get(section, {})
    )
    if errors:
        raise InvalidInput("A rule between fields is broken", errors=errors)
