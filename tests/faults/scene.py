"""A prison that never rests and two agencies that are told, while processes come and go."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import httpx
from sqlalchemy import Connection

from app.main import make_house, opened
from tests.faults.installation import SERVE, Installation
from tests.notifications.agency import Agency, Notice
from tests.notifications.mailroom import Letter, Mailroom, mailroom, wait_until
from tests.notifications.play import enrol, open_http

PLACE = "XK-GJILAN"
# Longer than a lease: what a killed process had claimed is free again.
AFTER_A_LEASE = 31
# Between two files: a long run is one of many kills, not of many files.
PACE_SECONDS = 0.05
# So long everything may take to arrive when all is over.
PATIENCE_SECONDS = 120
# So long something may take to happen; without it the kill comes all the same.
LONGEST_SECONDS = 5
# An endpoint takes so long while somebody waits for a kill in between.
READING_SECONDS = 0.1


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
    kills: Counter[str] = field(default_factory=Counter)
    put: threading.Event = field(default_factory=threading.Event)
    letter: threading.Event = field(default_factory=threading.Event)
    # Somebody answers, or soon will.
    up: threading.Event = field(default_factory=threading.Event)
    # Time stands still while a request is on its way.
    still: threading.Lock = field(default_factory=threading.Lock)
    _done: threading.Event = field(default_factory=threading.Event)
    _broken: list[BaseException] = field(default_factory=list)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The prison puts files in until the block ends; what goes wrong there fails the test."""
        self.up.set()
        thread = threading.Thread(target=self._put_files)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()
        assert not self._broken, self._broken

    def _put_files(self) -> None:
        try:
            while not self._done.wait(PACE_SECONDS):
                if self.up.wait(PACE_SECONDS):
                    with self.still:
                        self.put_file(f"P-{len(self.answered) + len(self.unanswered)}")
        except BaseException as error:  # noqa: BLE001 - of a thread, to be seen by the test
            self._broken.append(error)

    def put_file(self, reference: str) -> None:
        """Put a file in and read it; where nobody answers, it is not known what became of it."""
        try:
            stored = self.ask_to_store(reference)
        except httpx.TransportError:
            self.unanswered.append(reference)
            return
        assert stored.status_code == 201, stored.text
        self.answered[reference] = stored.headers["etag"]
        self.put.set()
        try:
            read = self.prison.call("GET", f"/v1/inmate-files/{reference}")
        except httpx.TransportError:
            return
        assert read.status_code == 200, read.text
        self.read.append(read.headers["disclosure-entry"])

    def ask_to_store(self, reference: str) -> httpx.Response:
        """Put a file in of somebody who is released soon, whatever is answered."""
        return self.prison.call("PUT", f"/v1/inmate-files/{reference}", self.file_of(reference))

    def file_of(self, reference: str) -> dict[str, Any]:
        """The file of somebody who is released soon."""
        release = self.installation.clock().date() + timedelta(days=40)
        return {
            "sections": {
                "identity": {"full_name": {"value": {"family": "Wexample", "given": [reference]}}},
                "residence_contact": {"return_municipality_code": {"value": PLACE}},
                "release": {"planned_release_date": {"value": release.isoformat()}},
            }
        }

    def kill(self, name: str, manner: str, **next_life: str) -> None:
        """Wait for the moment, take a process away as it stands, and start it again."""
        self._wait_for(manner)
        assert not self._broken, self._broken
        self.notes.append(self.installation.checkpoint)
        self.installation.check_alive(name)
        self.installation.kill(name)
        if name == SERVE:
            self.up.clear()
        self.kills[name.partition("-")[0]] += 1
        if manner == "unsigned" and self.installation.is_embedded:
            # The next start must bear entries that no checkpoint vouches for.
            assert self.is_unsigned()
        self.pass_time()
        self.installation.start(name, **next_life)
        self.up.set()

    def pass_time(self, seconds: float = AFTER_A_LEASE) -> None:
        """Let time pass between two requests, and for nobody who is just starting."""
        self.installation.wait_until_at_work()
        with self.still:
            self.installation.clock.advance(seconds=seconds)

    def _wait_for(self, manner: str) -> None:
        if manner == "any":
            time.sleep(self.random.uniform(0.0, 0.3))
            return
        self.put.clear()
        self.put.wait(LONGEST_SECONDS)
        if manner == "reading":
            self.letter.clear()
            self.letter.wait(LONGEST_SECONDS)
        elif manner == "claimed":
            wait_until(self.is_claimed)
        elif manner == "unsigned":
            wait_until(self.is_unsigned)

    def reading(self, _: Letter) -> None:
        """A letter has come and is not answered yet."""
        if not self.letter.is_set():
            self.letter.set()
            time.sleep(READING_SECONDS)

    def shake_hands(self) -> None:
        """Both agencies subscribe and answer their nonces."""
        for recipient in self.recipients:
            recipient.subscribe()
            wait_until(recipient.nonces)
            assert recipient.answer_handshake(recipient.nonces()[0]).status_code == 204

    def is_unsigned(self) -> bool:
        """Whether entries are committed that no checkpoint vouches for."""
        with self.installation.look() as ask:
            size = ask("SELECT size FROM access_log_head") + ask(
                "SELECT count(*) FROM access_log_pending"
            )
        return bool(size > signed_size(self.installation.checkpoint))

    def is_claimed(self) -> bool:
        """Whether somebody has taken a delivery and not ended it."""
        with self.installation.look() as ask:
            return bool(
                ask("SELECT count(*) FROM delivery WHERE status = 'queued' AND lease IS NOT NULL")
            )

    def deliver_everything(self) -> None:
        """Time passes until the outbox is empty."""

        for _ in range(PATIENCE_SECONDS):
            with suppress(AssertionError):
                return wait_until(self.installation.is_told, seconds=1)
            self.pass_time()
        raise AssertionError("it did not all arrive")

    def notices(self) -> Iterator[tuple[Agency, Notice]]:
        for recipient in self.recipients:
            for notice in recipient.notices():
                yield recipient, notice


@contextmanager
def staged(installation: Installation, seed: str) -> Iterator[Scene]:
    """A scene in a fresh installation; whatever runs at its end is killed."""
    with mailroom() as room, open_http() as http:
        prison = _agency(installation, room, http, "prison", "release_preparation")
        recipients = (
            _agency(installation, room, http, "probation", "supervision"),
            _agency(installation, room, http, "welfare", "social_support"),
        )
        scene = Scene(installation, prison, recipients, Random(seed))  # noqa: S311 - when to kill is no secret
        _register(scene)
        for recipient in recipients:
            recipient.box.reading = scene.reading
        try:
            yield scene
        finally:
            installation.kill_all()


def _agency(
    installation: Installation, room: Mailroom, http: httpx.Client, name: str, purpose: str
) -> Agency:
    return Agency(
        agency_id=name,
        issuer=installation.settings.issuer,
        purpose=purpose,
        legal_basis=f"illustrative:{name}",
        box=room.box(name),
        clock=installation.clock,
        http=http,
    )


def _register(scene: Scene) -> None:
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
