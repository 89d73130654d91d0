"""Milestones as rows: planned, due, told, forgotten."""

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, update

from app.database import Database
from app.outbox import milestones
from app.outbox.competence import FILE
from app.outbox.milestones import Due
from app.releases.milestones import FiredMilestone, PlannedMilestone
from tests.outbox.conftest import START, Office

RELEASE = date(2027, 6, 1)


def planned(name: str, *, release: date = RELEASE, due_at: datetime = START) -> PlannedMilestone:
    return PlannedMilestone(name, release, due_at.date(), due_at)


def plan(
    connection: Connection, *steps: PlannedMilestone, person: str = "one", forget: bool = False
) -> None:
    milestones.replace(connection, person, steps, forget_fired=forget)


def due(connection: Connection, *, at: datetime = START, limit: int = 99) -> list[Due]:
    return milestones.due(connection, at=at, limit=limit)


def test_what_is_due_of_a_person_comes_together(office: Office) -> None:
    office.person("one")
    early = START - timedelta(days=2)
    later = START + timedelta(microseconds=1)
    plan(
        office.connection,
        planned("T-60"),
        planned("T-90", due_at=early),
        planned("T-30", due_at=later),
    )
    assert due(office.connection) == [Due("one", RELEASE, ("T-90", "T-60"))]


def test_the_longest_waiting_come_first_and_no_more_than_asked(office: Office) -> None:
    for number, person in enumerate(("c", "b", "a")):
        office.person(person)
        at = START - timedelta(days=3 - number)
        steps = [planned(name, due_at=at) for name in ("T-180", "T-90", "T-60")]
        plan(office.connection, *steps, person=person)
    found = due(office.connection, limit=2)
    assert {one.person_id for one in found} == {"c", "b"}
    assert all(len(one.names) == 3 for one in found)


def test_what_was_told_is_not_due_again(office: Office) -> None:
    office.person("one")
    plan(office.connection, planned("T-90"), planned("T-60"))
    [told] = due(office.connection)
    milestones.mark_told(office.connection, told)
    assert due(office.connection) == []
    assert sorted(milestones.fired(office.connection, "one"), key=lambda one: one.name) == [
        FiredMilestone("T-60", RELEASE),
        FiredMilestone("T-90", RELEASE),
    ]


def test_a_new_plan_replaces_what_is_not_told(office: Office) -> None:
    office.person("one")
    plan(office.connection, planned("T-90"))
    milestones.mark_told(office.connection, due(office.connection)[0])
    other = RELEASE + timedelta(days=5)
    plan(office.connection, planned("T-60"), planned("T-30"))
    plan(office.connection, planned("T-60", release=other))
    assert due(office.connection) == [Due("one", other, ("T-60",))]
    assert milestones.fired(office.connection, "one") == [FiredMilestone("T-90", RELEASE)]


def test_what_was_told_is_forgotten_if_asked_to(office: Office) -> None:
    office.person("one")
    plan(office.connection, planned("T-90"))
    milestones.mark_told(office.connection, due(office.connection)[0])
    plan(office.connection, forget=True)
    assert milestones.fired(office.connection, "one") == []
    plan(office.connection, planned("T-90"))
    assert len(due(office.connection)) == 1


def test_passed_is_what_was_told_for_any_date_and_is_not_planned_anew(office: Office) -> None:
    office.person("one")
    plan(office.connection, planned("T-90"), planned("T-60"))
    milestones.mark_told(office.connection, due(office.connection)[0])
    assert sorted(milestones.passed(office.connection, "one")) == ["T-60", "T-90"]
    other = RELEASE + timedelta(days=20)
    plan(office.connection, planned("T-60", release=other), planned("T-30", release=other))
    assert milestones.passed(office.connection, "one") == ["T-90"]
    [told] = due(office.connection)
    milestones.mark_told(office.connection, told)
    assert sorted(milestones.passed(office.connection, "one")) == ["T-30", "T-60", "T-90"]


def test_milestones_of_other_persons_are_left_alone(office: Office) -> None:
    for person in ("one", "two"):
        office.person(person)
        plan(office.connection, planned("T-90"), person=person)
    plan(office.connection, person="one", forget=True)
    assert [one.person_id for one in due(office.connection)] == ["two"]
    assert milestones.passed(office.connection, "two") == []


def test_a_file_that_is_being_changed_waits_for_the_next_look(database: Database) -> None:
    """On PostgreSQL; SQLite has one writer."""

    def prepare(connection: Connection) -> None:
        office = Office(connection)
        office.agency("prison", "correctional_service")
        for person in ("one", "two"):
            office.person(person)
            plan(connection, planned("T-90"), person=person)

    database.run_blocking(prepare)
    changing, looked = threading.Event(), threading.Event()

    def change(connection: Connection) -> None:
        connection.execute(update(FILE).where(FILE.c.person_id == "one").values(version=2))
        changing.set()
        looked.wait(2 if connection.dialect.name == "postgresql" else 0.1)

    running = database.submit(change)
    changing.wait()
    found = persons(database, due)
    looked.set()
    running.result()
    assert found in (["two"], ["one", "two"])
    assert (found == ["two"]) is (database.engine.dialect.name == "postgresql")
    assert persons(database, due) == ["one", "two"]


def persons(database: Database, look: Callable[[Connection], list[Due]]) -> list[str]:
    return sorted(one.person_id for one in database.run_blocking(look))
