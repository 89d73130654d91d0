"""The question put to the policy: who asks, about whose file, in which circumstances. Pure.

Every text is brought to Unicode NFC before it is compared (UAX 15). What is not known is
left out, and a policy is so written that what is left out can only narrow the answer.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
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
        support_open: whether support goes on: until its last day after the release.
        incident: whether an escape, a failed return or a granted leave in the agency's
            territory concerns it now.
        assigned: whether this agency accepted a referral of this person (N).
        designated: whether it is a designated, trained recipient (D).
        child_linked: whether a child of its care is linked to the case (K).
        victim_registered: whether a registered victim opted in, or a danger was assessed (V).
        transfer_approved: whether two people approved this transfer after its test (X).
        consents: paths of the fields with a valid consent to this agency and purpose (C).
        relative_consents: paths of the fields about a relative with that relative's own
            consent to this agency and purpose.
        vital_interest: paths of the fields that a recorded grant opens to this agency now (W).
        court_orders: sections that a case-specific order covers for this agency (O).
        legal_authorities: sections, or paths of single fields, that a named legal authority
            of the national registry opens to this agency (L).
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
    support_open: bool = False
    incident: bool = False
    assigned: bool = False
    designated: bool = False
    child_linked: bool = False
    victim_registered: bool = False
    transfer_approved: bool = False
    consents: frozenset[str] = frozenset()
    relative_consents: frozenset[str] = frozenset()
    vital_interest: frozenset[str] = frozenset()
    court_orders: frozenset[str] = frozenset()
    legal_authorities: frozenset[str] = frozenset()


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
    """The circumstances. What is said of a field that the catalogue does not have says nothing."""
    parts = parts_of(fields)
    circumstances: dict[str, Any] = {
        "purpose": _uid("Purpose", request.purpose),
        "officer_assurance": _uid("OfficerAssurance", request.officer_assurance),
        "support_open": request.support_open,
        "incident": request.incident,
        "assigned": request.assigned,
        "designated": request.designated,
        "child_linked": request.child_linked,
        "victim_registered": request.victim_registered,
        "transfer_approved": request.transfer_approved,
        "consents": _uids("Field", request.consents & fields),
        "relative_consents": _uids("Field", request.relative_consents & fields),
        "vital_interest": _uids("Field", request.vital_interest & fields),
        "court_orders": _uids("Part", request.court_orders & parts),
        "legal_authorities": _uids("Part", request.legal_authorities & parts),
    }
    if request.days_to_release is not None:
        circumstances["days_to_release"] = request.days_to_release
    return circumstances


@lru_cache(maxsize=8)  # one catalogue at work, and those that tests plant
def parts_of(fields: frozenset[str]) -> frozenset[str]:
    """What an order or an authority can name: each section, and each field by its path."""
    return fields | {path.partition(".")[0] for path in fields}


def _uids(kind: str, identifiers: Iterable[str]) -> list[Mapping[str, str]]:
    return [_uid(kind, identifier) for identifier in sorted(identifiers)]


def _uid(kind: str, identifier: str) -> Mapping[str, str]:
    return {"type": kind, "id": _nfc(identifier)}


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
