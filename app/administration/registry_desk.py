"""Who may read and change what of the registry over the interface. Every refusal is on record.

The operator looks after everybody's entries; an agency's own registrar after its officers, the
keys of its clients and how it is reached. Nobody gives itself anything: purposes, bases, places
and roles of one's own agency are for somebody else to change, and operators are registered by
the commands of the installation alone. To take away is always possible. An entry that is not
the caller's to see looks like none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration import registry
from app.administration.standing import require_officer
from app.agencies import directory
from app.agencies.directory import Registered
from app.agencies.registrars import is_operator
from app.agencies.registry import OPERATOR_ROLE, AgencyRecord, ClientRecord, OfficerRecord
from app.agencies.tokens import Caller
from app.house import Act, House, Refusal, record
from app.problems import Forbidden, NotFound, ThroughcareError

T = TypeVar("T")
R = TypeVar("R", AgencyRecord, ClientRecord, OfficerRecord)

# What an agency may change of its own entries. Everything else would widen what it is given.
OWN: Final[Mapping[type, frozenset[str]]] = MappingProxyType(
    {
        AgencyRecord: frozenset({"contact_points", "second_contact"}),
        ClientRecord: frozenset({"jwks"}),
        OfficerRecord: frozenset({"function"}),
    }
)
# An officer's id is the agency's own: only both name somebody.
OfficerName = tuple[str, str]
NOT_REGISTERED = "nothing of this id is registered that you look after"


@dataclass(frozen=True, slots=True)
class Change(Generic[R]):
    """Members that a record is to have. `unchanged` raises where it is not as the caller saw it."""

    members: Mapping[str, Any]
    unchanged: Callable[[Registered[R]], None]


def agency(
    connection: Connection, caller: Caller, agency_id: str, *, lock: bool = False
) -> Registered[AgencyRecord]:
    """An agency that the caller looks after; NotFound."""
    return _own(caller, directory.agency(connection, agency_id, lock=lock))


def client(
    connection: Connection, caller: Caller, client_id: str, *, lock: bool = False
) -> Registered[ClientRecord]:
    """A client that the caller looks after; NotFound."""
    return _own(caller, directory.client(connection, client_id, lock=lock))


def officer(
    connection: Connection, caller: Caller, agency_id: str, officer_id: str, *, lock: bool = False
) -> Registered[OfficerRecord]:
    """An officer that the caller looks after; NotFound."""
    return _own(caller, directory.officer(connection, agency_id, officer_id, lock=lock))


def agencies(
    connection: Connection, caller: Caller, *, after: str, limit: int
) -> list[Registered[AgencyRecord]]:
    """The agencies that the caller looks after."""
    only = None if is_operator(caller) else caller.agency_id
    return directory.agencies(connection, only=only, after=after, limit=limit)


def clients(
    connection: Connection, caller: Caller, agency_id: str, *, after: str, limit: int
) -> list[Registered[ClientRecord]]:
    """The clients of an agency that the caller looks after; NotFound."""
    agency(connection, caller, agency_id)
    return directory.clients(connection, agency_id=agency_id, after=after, limit=limit)


def officers(
    connection: Connection, caller: Caller, agency_id: str, *, after: str, limit: int
) -> list[Registered[OfficerRecord]]:
    """The officers of an agency that the caller looks after; NotFound."""
    agency(connection, caller, agency_id)
    return directory.officers(connection, agency_id=agency_id, after=after, limit=limit)


def register_agency(
    connection: Connection, house: House, caller: Caller, new: AgencyRecord, *, at: datetime
) -> Refusal | None:
    """By the operator, in any role but its own."""

    def work() -> None:
        _require_operator(caller, new.role)
        registry.register_agency(connection, house, new, by=caller, at=at)

    return _recorded(connection, house, caller, "agency", work, at=at)


def register_client(
    connection: Connection, house: House, caller: Caller, new: ClientRecord, *, at: datetime
) -> Refusal | None:
    """By the operator, for any agency but an operator's."""

    def work() -> None:
        known = directory.agency(connection, new.agency_id)
        _require_operator(caller, "" if known is None else known.record.role)
        registry.register_client(connection, house, new, by=caller, at=at)

    return _recorded(connection, house, caller, "client", work, at=at)


def register_officer(
    connection: Connection, house: House, caller: Caller, new: OfficerRecord, *, at: datetime
) -> Refusal | None:
    """By the agency itself, or by the operator for any agency but another operator's."""

    def work() -> None:
        if new.agency_id != caller.agency_id:
            known = directory.agency(connection, new.agency_id)
            _require_operator(caller, "" if known is None else known.record.role)
        registry.register_officer(
            connection,
            house,
            agency_id=new.agency_id,
            officer_id=new.officer_id,
            function=new.function,
            by=caller,
            at=at,
        )

    return _recorded(connection, house, caller, "officer", work, at=at)


def change_agency(
    connection: Connection,
    house: House,
    caller: Caller,
    agency_id: str,
    change: Change[AgencyRecord],
    *,
    at: datetime,
) -> Registered[AgencyRecord] | Refusal:
    """Change an agency; how it stands then. Its role and its country stay."""

    def work() -> Registered[AgencyRecord]:
        present = agency(connection, caller, agency_id, lock=True)
        new = _changed(connection, caller, present, change)
        registry.change_agency(connection, house, new, by=caller, at=at)
        return agency(connection, caller, agency_id)

    return _recorded(connection, house, caller, "agency-changed", work, at=at)


def change_client(
    connection: Connection,
    house: House,
    caller: Caller,
    client_id: str,
    change: Change[ClientRecord],
    *,
    at: datetime,
) -> Registered[ClientRecord] | Refusal:
    """Change a client; how it stands then."""

    def work() -> Registered[ClientRecord]:
        present = client(connection, caller, client_id, lock=True)
        new = _changed(connection, caller, present, change)
        registry.change_client(connection, house, new, by=caller, at=at)
        return client(connection, caller, client_id)

    return _recorded(connection, house, caller, "client-changed", work, at=at)


def change_officer(
    connection: Connection,
    house: House,
    caller: Caller,
    officer_name: OfficerName,
    change: Change[OfficerRecord],
    *,
    at: datetime,
) -> Registered[OfficerRecord] | Refusal:
    """Change an officer; how the entry stands then."""

    def work() -> Registered[OfficerRecord]:
        present = officer(connection, caller, *officer_name, lock=True)
        new = _changed(connection, caller, present, change)
        registry.change_officer(connection, house, new, by=caller, at=at)
        return officer(connection, caller, *officer_name)

    return _recorded(connection, house, caller, "officer-changed", work, at=at)


def revoke_agency(
    connection: Connection, house: House, caller: Caller, agency_id: str, *, at: datetime
) -> Refusal | None:
    """By the operator: whoever runs an agency may leave by ending its clients."""

    def work() -> None:
        agency(connection, caller, agency_id)
        _require_operator(caller)
        registry.revoke_agency(connection, house, agency_id, by=caller, at=at)

    return _recorded(connection, house, caller, "agency-revoked", work, at=at)


def revoke_client(
    connection: Connection, house: House, caller: Caller, client_id: str, *, at: datetime
) -> Refusal | None:
    """By whoever looks after it."""

    def work() -> None:
        client(connection, caller, client_id)
        registry.revoke_client(connection, house, client_id, by=caller, at=at)

    return _recorded(connection, house, caller, "client-revoked", work, at=at)


def end_officer(
    connection: Connection,
    house: House,
    caller: Caller,
    officer_name: OfficerName,
    *,
    at: datetime,
) -> Refusal | None:
    """By whoever looks after the officer."""
    agency_id, officer_id = officer_name

    def work() -> None:
        officer(connection, caller, agency_id, officer_id)
        registry.revoke_officer(
            connection, house, agency_id=agency_id, officer_id=officer_id, by=caller, at=at
        )

    return _recorded(connection, house, caller, "officer-revoked", work, at=at)


def _recorded(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: str,
    work: Callable[[], T],
    *,
    at: datetime,
) -> T | Refusal:
    """Do it, by an officer who may; what is refused leaves an entry and nothing else."""
    try:
        with connection.begin_nested():
            require_officer(house, caller)
            return work()
    except ThroughcareError as problem:
        return refuse(connection, house, caller, fact, problem, at=at)


def refuse(
    connection: Connection,
    house: House,
    caller: Caller,
    fact: str,
    problem: ThroughcareError,
    *,
    at: datetime,
) -> Refusal:
    """Write the entry of what was refused. It does not name what the caller may not know of."""
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.REFUSED,
        fields={"fact": fact, "reason": problem.slug},
    )
    record(connection, house, caller, act, at=at)
    return Refusal(problem)


def _own(caller: Caller, found: Registered[R] | None) -> Registered[R]:
    """What was found, if it is the caller's to see."""
    if found is None or not (is_operator(caller) or found.record.agency_id == caller.agency_id):
        raise NotFound(NOT_REGISTERED)
    return found


def _changed(
    connection: Connection, caller: Caller, present: Registered[R], change: Change[R]
) -> R:
    """The record as it would be; Forbidden where a member is not the caller's to change."""
    change.unchanged(present)
    before = present.record
    new: R = replace(before, **change.members)
    if before.agency_id == caller.agency_id:
        widened = set(registry.changed_members(before, new)) - OWN[type(before)]
        if widened:
            raise Forbidden(
                f"not for the agency's own officers to change: {', '.join(sorted(widened))}"
            )
    else:
        known = directory.agency(connection, before.agency_id)
        _require_operator(caller, "" if known is None else known.record.role)
    return new


def _require_operator(caller: Caller, role: str = "") -> None:
    """Only the operator may go on, and never for an agency of the operator's role."""
    if not is_operator(caller):
        raise Forbidden("this is for the operator of the exchange")
    if role == OPERATOR_ROLE:
        raise Forbidden("an operator is registered by the commands of the installation alone")
