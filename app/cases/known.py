"""What the facts about a person and an agency say at a moment, for one purpose. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from app.cases.fact import Fact, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The conditions of the disclosure matrix as far as they rest on stored facts.

    Attributes:
        assigned: the agency accepted this person's case (N).
        designated: the agency has a designated, trained unit (D).
        victim_registered: a registered victim opted in (V).
        transfer_approved: two officers of the owner signed after the transfer test (X).
        children: references of the children who are linked to the case (K).
        consents: paths that the person lets the agency have for this purpose (C).
        relatives: path and reference of each relative who consented for this purpose.
        vital_interest: paths that an emergency opens to the agency (W).
        emergencies: id and author of each emergency that opens them.
        court_orders: sections and paths that an order opens to the agency (O).
    """

    assigned: bool = False
    designated: bool = False
    victim_registered: bool = False
    transfer_approved: bool = False
    children: frozenset[str] = frozenset()
    consents: frozenset[str] = frozenset()
    relatives: frozenset[tuple[str, str]] = frozenset()
    vital_interest: frozenset[str] = frozenset()
    emergencies: frozenset[tuple[str, str]] = frozenset()
    court_orders: frozenset[str] = frozenset()


def known(facts: Iterable[Fact], *, purpose: str, at: datetime, today: date) -> Known:
    """What counts now of these facts. Each that is not among them is absent."""
    counting = [
        fact
        for fact in facts
        if fact.counts(at=at, today=today) and fact.purpose in (None, purpose)
    ]
    kinds = {fact.kind for fact in counting}
    return Known(
        assigned=Kind.CASE_ASSIGNMENT in kinds,
        designated=Kind.DESIGNATION in kinds,
        victim_registered=Kind.VICTIM_REGISTRATION in kinds,
        transfer_approved=Kind.TRANSFER_APPROVAL in kinds,
        children=frozenset(
            fact.element for fact in counting if fact.kind == Kind.CHILD_LINK and fact.element
        ),
        consents=_parts(counting, Kind.CONSENT),
        relatives=frozenset(_relatives(counting)),
        vital_interest=_parts(counting, Kind.EMERGENCY_ACCESS),
        emergencies=frozenset(
            (fact.fact_id, f"{fact.by_agency}/{fact.by_officer}")
            for fact in counting
            if fact.kind == Kind.EMERGENCY_ACCESS
        ),
        court_orders=_parts(counting, Kind.COURT_ORDER),
    )


def _parts(facts: Iterable[Fact], kind: Kind) -> frozenset[str]:
    return frozenset(part for fact in facts if fact.kind == kind for part in fact.parts)


def _relatives(facts: Iterable[Fact]) -> Iterator[tuple[str, str]]:
    for fact in facts:
        if fact.kind == Kind.RELATIVE_CONSENT and fact.element is not None:
            yield from ((path, fact.element) for path in fact.parts)
