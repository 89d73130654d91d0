"""Every event reaches every role that the table names: the policy lets something of it through.

For each event and recipient there is a situation in which the shipped policies permit something
of what the event tells. The situation is as bad as it may get: a leave and a flight come 500
days before the release. Where the policy keeps an event from a role that the catalogue names,
the table says so with its reason.
"""

from dataclasses import replace
from datetime import date

import pytest

from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.loader import read_base
from app.policy.overlays import read_overlay
from app.policy.request import Request, parts_of
from app.policy.roles import CONSENT_ROLES, FACT_ROLES, ROLE_PURPOSES
from app.releases.event_types import EventType, Holds, Kind, Matter
from app.releases.events import EVENTS
from tests.world import POLICIES, shipped_bundle

PATHS = frozenset(FIELDS)
PLACE = "XK-GJILAN"
DAY = date(2027, 3, 3)
COUNTRIES = ("al", "ba", "me", "mk", "rs", "xk")
TOLD = [event for event in EVENTS.values() if event.kind in (Kind.NEWS, Kind.REQUEST)]
PAIRS = [(event, role) for event in TOLD if event.sections for role in sorted(event.recipients)]
# These come long before a release, as an escape does.
FAR = [pair for pair in PAIRS if pair[0].matter in (Matter.LEAVE, Matter.FLIGHT)]


def name(value: object) -> str:
    return value.name if isinstance(value, EventType) else str(value)


def situation(event: EventType, role: str, purpose: str) -> Request:
    """All facts that speak for a recipient hold, and the days are those of the event."""
    far = event.matter in (Matter.LEAVE, Matter.FLIGHT)
    after = event.holds is Holds.LEFT or event.name in ("follow_up_due", "entitlement_expiring")

    def speaks(fact: str) -> bool:
        return role in FACT_ROLES[fact]

    return Request(
        role=role,
        agency="prison" if role == "correctional_service" else "agency",
        client="client",
        purpose=purpose,
        custodian="prison",
        municipalities=frozenset({PLACE}),
        officer_assurance="proven",
        return_municipality=PLACE,
        leave_municipality=PLACE if far else None,
        days_to_release=500 if far else -10 if after else 10,
        support_open=True,
        incident=event.matter is Matter.FLIGHT and speaks("incident"),
        assigned=True,
        designated=True,
        child_linked=speaks("child_linked"),
        victim_registered=speaks("victim_registered"),
        transfer_approved=speaks("transfer_approved"),
        consents=PATHS if role in CONSENT_ROLES else frozenset(),
        court_orders=parts_of(PATHS),
        legal_authorities=parts_of(PATHS),
    )


def permitted(bundle: Bundle, event: EventType, role: str, *, alone: bool = False) -> set[str]:
    """The paths that the role may have of what the event tells, for any of its purposes.

    `alone`: without an order of a court, an authority in law, a designation or a case.
    """
    found: set[str] = set()
    for purpose in ROLE_PURPOSES[role]:
        request = situation(event, role, purpose)
        if alone:
            request = replace(
                request,
                assigned=False,
                designated=False,
                court_orders=frozenset(),
                legal_authorities=frozenset(),
            )
        fields = bundle.decide(request, at=DAY).fields
        found |= {path for path, ruling in fields.items() if ruling.form > Form.NONE}
    tells = event.tells or event.sections
    return {path for path in found if path in tells or path.partition(".")[0] in tells}


@pytest.mark.parametrize(("event", "role"), PAIRS, ids=name)
def test_the_policy_lets_something_of_an_event_through(event: EventType, role: str) -> None:
    assert permitted(shipped_bundle(), event, role)


@pytest.mark.parametrize("event", [e for e, role in FAR if role == "police_local"], ids=name)
def test_a_safety_notice_reaches_the_police_of_the_place_without_further_facts(
    event: EventType,
) -> None:
    """No authority, no designation, no case: the place alone, 500 days before the release."""
    assert permitted(shipped_bundle(), event, "police_local", alone=True)


def test_no_country_empties_a_safety_notice() -> None:
    base = read_base(POLICIES, allow_illustrative=True)
    for country in COUNTRIES:
        bundle = read_overlay(
            POLICIES, country, base, at=DAY, allow_illustrative=True, cross_check="off"
        ).bundle
        for event, role in FAR:
            assert permitted(bundle, event, role), (country, event.name, role)


def test_a_role_that_the_policy_keeps_an_event_from_is_named_with_a_reason_and_not_told() -> None:
    closed = [(event, role) for event in EVENTS.values() for role in event.closed]
    assert {(event.name, role) for event, role in closed} >= {
        ("temporary_leave_granted", "child_protection_authority"),
        ("joint_evaluation_closed", "national_coordinator"),
    }
    for event, role in closed:
        assert event.closed[role]
        assert role not in event.recipients
        assert not permitted(shipped_bundle(), event, role)
