"""kill -9 at random points: nothing that was promised is lost, nothing that was not is sent.

`THROUGHCARE_TEST_KILLS` says how often, `THROUGHCARE_TEST_SEED` repeats a run.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, select

from app.access_log import query
from app.access_log.query import EntryFilter
from app.access_log.verifier import verify_export
from app.audit.read_log import whole_log
from app.cases import references
from app.house import House
from app.main import log_verifier, make_house, opened
from app.outbox.competence import FILE
from app.outbox.deliveries import DELIVERY
from app.outbox.receipts import EVENT
from tests.faults.installation import Installation
from tests.notifications.agency import Agency, Notice
from tests.notifications.mailroom import Mailroom, mailroom, wait_until
from tests.notifications.play import enrol, open_http

KILLS = int(os.environ.get("THROUGHCARE_TEST_KILLS", "3"))
PLACE = "XK-GJILAN"
# Longer than a lease: what a killed service had claimed is free again.
AFTER_A_LEASE = 31
# How a kill is timed: after a while, while a notice is read, after an answer, before signing.
MANNERS = ("any", "reading", "answered", "unsigned")


@dataclass
class Scene:
    """An installation with a prison and two agencies that are told of every release."""

    installation: Installation
    prison: Agency
    recipients: tuple[Agency, ...]
    random: Random
    answered: dict[str, str] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    put: threading.Event = field(default_factory=threading.Event)
    letter: threading.Event = field(default_factory=threading.Event)

    def put_files(self) -> None:
        """Put files in, one after the other, until nobody answers."""
        while True:
            reference = f"P-{len(self.answered) + len(self.unanswered)}"
            try:
                self._put(reference)
            except httpx.TransportError:
                self.unanswered.append(reference)
                return
            self.put.set()
            time.sleep(0.01)

    def _put(self, reference: str) -> None:
        release = self.installation.clock().date() + timedelta(days=40)
        body = {
            "sections": {
                "identity": {"full_name": {"value": {"family": "Wexample", "given": [reference]}}},
                "residence_contact": {"return_municipality_code": {"value": PLACE}},
                "release": {"planned_release_date": {"value": release.isoformat()}},
            }
        }
        path = f"/v1/inmate-files/{reference}"
        stored = self.prison.call("PUT", path, body)
        assert stored.status_code == 201, stored.text
        self.answered[reference] = stored.headers["etag"]
        read = self.prison.call("GET", path)
        assert read.status_code == 200, read.text
        self.read.append(read.headers["disclosure-entry"])

    def live(self, manner: str) -> None:
        """One life of the service, from its start to its violent end."""
        interval = "1000" if manner == "unsigned" else "0.05"
        self.installation.start(CHECKPOINT_INTERVAL=interval)
        self.shake_hands()
        self.put.clear()
        self.letter.clear()
        prison = threading.Thread(target=self.put_files)
        prison.start()
        if manner == "reading":
            self.letter.wait(30)
        elif manner == "answered":
            self.put.wait(30)
        elif manner == "unsigned":
            wait_until(self.is_unsigned)
        else:
            time.sleep(self.random.uniform(0.05, 0.8))
        self.notes.append(self.installation.checkpoint)
        self.installation.kill()
        prison.join()
        if manner == "unsigned":
            # The next start must bear entries that no checkpoint vouches for.
            assert self.is_unsigned()
        self.installation.clock.advance(seconds=AFTER_A_LEASE)

    def shake_hands(self) -> None:
        """Answer the nonces of both agencies, unless that was done in an earlier life."""
        for recipient in self.recipients:
            if not recipient.subscription_id:
                recipient.subscribe()
                wait_until(partial(recipient.nonces))
                assert recipient.answer_handshake(recipient.nonces()[0]).status_code == 204

    def is_unsigned(self) -> bool:
        """Whether entries are committed that no checkpoint vouches for."""
        with closing(sqlite3.connect(self.installation.folder / "throughcare.db")) as database:
            [size] = database.execute("SELECT size FROM access_log_head").fetchone()
        return bool(size > signed_size(self.installation.checkpoint))

    def notices(self) -> Iterator[tuple[Agency, Notice]]:
        for recipient in self.recipients:
            for notice in recipient.notices():
                yield recipient, notice


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    seed = os.environ.get("THROUGHCARE_TEST_SEED", secrets.token_hex(4))
    print(f"THROUGHCARE_TEST_SEED={seed}")  # noqa: T201 - shown when the test fails
    with open_http() as http, mailroom() as room:
        installation = Installation(tmp_path, http)
        prison = agency(installation, room, "prison", "release_preparation")
        recipients = (
            agency(installation, room, "probation", "supervision"),
            agency(installation, room, "welfare", "social_support"),
        )
        scene = Scene(installation, prison, recipients, Random(seed))  # noqa: S311 - when to kill is no secret
        register(scene)
        for recipient in recipients:
            recipient.box.reading = lambda _: scene.letter.set()
        try:
            yield scene
        finally:
            installation.kill()


def agency(installation: Installation, room: Mailroom, name: str, purpose: str) -> Agency:
    return Agency(
        agency_id=name,
        issuer=installation.settings.issuer,
        purpose=purpose,
        legal_basis=f"illustrative:{name}",
        box=room.box(name),
        clock=installation.clock,
        http=installation.http,
    )


def register(scene: Scene) -> None:
    settings, at = scene.installation.settings, scene.installation.clock()
    house = make_house(settings, at=at)
    roles = ("correctional_service", "probation_service", "social_welfare_centre")

    def work(connection: Connection) -> None:
        for one, role in zip((scene.prison, *scene.recipients), roles, strict=True):
            enrol(connection, house, one, role, (PLACE,), at=at)

    with opened(settings) as database:
        database.run_blocking(work)


def signed_size(note: str) -> int:
    """How many entries a checkpoint vouches for: its second line."""
    return int(note.split("\n")[1])


def test_what_was_answered_survives_and_nothing_else_is_told(scene: Scene) -> None:
    manners = [MANNERS[number % len(MANNERS)] for number in range(KILLS)]
    scene.random.shuffle(manners)
    for manner in manners:
        scene.live(manner)
    scene.installation.start()
    deliver_everything(scene)
    scene.installation.stop()
    with opened(scene.installation.settings) as database:
        house = make_house(scene.installation.settings, at=scene.installation.clock())
        stored = database.read_blocking(lambda c: Stored.read(c, house))
        export = database.read_blocking(lambda c: whole_log(c, house))
    print(f"{len(scene.answered)} files answered, {len(scene.unanswered)} not")  # noqa: T201 - shown when the test fails
    assert scene.answered
    check_files(scene, stored)
    check_notices(scene, stored)
    check_numbers(scene)
    check_entries(scene, stored)
    check_log(scene, house, export)


def deliver_everything(scene: Scene) -> None:
    """Time passes until the outbox is empty."""

    def is_empty() -> bool:
        path = "/v1/subscriptions/{}/deliveries"
        listed = [
            recipient.call("GET", path.format(recipient.subscription_id)).json()["deliveries"]
            for recipient in scene.recipients
        ]
        return all(row["status"] == "sent" for rows in listed for row in rows)

    def all_told() -> bool:
        scene.installation.clock.advance(seconds=AFTER_A_LEASE)
        time.sleep(0.1)
        told = [{n.reference for n in recipient.notices()} for recipient in scene.recipients]
        return all(len(seen) >= len(scene.answered) for seen in told) and is_empty()

    wait_until(all_told)


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
        verifiers=[log_verifier(scene.installation.settings, house.ring)],
        saved_checkpoints=[*scene.notes, scene.installation.checkpoint],
    )
    assert report.finding is None, report.detail
    assert report.size == signed_size(scene.installation.checkpoint)
