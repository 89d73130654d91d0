"""Who may state a fact about a person: never the one who gains by it, and never alone.

The custodian may state any fact about a person of its own; a welfare centre that has the
case may take a consent and pass on its withdrawal.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from app.agencies.tokens import Caller
from app.cases import assignments, references
from app.files import store
from app.files.store import StoredFile
from app.house import House
from app.problems import Forbidden, NotFound

WELFARE_CENTRE = "social_welfare_centre"
UNKNOWN_PERSON = "no person is known to you by this reference"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the caller is to this person.

    `is_known`: the caller has a reference for the person, as after a referral or a notice.
    """

    file: StoredFile
    is_custodian: bool
    has_case: bool
    is_known: bool


def standing(connection: Connection, house: House, caller: Caller, reference: str) -> Standing:
    """The person behind the caller's reference and the caller's place there, or NotFound."""
    person_id = references.find(
        connection, ring=house.ring, agency_id=caller.agency_id, reference=reference
    )
    if person_id is None:
        raise NotFound(UNKNOWN_PERSON)
    return standing_towards(connection, house, caller, person_id)


def standing_towards(
    connection: Connection, house: House, caller: Caller, person_id: str
) -> Standing:
    """The caller's place towards a person."""
    file = store.load(connection, person_id, ring=house.ring)
    return Standing(
        file=file,
        is_custodian=file.custodian == caller.agency_id,
        has_case=assignments.is_accepted(
            connection, ring=house.ring, person_id=person_id, agency_id=caller.agency_id
        ),
        is_known=references.of(
            connection, ring=house.ring, agency_id=caller.agency_id, person_id=person_id
        )
        is not None,
    )


def require_officer(house: House, caller: Caller) -> None:
    """Only an officer of whom the exchange can be sure may go on.

    Registered and active each caller's officer is, at every call. Proven by the agency's own
    identity provider, not only named by its client, the officer must be where the setting
    `require_proven_officers` demands it.
    """
    if house.require_proven_officers:
        require_proven(caller)


def require_proven(caller: Caller) -> None:
    """Only an officer whom the agency's own identity provider has proven may go on."""
    if caller.assurance != "proven":
        raise Forbidden("this is for an officer whom the agency's identity provider has proven")


def require_custodian(place: Standing) -> None:
    """Only the custodian of the file may go on."""
    if not place.is_custodian:
        raise refusal(place, "only the custodian of the file may state this")


def require_consent_taker(place: Standing, caller: Caller) -> None:
    """Only the custodian, or a welfare centre that has the case, may go on."""
    takes = caller.role == WELFARE_CENTRE and place.has_case
    if not place.is_custodian and not takes:
        raise refusal(
            place, "a consent is taken by the custodian or by a welfare centre with the case"
        )


def refusal(place: Standing, rule: str) -> Forbidden | NotFound:
    """The rule, to whoever keeps the file or has the case; to all others nobody is known."""
    return Forbidden(rule) if place.has_case or place.is_custodian else NotFound(UNKNOWN_PERSON)
