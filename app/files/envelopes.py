"""What surrounds every value: where it comes from, how far to trust it, how long.

The sender submits an envelope; the server adds `source_agency` and `recorded_at`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field as Member

from app.files import formats
from app.files.code_lists import CodeList, Origin
from app.files.values import LanguageCode, Strict, absent
from app.files.vocabulary import Nature, Verification

VERIFICATION = CodeList("How a value was checked", tuple(Verification), Origin.PROPOSED)
PURPOSES = 16


class Envelope(Strict):
    """The members that every envelope may have. `value` and `nature` come with the field."""

    valid_until: Annotated[str, formats.DATE] = absent()
    verification: Annotated[str, VERIFICATION] = absent()
    legal_basis: Annotated[str, formats.IDENTIFIER] = absent()
    purpose_ids: Annotated[
        list[Annotated[str, formats.IDENTIFIER]], Member(max_length=PURPOSES)
    ] = absent()
    consent_id: Annotated[str, formats.IDENTIFIER] = absent()
    supersedes: Annotated[str, formats.IDENTIFIER] = absent()
    retention_rule_id: Annotated[str, formats.IDENTIFIER] = absent()
    language: LanguageCode = absent()


class ReleasedField(Strict):
    """A field as a recipient gets it: in which form, on what ground, from whom.

    Without `value` where nothing is recorded, or where only that it is may be told.
    """

    form: Literal["existence", "generalised", "summary", "full"]
    policies: list[str]
    legal_bases: list[str]
    agreements: list[str] = absent()
    recorded: bool
    value: Any = absent()
    nature: Nature = absent()
    source_agency: str = absent()
    recorded_at: str = absent()
    valid_until: str = absent()
