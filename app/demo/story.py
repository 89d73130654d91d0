"""The story, step by step: put in, decide, notify, read, audit, tamper. Each step can fail."""

import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from app.audit.read_log import whole_log
from app.demo import cast, script
from app.demo.cast import (
    AUDITOR,
    COURT,
    EMPLOYMENT,
    PRISON,
    PROBATION,
    RECIPIENTS,
    STRANGER,
    WELFARE,
    Player,
)
from app.demo.expectations import differences, excess, leaks
from app.demo.report import Report
from app.demo.script import CONSENTED, IN_TIME, NEAR, PARTS, TOMORROW, Part
from app.demo.stage import DemoFailed, Stage, staged
from app.imports.outcomes import ROWS_REFUSED, Converted
from app.imports.rows import convert
from app.imports.shipped import named
from app.main import make_clock, make_house, opened, read_profile
from app.outbox.deliveries import DELIVERY, SENT
from app.population.generate import generate
from app.problems import InvalidInput
from app.receiver.client import AgencyClient
from app.receiver.errors import ServiceRefused
from app.releases.profile import Profile
from app.settings import PREFIX
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.store import ReceivedNotification

POPULATION = 200
SEED = 2026
# Whom the notices of each part reach, as the lead times of the profile have it.
TOLD = {
    IN_TIME.name: (PROBATION,),
    NEAR.name: RECIPIENTS,
    TOMORROW.name: (PROBATION, WELFARE, cast.POLICE),
}


@dataclass(kw_only=True)
class Story:
    """What has happened so far."""

    stage: Stage
    profile: Profile
    at: datetime
    population: Path
    mapping: str = "native"
    municipality: str = ""
    imported: dict[str, int] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    report: Report = field(default_factory=Report)

    def release_date(self, part: Part) -> date:
        """When the person of a part is released."""
        return script.release_date(part, profile=self.profile, at=self.at)

    def person_of(self, player: Player, part: Part) -> str:
        """The player's own reference for the person of a part."""
        return self.references[f"{player.id} {part.name}"]


@contextmanager
def played() -> Iterator[Story]:
    """The whole story, played in a temporary folder that goes with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="throughcare-demo-") as folder,
        staged(Path(folder)) as stage,
    ):
        story = Story(
            stage=stage,
            profile=read_profile(stage.settings),
            at=datetime.now(UTC),
            population=stage.folder / "population.ndjson",
        )
        for title, step in STEPS:
            story.report.step(title)
            step(story)
        yield story


def _make_installation(story: Story) -> None:
    made = story.stage.run("init", "--json")
    if made.returncode != 0:
        raise DemoFailed(f"init: {made.stderr}")
    story.report.log_key = json.loads(made.stdout)["log_key"]
    story.stage.equip_everybody(story.report.log_key)


def _choose_population(story: Story) -> None:
    """The file named by the environment, else one of our own making."""
    named = os.environ.get(f"{PREFIX}DEMO_INPUT")
    if named is None:
        records = generate(POPULATION, seed=SEED, today=story.profile.local_date(story.at))
        story.population.write_text("".join(json.dumps(record) + "\n" for record in records))
    else:
        story.population = Path(named)
        story.mapping = os.environ.get(f"{PREFIX}DEMO_MAPPING", story.mapping)
    story.report.source = named or f"{POPULATION} generated files"


def _register(story: Story) -> None:
    """Enter every agency. The four recipients are competent where most persons return to."""
    with story.population.open("rb") as lines:
        rows = list(convert(lines, named(story.mapping)))
    places = Counter(
        row.record["sections"]["residence_contact"]["return_municipality_code"]["value"]
        for row in rows
        if isinstance(row, Converted)
    )
    if not places:
        raise DemoFailed(
            f"no row of {story.population} could be read with the mapping `{story.mapping}`; "
            f"{PREFIX}DEMO_MAPPING names another one"
        )
    story.municipality = places.most_common(1)[0][0]
    story.stage.register_everybody(frozenset({story.municipality}))


def _start(story: Story) -> None:
    stage = story.stage
    stage.start("service", "serve")
    stage.wait_for("the service", stage.is_ready)
    for player in RECIPIENTS:
        configuration = stage.equipment[player.id].path
        stage.start(f"receiver-{player.id}", "receive", "--as", str(configuration), "--port", "0")
    stage.wait_for(
        "the handshakes of four receivers", lambda: all(map(_subscribed(story), RECIPIENTS))
    )


def _subscribed(story: Story) -> Callable[[Player], bool]:
    """Whether a player's endpoint has answered the nonce, as its own store knows it."""

    def check(player: Player) -> bool:
        return any(
            received.notification.event_type == "verification" and received.answer_state == "taken"
            for received in _received(story, player)
        )

    return check


def _import(story: Story) -> None:
    stage = story.stage
    done = stage.run(
        "import", str(story.population), "--mapping", story.mapping,
        "--as", str(stage.equipment[PRISON.id].path),
        "--answers", str(stage.folder / "answers.ndjson"),
        "--json",
    )  # fmt: skip
    # Some rows of a real register are refused; the report says which.
    if done.returncode not in (0, ROWS_REFUSED):
        raise DemoFailed(f"import: {done.stderr}")
    outcome = json.loads(done.stdout)
    story.refused = outcome.pop("rows_refused")
    # A row may be refused for what it says, and for nothing else.
    for row in story.refused:
        if row.get("problem") not in (None, InvalidInput.slug):
            raise DemoFailed(f"import: {row}")
    story.imported = outcome
    story.report.imported(outcome, story.refused)


def _prepare_cases(story: Story) -> None:
    """The prison picks three persons, refers them, and takes a consent."""
    for part in PARTS:
        reference = f"DEMO-{part.name}"
        story.references[f"{PRISON.id} {part.name}"] = reference
        # The file is opened without a date: nobody is told before the case is prepared.
        sections = script.prison_sections(story.release_date(part), municipality=story.municipality)
        del sections["release"]["planned_release_date"]
        with story.stage.client(PRISON) as prison:
            prison.request("PUT", f"/v1/inmate-files/{reference}", json={"sections": sections})
        for player in (COURT, WELFARE, *((EMPLOYMENT,) if part is NEAR else ())):
            _refer(story, part, player)
    with story.stage.client(PRISON) as prison:
        consent = {
            "reference": story.person_of(PRISON, NEAR),
            "recipient_agency": EMPLOYMENT.id,
            "purpose": EMPLOYMENT.purpose,
            "fields": list(CONSENTED),
            "text_version": "2026-1",
            "evidence_sha256": "0" * 64,
            "expires_on": (story.release_date(NEAR) + timedelta(days=180)).isoformat(),
        }
        prison.request("POST", "/v1/consents", json=consent)


def _refer(story: Story, part: Part, player: Player) -> None:
    """The prison offers a case, the agency accepts it and learns its own reference."""
    with story.stage.client(PRISON) as prison, story.stage.client(player) as agency:
        offer = {"reference": story.person_of(PRISON, part), "agency": player.id}
        made = prison.request("POST", "/v1/case-assignments", json=offer).json()
        accepted = agency.request(
            "POST", f"/v1/case-assignments/{made['assignment_id']}/acceptance"
        ).json()
    story.references[f"{player.id} {part.name}"] = accepted["reference"]


def _contribute_sentence(story: Story) -> None:
    """The court writes its own section; nobody else may."""
    with story.stage.client(COURT) as court:
        for part in PARTS:
            path = f"/v1/inmate-files/{story.person_of(COURT, part)}"
            etag = court.request("GET", path).headers["etag"]
            court.request(
                "PATCH",
                f"{path}/sections/sentence",
                json=script.court_section(story.release_date(part)),
                headers={"If-Match": etag},
            )


def _set_dates(story: Story) -> None:
    """The release dates become known: milestones fall due."""
    with story.stage.client(PRISON) as prison:
        for part in PARTS:
            story.report.say(f"person {part.name}, {part.shows}")
            path = f"/v1/inmate-files/{story.person_of(PRISON, part)}"
            etag = prison.request("GET", path).headers["etag"]
            release = {"planned_release_date": {"value": story.release_date(part).isoformat()}}
            prison.request(
                "PATCH", f"{path}/sections/release", json=release, headers={"If-Match": etag}
            )


def _await_notices(story: Story) -> None:
    """Every notice arrives, is opened, verified, stored and acknowledged."""
    expected = [(part, player) for part in PARTS for player in TOLD[part.name]]
    story.stage.wait_for("the notices", lambda: all(_acknowledged(story, *one) for one in expected))
    for player in RECIPIENTS:
        for received in _notices(story, player):
            _check_notice(story, player, received)


def _acknowledged(story: Story, part: Part, player: Player) -> bool:
    """Whether the player has got, opened and acknowledged its notice of a part."""
    return any(
        received.answer_state == "taken"
        and _is_about(received.notification.event["released"], story, part)
        for received in _notices(story, player)
    )


def _check_notice(story: Story, player: Player, received: ReceivedNotification) -> None:
    """What was opened holds nothing that the table does not give, and no withheld value."""
    released = received.notification.event["released"]
    if _is_about(released, story, NEAR):
        sections = script.prison_sections(story.release_date(NEAR), municipality=story.municipality)
        story.report.require(excess(player, released))
        story.report.require(leaks(player, sections, released))
        story.report.opened[player.id] = released


def _is_about(released: dict[str, Any], story: Story, part: Part) -> bool:
    """Whether this is the person of a part, as far as a recipient can tell."""
    name = json.dumps(released.get("identity", {}).get("full_name", {}).get("value"))
    release = released.get("release", {}).get("planned_release_date", {}).get("value")
    day = story.release_date(part)
    return script.FAMILY_NAME in name and release in (day.isoformat(), _week(day))


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def _lead_times(connection: Connection) -> dict[str, list[int]]:
    """Days from notice to release by agency, as the service measured them."""
    # A notice of something else than a release, as of conditions set, has no lead time.
    query = select(DELIVERY.c.agency_id, DELIVERY.c.lead_days).where(
        DELIVERY.c.status == SENT, DELIVERY.c.lead_days.is_not(None)
    )
    days: dict[str, list[int]] = {}
    for row in connection.execute(query.order_by(DELIVERY.c.agency_id)):
        days.setdefault(row.agency_id, []).append(row.lead_days)
    return days


def _read_files(story: Story) -> None:
    """Each agency learns its references and reads; each view equals the table."""
    for player in RECIPIENTS:
        with story.stage.client(player) as client:
            views = [client.read_file(case["reference"]) for case in client.cases()]
        view = next(view for view in views if _is_about(view["released"], story, NEAR))
        sections = script.prison_sections(story.release_date(NEAR), municipality=story.municipality)
        story.report.require(leaks(player, sections, view["released"]))
        story.report.require(differences(player, view))
        story.views[player.id] = view
        story.references[f"{player.id} {NEAR.name}"] = view["reference"]


def _ask_without_right(story: Story) -> None:
    """Another police station asks with a true reference and with an invented one."""
    answers = set()
    with story.stage.client(STRANGER) as stranger:
        for reference in (story.person_of(cast.POLICE, NEAR), "no-such-reference"):
            try:
                stranger.read_file(reference)
            except ServiceRefused as refusal:
                answers.add((refusal.status, str(refusal)))
    if len(answers) != 1 or next(iter(answers))[0] != 404:  # noqa: PLR2004 - HTTP
        raise DemoFailed(f"a stranger can tell the answers apart: {sorted(answers)}")
    story.report.note("another police station: the same 404 for a true and an invented reference")


def _audit(story: Story) -> None:
    """The auditor asks who received what, and proves that the record is whole."""
    with story.stage.client(AUDITOR) as auditor:
        page = auditor.request(
            "GET",
            "/v1/access-log/entries",
            query={"agency": cast.POLICE.id, "operation": "disclosure", "limit": "200"},
        ).json()
        story.report.audited(page["entries"])
        story.stage.wait_for("the checkpoint", lambda: _is_current(auditor))
    export = story.stage.folder / "export.ndjson"
    configuration = str(story.stage.equipment[AUDITOR.id].path)
    fetched = story.stage.run("access-log", "export", str(export), "--as", configuration)
    if fetched.returncode != 0:
        raise DemoFailed(f"export: {fetched.stderr}")
    _verify(story, export, sound=True)


def _is_current(auditor: AgencyClient) -> bool:
    """Whether a checkpoint covers the auditor's own last read."""
    page = auditor.request("GET", "/v1/access-log/entries", query={"limit": "1"}).json()
    size: int = page["tree_size"]
    note = auditor.request("GET", "/log/checkpoint").content.decode()
    return int(note.split("\n")[1]) >= size - 1


def _tamper(story: Story) -> None:
    """The service has stopped; somebody changes one row of a copy, and verification names it."""
    stage = story.stage
    stage.clear()
    with opened(stage.settings) as stopped:
        story.report.lead_days = stopped.read_blocking(_lead_times)
    copy = stage.folder / "tampered.db"
    shutil.copy(stage.folder / "throughcare.db", copy)
    with sqlite3.connect(copy) as database:
        (size,) = database.execute("SELECT count(*) FROM access_log_lookup").fetchone()
        victim = size // 2
        database.execute(
            "UPDATE access_log_entry SET leaf = replace(leaf, '\"version\":1', '\"version\":2')"
            " WHERE entry_id = (SELECT entry_id FROM access_log_lookup WHERE log_index = ?)",
            (victim,),
        )
    database.close()
    export = stage.folder / "tampered.ndjson"
    settings = replace(stage.settings, database_url=f"sqlite:///{copy}")
    house = make_house(settings, at=make_clock(settings)())
    with opened(settings) as opened_copy:
        export.write_bytes(opened_copy.read_blocking(lambda c: whole_log(c, house)))
    report = _verify(story, export, sound=False)
    if report["index"] != victim:
        raise DemoFailed(f"entry {victim} was changed, verification names {report['index']}")
    story.report.note(f"one row changed: verification says {report['finding']} at entry {victim}")


def _verify(story: Story, export: Path, *, sound: bool) -> dict[str, Any]:
    """Run the verifier as its own process, with nothing but the export and the log's key."""
    key = story.report.log_key
    done = story.stage.run("access-log", "verify", str(export), "--key", key, "--json")
    if (done.returncode == 0) is not sound:
        raise DemoFailed(f"verification ended with {done.returncode}: {done.stdout}{done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    if sound:
        story.report.note(f"access log: {report['size']} entries, verified from an export")
    return report


def _received(story: Story, player: Player) -> tuple[ReceivedNotification, ...]:
    with _store(story, player) as store:
        return store.received()


def _notices(story: Story, player: Player) -> list[ReceivedNotification]:
    return [
        received
        for received in _received(story, player)
        if received.notification.event_type != "verification"
    ]


def _store(story: Story, player: Player) -> SqliteStore:
    return SqliteStore.open(story.stage.equipment[player.id].configuration.store)


STEPS: tuple[tuple[str, Callable[[Story], None]], ...] = (
    (
        "make keys, tables and a signed access log; a first policy takes effect",
        _make_installation,
    ),
    ("choose the population", _choose_population),
    ("register a prison, a court, four receiving agencies, a stranger and an auditor", _register),
    ("start the service and four receivers; shake hands", _start),
    ("import the population", _import),
    ("open three cases: refer them, take a consent", _prepare_cases),
    ("the court writes the sentence", _contribute_sentence),
    ("the release dates become known", _set_dates),
    ("notices are sealed, sent, opened, verified, acknowledged", _await_notices),
    ("the agencies read", _read_files),
    ("somebody without a right asks", _ask_without_right),
    ("the auditor asks and verifies", _audit),
    ("somebody changes a row", _tamper),
)
