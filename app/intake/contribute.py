"""Contributions to an inmate file: a whole PUT, or a PATCH of one section.

Whatever comes in touches only the sections that the policy lets this caller contribute;
a submission that names another section is refused as a whole. Who may write the section
`identity` opens files; the other owners write into files that were referred to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cases import references
from app.disclosure.disclose import Decided, decide_file, render
from app.disclosure.entity_tags import etag_of
from app.files import store
from app.files.store import Envelope, Section, StoredFile
from app.house import Act, House, Refusal, record
from app.intake.enqueue import enqueue, release_facts
from app.intake.objections import contradiction, objection
from app.intake.submission import Submission
from app.outbox import feeds
from app.policy.errors import DecisionFailed
from app.problems import ThroughcareError
from app.releases.plausibility import turns

# Set by us, and so no part of what was submitted.
PROVENANCE = frozenset({"source_agency", "recorded_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A stored change: whether it made the file, the sections it changed, the new ETag."""

    created: bool
    changed: tuple[str, ...]
    etag: str


def contribute(
    connection: Connection,
    house: House,
    caller: Caller,
    submission: Submission,
    *,
    at: datetime,
) -> Contribution | Refusal:
    """Store a submission: as a new file where the reference is new, else as a change.

    Where it cannot be decided, now or about the file as it would be, nothing is stored.
    """
    person_id = references.find(
        connection, ring=house.ring, agency_id=caller.agency_id, reference=submission.reference
    )
    try:
        with connection.begin_nested():
            return _contribute(connection, house, caller, submission, person_id, at=at)
    except DecisionFailed as failure:
        return _refuse(connection, house, caller, submission, person_id, failure, at=at)


def _contribute(
    connection: Connection,
    house: House,
    caller: Caller,
    submission: Submission,
    person_id: str | None,
    *,
    at: datetime,
) -> Contribution | Refusal:
    if person_id is None:
        decided = _decide_new(connection, house, caller, at=at)
    else:
        decided = decide_file(connection, house, caller, person_id, at=at)
    problem = objection(house, caller, submission, decided)
    sections = {} if problem else _stamped(submission, decided, caller, at=at)
    problem = problem or contradiction(submission, {**decided.file.sections, **sections})
    if problem is not None:
        return _refuse(connection, house, caller, submission, person_id, problem, at=at)
    before = decided.file
    changed = tuple(n for n in sections if sections[n] != before.sections.get(n, {}))
    after = _store(connection, house, caller, submission, before, sections, changed, at=at)
    enqueue(
        connection,
        house,
        before=before,
        after=after,
        contributed=() if caller.agency_id == after.custodian else changed,
        at=at,
    )
    if caller.agency_id == after.custodian:
        _watch(connection, caller, submission, before, after, at=at)
    created = before.version == 0
    _record(connection, house, caller, submission, after, changed, created=created, at=at)
    return Contribution(
        created=created,
        changed=changed,
        etag=_etag(connection, house, caller, submission, after, at=at),
    )


def _watch(
    connection: Connection,
    caller: Caller,
    submission: Submission,
    before: StoredFile,
    after: StoredFile,
    *,
    at: datetime,
) -> None:
    """Hold this change against what its feed may turn in a day."""
    feed = feeds.seen(connection, caller.client_id, caller.agency_id, at=at)
    if not submission.reviewed and turns(release_facts(before), release_facts(after)):
        single = submission.channel is not Channel.IMPORT
        feeds.turned(connection, feed, after.person_id, single=single, at=at)


def _decide_new(connection: Connection, house: House, caller: Caller, *, at: datetime) -> Decided:
    """The decision about a file that this caller would open as its custodian."""
    new = StoredFile(person_id=house.new_id(), custodian=caller.agency_id)
    return decide_file(connection, house, caller, None, at=at, file=new)


def _stamped(
    submission: Submission, decided: Decided, caller: Caller, *, at: datetime
) -> dict[str, Section]:
    """The caller's sections as they are to stand, each new value with its provenance."""
    stored = decided.file.sections
    if submission.complete:
        names = sorted(decided.decision.contribute & (stored.keys() | submission.sections.keys()))
    else:
        names = sorted(submission.sections)
    stamp = {"source_agency": caller.agency_id, "recorded_at": at.isoformat()}
    return {
        name: _section(
            stored.get(name, {}),
            submission.sections.get(name, {}),
            keep=not submission.complete,
            stamp=stamp,
        )
        for name in names
    }


def _section(
    before: Section,
    submitted: Mapping[str, Mapping[str, Any] | None],
    *,
    keep: bool,
    stamp: Mapping[str, str],
) -> dict[str, Envelope]:
    """One section after a submission. A value that did not change keeps its provenance."""
    after: dict[str, Envelope] = dict(before) if keep else {}
    for name, envelope in submitted.items():
        if envelope is None:
            after.pop(name, None)
        elif name in before and _submitted_part(before[name]) == envelope:
            after[name] = before[name]
        else:
            after[name] = {**envelope, **stamp}
    return after


def _submitted_part(envelope: Envelope) -> dict[str, Any]:
    return {name: value for name, value in envelope.items() if name not in PROVENANCE}


def _store(
    connection: Connection,
    house: House,
    caller: Caller,
    submission: Submission,
    before: StoredFile,
    sections: Mapping[str, Section],
    changed: tuple[str, ...],
    *,
    at: datetime,
) -> StoredFile:
    """Create, change or leave the stored file, and name a new one."""
    if before.version == 0:
        new = StoredFile(
            person_id=before.person_id,
            custodian=before.custodian,
            sections={name: section for name, section in sections.items() if section},
        )
        stored = store.create(connection, new, ring=house.ring, at=at, random=house.random)
        references.name(
            connection,
            ring=house.ring,
            agency_id=caller.agency_id,
            person_id=new.person_id,
            reference=submission.reference,
            at=at,
            random=house.random,
        )
        return stored
    if not changed:
        return before
    return store.change(
        connection,
        before,
        {name: sections[name] for name in changed},
        ring=house.ring,
        at=at,
        random=house.random,
    )


def _record(
    connection: Connection,
    house: House,
    caller: Caller,
    submission: Submission,
    after: StoredFile,
    changed: tuple[str, ...],
    *,
    created: bool,
    at: datetime,
) -> None:
    """Write the entry of a stored submission."""
    act = Act(
        operation=Operation.COLLECTION if created else Operation.ALTERATION,
        channel=submission.channel,
        outcome=Outcome.RECORDED,
        person_id=after.person_id,
        fields={"sections": list(changed)},
        payload={"file_version": after.version},
    )
    record(connection, house, caller, act, at=at)


def _etag(
    connection: Connection,
    house: House,
    caller: Caller,
    submission: Submission,
    after: StoredFile,
    *,
    at: datetime,
) -> str:
    """The ETag of the caller's new view."""
    decided = decide_file(connection, house, caller, after.person_id, at=at, file=after)
    return etag_of(render(house, caller, submission.reference, decided.projection))


def _refuse(
    connection: Connection,
    house: House,
    caller: Caller,
    submission: Submission,
    person_id: str | None,
    problem: ThroughcareError,
    *,
    at: datetime,
) -> Refusal:
    act = Act(
        operation=Operation.ALTERATION,
        channel=submission.channel,
        outcome=Outcome.REFUSED,
        person_id=person_id,
        fields={"reason": problem.slug},
    )
    record(connection, house, caller, act, at=at)
    return Refusal(problem)
