"""How entries of the registry are shown, over the interface and on the command line."""

from typing import Any

from app.agencies.directory import Registered
from app.agencies.registry import AgencyRecord, ClientRecord, OfficerRecord

Shown = dict[str, Any]


def agency(found: Registered[AgencyRecord]) -> Shown:
    """An agency: who it is, where it is competent, how it is reached."""
    one = found.record
    second = one.second_contact
    return {
        "agency": one.agency_id,
        "name": one.name,
        "role": one.role,
        "country": one.country,
        "municipalities": sorted(one.municipalities),
        "standing_acceptance": one.standing_acceptance,
        "contact_points": [point.to_json() for point in one.contact_points],
        "second_contact": None if second is None else second.to_json(),
        "status": "active" if found.active else "revoked",
    }


def client(found: Registered[ClientRecord]) -> Shown:
    """A client: whom it speaks for, by which keys, and what for."""
    one = found.record
    grounds = sorted({(ground.purpose, ground.legal_basis) for ground in one.grounds})
    return {
        "client": one.client_id,
        "agency": one.agency_id,
        "jwks": one.jwks,
        "grounds": [{"purpose": purpose, "legal_basis": basis} for purpose, basis in grounds],
        "bearer_allowed": one.bearer_allowed,
        "status": "active" if found.active else "revoked",
    }


def officer(found: Registered[OfficerRecord]) -> Shown:
    """An officer, by the agency's own id."""
    one = found.record
    return {
        "agency": one.agency_id,
        "officer": one.officer_id,
        "function": one.function,
        "status": "active" if found.active else "ended",
    }
