"""The question put to the policy: who asks, about whose file, in which circumstances. Pure.

Every text is brought to Unicode NFC before it is compared (UAX 15). What is not known is
left out, and a policy is so written that what is left out can only narrow the answer.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

OfficerAssurance = Literal["asserted", "proven"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything a decision rests on; no value of a field is among it.

    Attributes:
        role: the role in which the client's agency acts (`app.policy.roles`).
        agency: identifier of the client's agency.
        client: identifier of the client.
        municipalities: codes of the agency's territory.
        officer_assurance: whether the officer is asserted by the client or proven.
        purpose: one purpose of the role's closed list.
        custodian: identifier of the agency that owns the file.
        return_municipality: where the person will live, if known.
        leave_municipality: where a granted leave is spent, only while it concerns somebody.
        days_to_release: whole days in the legal time zone, negative after the release.
        assigned: whether this agency accepted a referral of this person.
        consents: paths of the fields with a valid consent to this agency and purpose.
    """

    role: str
    agency: str
    client: str
    purpose: str
    custodian: str
    municipalities: frozenset[str] = frozenset()
    officer_assurance: OfficerAssurance = "asserted"
    return_municipality: str | None = None
    leave_municipality: str | None = None
    days_to_release: int | None = None
    assigned: bool = False
    consents: frozenset[str] = frozenset()


def principal(request: Request) -> Mapping[str, Any]:
    """The client as a Cedar entity. It has exactly one parent: its role."""
    return {
        "uid": _uid("Client", request.client),
        "attrs": {
            "agency": _nfc(request.agency),
            "municipalities": sorted(map(_nfc, request.municipalities)),
        },
        "parents": [_uid("Role", request.role)],
    }


def resource(request: Request) -> Mapping[str, Any]:
    """The file as a Cedar entity; its own identifier is of no matter to a policy."""
    attributes = {
        "custodian": request.custodian,
        "return_municipality": request.return_municipality,
        "leave_municipality": request.leave_municipality,
    }
    known = {name: _nfc(value) for name, value in attributes.items() if value is not None}
    return {"uid": _uid("InmateFile", "file"), "attrs": known, "parents": []}


def context(request: Request, *, fields: frozenset[str]) -> Mapping[str, Any]:
    """The circumstances. A consent to a field that the catalogue does not have says nothing."""
    circumstances: dict[str, Any] = {
        "purpose": _uid("Purpose", request.purpose),
        "officer_assurance": _uid("OfficerAssurance", request.officer_assurance),
        "assigned": request.assigned,
        "consents": [_uid("Field", path) for path in sorted(request.consents & fields)],
    }
    if request.days_to_release is not None:
        circumstances["days_to_release"] = request.days_to_release
    return circumstances


def _uid(kind: str, identifier: str) -> Mapping[str, str]:
    return {"type": kind, "id": _nfc(identifier)}


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
