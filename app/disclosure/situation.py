"""The situation that a decision is about: what is known of caller, file and case at a moment."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from app.agencies import registry
from app.agencies.tokens import Caller
from app.cases import custody
from app.cases.known import Known, known
from app.cases.loading import about
from app.disclosure.persons import Admission
from app.files.store import StoredFile
from app.house import House
from app.policy.request import Request
from app.policy.roles import FACT_ROLES
from app.releases.milestones import SUPPORT_DAYS, notice_days

# A release by order of a court, once the court has fixed its day.
BY_ORDER = ("court_ordered_early", "court_ordered")


@dataclass(frozen=True, slots=True)
class Situation:
    """What the policy is asked, and what it does not decide: who of the nested persons shows."""

    request: Request
    admission: Admission


def situation(
    connection: Connection, house: House, caller: Caller, file: StoredFile, *, at: datetime
) -> Situation:
    """The situation of this caller before this file. A fact that is not stored is absent.

    FactAltered where a stored one cannot be relied on.
    """
    today = house.legal_date(at)
    facts = about(connection, ring=house.ring, person_id=file.person_id, agency_id=caller.agency_id)
    say = known(facts, purpose=caller.purpose, at=at, today=today)
    presence = _presence(connection, house, caller, file, at=at)
    return Situation(
        request=_request(house, caller, file, say, presence, at=at),
        admission=Admission(
            agency=caller.agency_id, role=caller.role, custodian=file.custodian, known=say
        ),
    )


@dataclass(frozen=True, slots=True)
class _Presence:
    """Where the caller is competent for this person, and whether the person is at large."""

    territory: frozenset[str]
    at_large: bool


def _presence(
    connection: Connection, house: House, caller: Caller, file: StoredFile, *, at: datetime
) -> _Presence:
    """Asked only of whom it makes a difference for."""
    concerned = caller.role in FACT_ROLES["incident"]
    at_large = concerned and custody.of(connection, file.person_id, ring=house.ring).is_at_large(
        at=at, grace_hours=house.profile.leave_grace_hours
    )
    return _Presence(caller.municipalities | _stood_in_for(connection, caller, file), at_large)


def _stood_in_for(connection: Connection, caller: Caller, file: StoredFile) -> frozenset[str]:
    """The places of this person for which the caller is the registered fallback of its role."""
    if not caller.fallback:
        return frozenset()
    places = {file.return_municipality, file.leave_municipality} - caller.municipalities - {None}
    return frozenset(
        place
        for place in places
        if place is not None and not registry.covered(connection, caller.role, place)
    )


def _request(
    house: House,
    caller: Caller,
    file: StoredFile,
    say: Known,
    presence: _Presence,
    *,
    at: datetime,
) -> Request:
    today = house.legal_date(at)
    left = file.actual_release_datetime
    release = file.planned_release_date if left is None else house.legal_date(left)
    days = None if release is None else notice_days(release, profile=house.profile, at=at)
    return Request(
        role=caller.role,
        agency=caller.agency_id,
        client=caller.client_id,
        municipalities=presence.territory,
        officer_assurance=caller.assurance,
        purpose=caller.purpose,
        custodian=file.custodian,
        return_municipality=file.return_municipality,
        leave_municipality=_leave_municipality(house, file, today, at_large=presence.at_large),
        days_to_release=days,
        support_open=days is None or days >= -SUPPORT_DAYS,
        incident=_is_on_leave_in(house, file, presence.territory, today)
        or (presence.at_large and _is_sought_in(file, presence.territory))
        or _is_released_by_order_to(file, presence.territory, days),
        assigned=say.assigned,
        designated=say.designated,
        child_linked=bool(say.children),
        victim_registered=say.victim_registered,
        transfer_approved=say.transfer_approved,
        consents=say.consents,
        relative_consents=frozenset(path for path, _ in say.relatives),
        vital_interest=say.vital_interest,
        court_orders=say.court_orders,
        legal_authorities=house.bundle.legal_authorities(
            role=caller.role, agency=caller.agency_id, purpose=caller.purpose, at=today
        ),
    )


def _leave_municipality(
    house: House, file: StoredFile, today: date, *, at_large: bool = False
) -> str | None:
    """Where a leave is spent, from its grant to its end: only then does it concern anybody.

    While somebody is at large it concerns the police of its place after its end, too.
    """
    ends = file.leave_end
    over = not at_large and (ends is None or house.legal_date(ends) < today)
    return None if over else file.leave_municipality


def _is_sought_in(file: StoredFile, territory: frozenset[str]) -> bool:
    """Whether somebody who is at large is to be sought there."""
    return bool({file.return_municipality, file.leave_municipality} & territory)


def _is_on_leave_in(house: House, file: StoredFile, territory: frozenset[str], today: date) -> bool:
    """Whether the person spends a granted leave there on this legal day.

    Before it begins its grant opens the leave itself and no more.
    """
    starts = file.leave_start
    place = _leave_municipality(house, file, today)
    return starts is not None and house.legal_date(starts) <= today and place in territory


def _is_released_by_order_to(file: StoredFile, territory: frozenset[str], days: int | None) -> bool:
    """Whether a court ordered a release to there, until the end of support.

    Both the type and the day have to be the court's: either alone also stands in files of
    ordinary releases.
    """
    ordered = (file.release_type, file.release_date_confidence) == BY_ORDER
    return (
        ordered
        and days is not None
        and days >= -SUPPORT_DAYS
        and file.return_municipality in territory
    )
