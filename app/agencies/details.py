"""What a token is for: one object of RFC 9396 with officer, purpose, legal basis and case."""

import json
from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from app.agencies.oauth import INVALID_DETAILS, OAuthError, is_text
from app.agencies.registry import ACTIVE, GROUND, OFFICER

DETAILS_TYPE: Final = "inmate-file"
DETAILS_MEMBERS: Final = frozenset({"type", "officer", "purpose", "legal_basis", "case"})
DETAILS_REQUIRED: Final = frozenset({"type", "officer", "purpose", "legal_basis"})


def read_details(text: str) -> dict[str, str]:
    """The authorization details of a request, of which no member may be named twice."""
    try:
        parsed = json.loads(text, object_pairs_hook=_unique_members)
    except (ValueError, RecursionError) as error:
        raise OAuthError(INVALID_DETAILS, "expected a JSON array of one object") from error
    return checked_details(parsed)


def checked_details(parsed: object) -> dict[str, str]:
    """The one authorization details object: text members only, none unknown, none missing."""
    refusal = OAuthError(INVALID_DETAILS, "expected one object with officer, purpose, legal_basis")
    if not isinstance(parsed, list) or len(parsed) != 1 or not isinstance(parsed[0], dict):
        raise refusal
    details: dict[str, str] = parsed[0]
    members = frozenset(details)
    if not DETAILS_REQUIRED <= members <= DETAILS_MEMBERS or details["type"] != DETAILS_TYPE:
        raise refusal
    if not all(is_text(value) for value in details.values()):
        raise refusal
    return details


def check_registered(
    connection: Connection, details: Mapping[str, str], *, client_id: str, agency_id: str
) -> None:
    """Purpose and basis must be registered together for the client, and the officer be active."""
    bases = connection.scalars(
        select(GROUND.c.legal_basis).where(
            GROUND.c.client_id == client_id, GROUND.c.purpose == details["purpose"]
        )
    ).all()
    if not bases:
        raise OAuthError(INVALID_DETAILS, "the purpose is not registered for this client")
    if details["legal_basis"] not in bases:
        raise OAuthError(INVALID_DETAILS, "the legal basis is not registered for this purpose")
    officer = connection.scalar(
        select(OFFICER.c.officer_id).where(
            OFFICER.c.agency_id == agency_id,
            OFFICER.c.officer_id == details["officer"],
            OFFICER.c.status == ACTIVE,
        )
    )
    if officer is None:
        raise OAuthError(INVALID_DETAILS, "the officer is not active in this agency")


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members
