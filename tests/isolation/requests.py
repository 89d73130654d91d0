"""Requests to hold two answers against each other: every fact there, missing, and in company."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from app.files.catalogue import FIELDS, SECTIONS
from app.policy.request import Request
from app.policy.roles import ROLE_PURPOSES

PATHS = tuple(FIELDS)
PARTS = (*SECTIONS, *FIELDS)
HOME, AWAY = "municipality-1", "municipality-2"
AGENCY, OTHER_AGENCY = "agency-1", "agency-2"

# Inside, outside and at the edges of the windows; the lead times are 14, 30, 60 and 90 days.
DAYS = (
    *(-400, -211, -210, -182, -181, -180, -179, -90, -1, 0, 1, 8, 13, 14, 15, 29, 30, 31, 32),
    *(59, 60, 61, 89, 90, 91, 92, 93, 180, 365, 4000),
)

# A fact, and how a request looks without it.
ABSENT: Mapping[str, Any] = {
    "municipalities": frozenset(),
    "return_municipality": None,
    "leave_municipality": None,
    "days_to_release": None,
    "support_open": False,
    "incident": False,
    "assigned": False,
    "designated": False,
    "child_linked": False,
    "victim_registered": False,
    "transfer_approved": False,
    "consents": frozenset(),
    "relative_consents": frozenset(),
    "vital_interest": frozenset(),
    "court_orders": frozenset(),
    "legal_authorities": frozenset(),
}
PRESENT: Mapping[str, Any] = {
    "municipalities": frozenset({HOME}),
    "return_municipality": HOME,
    "leave_municipality": HOME,
    "days_to_release": 10,
    "support_open": True,
    "incident": True,
    "assigned": True,
    "designated": True,
    "child_linked": True,
    "victim_registered": True,
    "transfer_approved": True,
    "consents": frozenset(PATHS),
    "relative_consents": frozenset(PATHS),
    "vital_interest": frozenset(PATHS),
    "court_orders": frozenset(SECTIONS),
    "legal_authorities": frozenset(PARTS),
}


def bare(role: str, purpose: str) -> Request:
    """A request of which nothing is known but who asks, and for what."""
    return Request(
        role=role, agency=AGENCY, client="client-1", purpose=purpose, custodian=OTHER_AGENCY
    )


def role_purposes() -> Iterator[tuple[str, str]]:
    """Every role with each of its purposes."""
    for role, purposes in ROLE_PURPOSES.items():
        for purpose in purposes:
            yield role, purpose


def systematic() -> Iterator[Request]:
    """Each role and purpose: nothing known, all known, each fact alone, and each one missing."""
    for role, purpose in role_purposes():
        nothing = bare(role, purpose)
        everything = replace(nothing, **PRESENT)
        for request in (nothing, everything):
            yield request
            yield replace(request, custodian=request.agency)
            yield replace(request, officer_assurance="proven")
        for fact in ABSENT:
            yield _with(nothing, fact, PRESENT[fact])
            yield _with(everything, fact, ABSENT[fact])
        for days in DAYS:
            yield replace(everything, days_to_release=days)
            yield replace(everything, days_to_release=days, incident=False)


def drawn(random: Random, role: str, purpose: str) -> Request:
    """A request with a random part of the facts; how large a part is drawn as well."""
    share = random.choice((0.2, 0.5, 0.8, 0.95))
    places = (None, HOME, HOME, HOME, AWAY)
    facts: dict[str, Any] = {
        fact: random.random() < share for fact, value in ABSENT.items() if value is False
    }
    return replace(
        bare(role, purpose),
        custodian=random.choice((AGENCY, OTHER_AGENCY)),
        officer_assurance=random.choice(("asserted", "proven")),
        municipalities=frozenset(
            place for place in (HOME, AWAY) if random.random() < max(share, 0.5)
        ),
        return_municipality=random.choice(places),
        leave_municipality=random.choice(places),
        days_to_release=random.choice((None, *DAYS, random.randint(-300, 150))),
        consents=_some(random, PATHS, share),
        relative_consents=_some(random, PATHS, share),
        vital_interest=_some(random, PATHS, share),
        court_orders=_some(random, tuple(SECTIONS), share),
        legal_authorities=_some(random, random.choice((PATHS, tuple(SECTIONS), PARTS)), share),
        **facts,
    )


def without_one(random: Random, request: Request) -> Request:
    """The same request with one fact less: a whole one, or one member of a set."""
    known = [fact for fact, absent in ABSENT.items() if getattr(request, fact) != absent]
    if not known:
        return request
    fact = random.choice(known)
    value = getattr(request, fact)
    if isinstance(value, frozenset) and random.random() < 0.5:
        return _with(request, fact, value - {random.choice(sorted(value))})
    return _with(request, fact, ABSENT[fact])


def described(request: Request) -> str:
    """What a reader needs of a request: its facts, the large sets by their size."""
    facts = (
        f"{fact}={_brief(getattr(request, fact))}"
        for fact, absent in ABSENT.items()
        if getattr(request, fact) != absent
    )
    own = "own file" if request.agency == request.custodian else "another's file"
    return f"{request.role} for {request.purpose}, {own}: {' '.join(facts)}"


def _with(request: Request, fact: str, value: Any) -> Request:  # noqa: ANN401 - as the fact is
    return replace(request, **{fact: value})


def _some(random: Random, names: tuple[str, ...], share: float) -> frozenset[str]:
    choose: Callable[[], frozenset[str]] = random.choice(
        (
            lambda: frozenset(names),
            frozenset,
            lambda: frozenset(name for name in names if random.random() < share),
        )
    )
    return choose()


def _brief(value: object) -> object:
    if isinstance(value, frozenset) and len(value) > 4:
        return f"{len(value)} of them"
    return sorted(value) if isinstance(value, frozenset) else value
