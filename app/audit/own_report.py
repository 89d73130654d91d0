"""The person's own report: who received what of them, in which form, when, why and on what basis.

The custodian asks for it on the person's behalf (Directive (EU) 2016/680, Article 14), or an
auditor through whom the person exercises the right (Article 17). Making it is an entry itself.

INVARIANT: what nobody's report may name is left out before anything is merged, counted or put
in order. So a report is made of what it may name alone, and nothing in it tells whether there
was more. The same holds for the field names that would tell what somebody was convicted of.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import Connection, select

from app.access_log.disclosed import (
    OWN_REPORT,
    Disclosed,
    ReleasedField,
    disclosed,
    own_reports,
)
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies import directory
from app.agencies.registry import AgencyRecord
from app.agencies.tokens import Caller
from app.audit.read_facts import FILE, person_named
from app.audit.read_log import may_read
from app.cases import references
from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.house import Act, House, Refusal, record
from app.policy.roles import ROLE_PURPOSES
from app.problems import ThroughcareError

# That one of these asked may tell of an inquiry, or that a victim is registered (Articles 13(3)
# and 15(1)); the first two would tell, too, for what kind of offence somebody was convicted.
RESTRICTED_ROLES = frozenset({"police_ct", "international_gateway", "victim_support_service"})
NO_RECIPIENTS = frozenset({"national_coordinator", "oversight_auditor", "data_subject"})
NAMED_ROLES = ROLE_PURPOSES.keys() - RESTRICTED_ROLES - NO_RECIPIENTS
# Their names would tell what somebody was convicted of, what the services know of dangers, or that
# there is a victim.
UNNAMED_SECTIONS = frozenset({"extremism_status", "security_intelligence", "victim_protection"})
UNNAMED_FIELDS = frozenset({"risk_assessment.risk_level_ve", "risk_assessment.risk_narrative"})
NAMED_FIELDS = frozenset(
    path
    for path, field in FIELDS.items()
    if field.section not in UNNAMED_SECTIONS and path not in UNNAMED_FIELDS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What an agency received on a day, so many times: forms by path, None where it is unreadable.

    No officer is named: the agency answers for what its officers do, and they are to be safe.
    """

    agency_id: str
    agency: str
    role: str
    day: date
    channel: str
    purpose: str
    legal_bases: tuple[str, ...]
    emergency: bool
    forms: tuple[tuple[str, Form], ...] | None
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReport:
    """All that a report says, before it is put in words.

    `reference` is the custodian's own. `requested_on` are the days of the reports, this one's
    last. `received` stands in the order of agencies, and of days for each.
    """

    reference: str
    custodian: str
    made_on: date
    received: tuple[Received, ...]
    requested_on: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A report as it is about to leave."""

    language: str
    media_type: str
    length: int
    sha256: str


def admit(
    connection: Connection, house: House, caller: Caller, reference: str, *, at: datetime
) -> str | Refusal:
    """The person whose report the caller may have. A refusal is an entry."""
    auditor = may_read(house, caller, at=at)
    try:
        return person_named(connection, house, caller, reference, auditor=auditor)
    except ThroughcareError as problem:
        said = {"reason": problem.slug}
        _record(connection, house, caller, said, auditor=auditor, at=at)
        return Refusal(problem)


def gather(connection: Connection, house: House, person_id: str, *, at: datetime) -> OwnReport:
    """What the report of a person says, this one counted among those that were asked for."""
    keys = house.log_keys()
    subject = keys.subject_index(person_id)
    custodian = str(
        connection.scalar(select(FILE.c.custodian).where(FILE.c.person_id == person_id))
    )
    reference = references.of(connection, ring=house.ring, agency_id=custodian, person_id=person_id)
    keeper = directory.agency(connection, custodian)
    found = disclosed(connection, subject, keys=keys)
    recipients = _agencies(connection, {one.agency_id for one in found} - {custodian})
    days = [*own_reports(connection, subject, keys=keys), at]
    return OwnReport(
        reference=reference or "",
        custodian=keeper.record.name if keeper else custodian,
        made_on=house.legal_date(at),
        received=told(house, found, recipients),
        requested_on=tuple(dict.fromkeys(map(house.legal_date, days))),
    )


def release(
    connection: Connection,
    house: House,
    caller: Caller,
    reference: str,
    made: Made,
    *,
    at: datetime,
) -> Refusal | None:
    """Put on record that a report is about to leave, if the caller may still have it."""
    person_id = admit(connection, house, caller, reference, at=at)
    if isinstance(person_id, Refusal):
        return person_id
    _record(
        connection,
        house,
        caller,
        {"language": made.language},
        auditor=may_read(house, caller, at=at),
        of=(person_id, made),
        at=at,
    )
    return None


def told(
    house: House, found: Iterable[Disclosed], recipients: Mapping[str, AgencyRecord]
) -> tuple[Received, ...]:
    """What a report says of these disclosures to these recipients. Others do not count."""
    named = {id_: one for id_, one in recipients.items() if one.role in NAMED_ROLES}
    # INVARIANT: first left out, then merged, counted and put in order.
    parts = [_named_part(one) for one in found if one.agency_id in named]
    notices = _notices_once(one for one in parts if one is not None)
    return tuple(_days_once(_received(house, one, named[one.agency_id]) for one in notices))


def _named_part(one: Disclosed) -> Disclosed | None:
    """A disclosure without what no report names; None where nothing else was in it."""
    if one.released is None:
        return one
    named = tuple(field for field in one.released if field.path in NAMED_FIELDS)
    return replace(one, released=named) if named else None


def _agencies(connection: Connection, ids: Iterable[str]) -> dict[str, AgencyRecord]:
    found = (directory.agency(connection, id_) for id_ in sorted(ids))
    return {one.record.agency_id: one.record for one in found if one is not None}


def _notices_once(given: Iterable[Disclosed]) -> Iterator[Disclosed]:
    """A notice that was tried several times is one, of the day of its first attempt."""
    notices: dict[tuple[str, str], Disclosed] = {}
    for one in given:
        place = (one.agency_id, one.notification or one.entry_id)
        first = notices.get(place)
        notices[place] = one if first is None else replace(first, released=_both(first, one))
    yield from notices.values()


def _both(first: Disclosed, second: Disclosed) -> tuple[ReleasedField, ...] | None:
    if first.released is None or second.released is None:
        return None
    return first.released + second.released


def _received(house: House, one: Disclosed, agency: AgencyRecord) -> Received:
    return Received(
        agency_id=agency.agency_id,
        agency=agency.name,
        role=agency.role,
        day=house.legal_date(one.at),
        channel=one.channel,
        purpose=one.purpose or "",
        legal_bases=tuple(dict.fromkeys(filter(None, _legal_bases(house, one)))),
        emergency=one.emergency,
        forms=None if one.released is None else tuple(sorted(_forms(one.released).items())),
    )


def _forms(released: Iterable[ReleasedField]) -> Mapping[str, Form]:
    """The highest form of each field."""
    forms: dict[str, Form] = {}
    for one in released:
        forms[one.path] = max(Form.from_code(one.form), forms.get(one.path, Form.NONE))
    return forms


def _legal_bases(house: House, one: Disclosed) -> Iterator[str]:
    """The basis that the agency stated, then what the policies cite that released a named field.

    A policy that stands no more in the bundle in force is cited by nothing here; its id is in the
    log, and its text in the archive of bundles.
    """
    yield one.legal_basis or ""
    ids = {id_ for field in one.released or () for id_ in field.policies}
    policies = (house.bundle.policies.get(id_) for id_ in ids)
    bases = {policy.legal_basis for policy in policies if policy is not None}
    yield from sorted(house.bundle.register.legal_bases[basis].citation for basis in bases)


def _days_once(received: Iterable[Received]) -> Iterator[Received]:
    """What was received on one day for the same reason and in the same way, with how many times."""
    in_order = sorted(received, key=_order)
    for _, same in groupby(in_order):
        first, *others = same
        yield replace(first, times=1 + len(others))


def _order(one: Received) -> tuple[object, ...]:
    what = (one.forms is None, one.forms or ())
    return (
        *(one.agency, one.agency_id, one.day, one.channel, one.purpose),
        *(one.legal_bases, one.emergency, what),
    )


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    said: Mapping[str, str],
    *,
    auditor: bool,
    of: tuple[str, Made] | None = None,
    at: datetime,
) -> None:
    """The entry of a report `of` somebody, or of a refusal, which names nobody."""
    person_id, made = of or (None, None)
    act = Act(
        operation=Operation.LOG_READ if auditor else Operation.CONSULTATION,
        channel=Channel.AUDIT if auditor else Channel.ADMINISTRATION,
        outcome=Outcome.REFUSED if made is None else Outcome.RELEASED,
        person_id=person_id,
        fields={**OWN_REPORT, **said},
        payload=None
        if made is None
        else {"media_type": made.media_type, "length": made.length, "sha256": made.sha256},
    )
    record(connection, house, caller, act, at=at)
