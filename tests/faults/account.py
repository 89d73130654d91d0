"""What must hold when all is over: nothing promised is lost, nothing else was told."""

import hashlib
import signal
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from app.access_log import query
from app.access_log.query import EntryFilter
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.audit.read_log import whole_log
from app.cases import references
from app.house import House
from app.main import log_verifier, make_house, opened
from app.outbox.competence import FILE
from app.outbox.deliveries import DELIVERY
from app.outbox.receipts import EVENT
from tests.faults.scene import Scene, signed_size

# What SIGTERM leaves of a process that ended well: the interface passes the signal on at its end.
WELL = (0, -signal.SIGTERM)


@dataclass(frozen=True)
class Stored:
    """What the database holds when all is over."""

    # The prison's reference of each person with a file.
    persons: Mapping[str, str]
    # (agency, its reference) of each person whom an agency has a name for.
    names: Mapping[tuple[str, str], str]
    events: Mapping[str, list[str]]
    deliveries: Mapping[str, Any]
    entries: list[Any]

    @classmethod
    def read(cls, connection: Connection, house: House) -> "Stored":
        ring, names = house.ring, {}
        persons = set(connection.scalars(select(FILE.c.person_id)))
        for agency_id in ("prison", "probation", "welfare"):
            for person in persons:
                reference = references.of(
                    connection, ring=ring, agency_id=agency_id, person_id=person
                )
                if reference is not None:
                    names[(agency_id, reference)] = person
        events = defaultdict(list)
        for row in connection.execute(select(EVENT)):
            events[row.person_id].append(row.event_type)
        rows = connection.execute(select(DELIVERY))
        found = query.entries(
            connection, EntryFilter(), keys=house.log_keys(), limit=10**6, tree_size=10**9
        )
        return cls(
            persons={
                person: reference
                for (agency_id, reference), person in names.items()
                if agency_id == "prison"
            },
            names=names,
            events=events,
            deliveries={row.jti: row for row in rows},
            entries=[{"id": entry.id, **entry.sections} for entry in found],
        )


def account(scene: Scene, seed: str) -> Stored:
    """Let everything arrive, stop the processes, and hold what came to what is stored.

    It says how much that was.
    """
    installation = scene.installation
    scene.deliver_everything()
    for name in list(installation.processes):
        assert installation.stop(name) in WELL, installation.log(name)[-3000:]
    house = make_house(installation.settings, at=installation.clock())
    with opened(installation.settings) as database:
        stored = database.read_blocking(lambda c: Stored.read(c, house))
        export = database.read_blocking(lambda c: whole_log(c, house))
    assert scene.answered
    check_files(scene, stored)
    check_notices(scene, stored)
    check_numbers(scene)
    check_entries(scene, stored)
    check_log(scene, house, export)
    print(f"\n{_counts(scene, stored)}; seed {seed}")  # noqa: T201 - the result of a long run
    return stored


def _counts(scene: Scene, stored: Stored) -> str:
    letters = Counter(notice.jti for _, notice in scene.notices())
    kills = ", ".join(f"{name} {number}" for name, number in sorted(scene.kills.items()))
    return (
        f"kills: {kills or 'none'}; files: {len(scene.answered)} answered, "
        f"{len(scene.unanswered)} not; notices: {len(letters)}, "
        f"duplicates: {letters.total() - len(letters)}, "
        f"lost: {len(stored.deliveries) - len(letters)}"
    )


def check_files(scene: Scene, stored: Stored) -> None:
    """What was answered is there with its event; what was not may be there, whole."""
    kept = set(stored.persons.values())
    assert set(scene.answered) <= kept <= {*scene.answered, *scene.unanswered}
    for person in stored.persons:
        assert stored.events[person] == ["release_planned"]


def check_notices(scene: Scene, stored: Stored) -> None:
    """Each recipient has each committed person, under one name each, and nobody else."""
    jtis = defaultdict(set)
    for recipient, notice in scene.notices():
        person = stored.names[(recipient.agency_id, notice.reference)]
        assert person in stored.persons
        row = stored.deliveries[notice.jti]
        assert (row.person_id, row.agency_id) == (person, recipient.agency_id)
        assert (row.status, row.sequence) == ("sent", notice.sequence[0])
        jtis[(recipient.agency_id, person)].add(notice.jti)
    expected = {
        (recipient.agency_id, person) for recipient in scene.recipients for person in stored.persons
    }
    assert set(jtis) == expected
    assert all(len(names) == 1 for names in jtis.values())


def check_numbers(scene: Scene) -> None:
    """Numbers are gapless, and stay with their notice."""
    for recipient in scene.recipients:
        numbers = {notice.jti: notice.sequence for notice in recipient.notices()}
        assert all(numbers[notice.jti] == notice.sequence for notice in recipient.notices())
        assert sorted(numbers.values()) == [(place, 1) for place in range(1, len(numbers) + 1)]


def check_entries(scene: Scene, stored: Stored) -> None:
    """Every answer and every byte that left has its entry."""
    ids = {entry["id"] for entry in stored.entries}
    assert set(scene.read) <= ids
    collected = {
        entry["subject"]["person"]
        for entry in stored.entries
        if entry["circumstances"]["operation"] == "collection"
    }
    assert collected == set(stored.persons)
    intended = {
        (entry["payload"]["notification"], entry["payload"]["sha256"])
        for entry in stored.entries
        if entry["circumstances"]["outcome"] == "attempted"
    }
    left = {(n.jti, hashlib.sha256(n.sealed).hexdigest()) for _, n in scene.notices()}
    assert left <= intended
    delivered = [
        entry["payload"]["notification"]
        for entry in stored.entries
        if entry["circumstances"]["outcome"] == "delivered"
    ]
    assert sorted(delivered) == sorted(stored.deliveries)


def check_log(scene: Scene, house: House, export: bytes) -> None:
    """The log is one log, and goes on from every checkpoint that was ever saved."""
    report = verify_export(
        export.splitlines(keepends=True),
        Evidence(
            verifiers=[log_verifier(scene.installation.settings, house.ring)],
            saved_checkpoints=[*scene.notes, scene.installation.checkpoint],
        ),
    )
    assert report.finding is None, report.detail
    assert report.size == signed_size(scene.installation.checkpoint)
