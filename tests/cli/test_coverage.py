"""`throughcare coverage`: who would be told where, and where nobody would."""

import csv
from datetime import date

import pytest
from sqlalchemy import Connection

from app.administration import registry
from app.agencies.registry import AgencyRecord
from app.cases import references
from app.files import store
from app.files.store import StoredFile
from app.house import House
from app.main import make_clock, opened
from app.outbox.planning import Occurrence, announce
from tests.cli.command_line import Installation
from tests.cli.conftest import Invoke

PERSON = "0" * 32
PEJA, GJILAN = "XK-PEJA", "XK-GJILAN"


def agency(agency_id: str, role: str, *places: str, fallback: bool = False) -> AgencyRecord:
    return AgencyRecord(
        agency_id=agency_id,
        name=agency_id,
        role=role,
        country="XK",
        municipalities=frozenset(places),
        fallback=fallback,
    )


@pytest.fixture
def covered(installation: Installation, house: House) -> Installation:
    """Police in Gjilan, a national probation service, and somebody who returns to Peja."""
    at = make_clock(installation.settings)()

    def work(connection: Connection) -> None:
        for record in (
            agency("prison", "correctional_service"),
            agency("police", "police_local", GJILAN),
            agency("probation", "probation_service", fallback=True),
        ):
            registry.register_agency(connection, house, record, at=at)
        sections = {
            "release": {"planned_release_date": {"value": date(2040, 1, 2).isoformat()}},
            "residence_contact": {"return_municipality_code": {"value": PEJA}},
        }
        file = StoredFile(person_id=PERSON, custodian="prison", sections=sections)
        store.create(connection, file, ring=house.ring, at=at, random=house.random)
        references.name(
            connection,
            ring=house.ring,
            agency_id="prison",
            person_id=PERSON,
            reference="P-1",
            at=at,
            random=house.random,
        )
        announce(connection, house.planner, PERSON, Occurrence(event="escaped"), at=at)

    with opened(installation.settings) as database:
        database.run_blocking(work)
    return installation


def test_each_cell_says_by_which_agency_or_that_it_is_nobody(
    covered: Installation, invoke: Invoke
) -> None:
    assert covered
    told = invoke("coverage", "--json", "--event", "release_planned").json["coverage"]
    cells = {(one["municipality"], one["role"]): (one["how"], one["agencies"]) for one in told}
    assert cells[GJILAN, "police_local"] == ("competent", ["police"])
    assert cells[PEJA, "police_local"] == ("nobody", [])
    assert cells[PEJA, "probation_service"] == ("fallback", ["probation"])
    assert not any(one["reachable"] for one in told)


def test_a_person_of_whom_nobody_could_be_told_is_an_open_alarm(
    covered: Installation, invoke: Invoke
) -> None:
    assert covered
    [alarm] = invoke("coverage", "--json").json["alarms"]
    assert alarm.pop("raised_at")
    assert alarm == {
        "reason": "nobody-competent",
        "event": "escaped",
        "municipality": PEJA,
        "custodian": "prison",
        "reference": "P-1",
    }
    shown = invoke("coverage", "--event", "escaped", "--municipality", PEJA).out
    assert "nobody-competent: escaped, XK-PEJA, prison P-1" in shown
    assert "police_local" in shown


def test_the_table_is_a_file_for_other_programs_too(covered: Installation, invoke: Invoke) -> None:
    assert covered
    rows = [*csv.DictReader(invoke("coverage", "--csv").out.splitlines())]
    assert {row["municipality"] for row in rows} == {GJILAN, PEJA}
    assert {"escaped", "temporary_leave_granted", "released"} <= {row["event"] for row in rows}
    # What rests on a past receipt is not for the registry to decide.
    assert not {"release_cancelled", "recaptured"} & {row["event"] for row in rows}
