"""`throughcare coverage`: who would be told where, and where nobody would."""

import csv
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, select, update

from app.administration import registry
from app.agencies.registry import AGENCY, AgencyRecord, ClientRecord, add_client, on_basis
from app.cases import references
from app.files import store
from app.files.store import StoredFile
from app.house import House
from app.main import make_clock, opened
from app.outbox import escalations, subscriptions
from app.outbox.competence import FILE
from app.outbox.deliveries import DELIVERY
from app.outbox.planning import Occurrence, announce
from app.outbox.subscriptions import NewSubscription
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
    nobody_is = alarm.pop("nobody_is")
    assert "police_local" in nobody_is
    # Elsewhere somebody has the role, and so has somebody who stands in: neither is missed here.
    assert not {"probation_service", "ngo_mentor"} & {*nobody_is}
    assert alarm == {
        "reason": "nobody-competent",
        "event": "escaped",
        "municipality": PEJA,
        "custodian": "prison",
        "reference": "P-1",
    }
    shown = invoke("coverage", "--event", "escaped", "--municipality", PEJA).out
    named = ", ".join(nobody_is)
    assert (
        f"nobody-competent: escaped, XK-PEJA, prison P-1, without an agency there: {named}\n"
        in shown
    )
    [nobody] = [line for line in shown.splitlines() if line.startswith("  nobody: ")]
    assert "police_local" in nobody
    # A role that is told at a step of its own does not make up for those that were not.
    added = ("--name", "Welfare", "--role", "social_welfare_centre", "--country", "XK")
    assert invoke("agency", "add", "welfare", *added, "--municipality", PEJA).code == 0
    shown = invoke("coverage", "--event", "escaped", "--municipality", PEJA).out
    assert "nobody-competent: escaped, XK-PEJA, prison P-1" in shown
    assert "social_welfare_centre" not in shown.splitlines()[-2]


def test_a_notice_that_nobody_answered_stands_there_with_the_second_contact(
    covered: Installation, invoke: Invoke, house: House
) -> None:
    now = make_clock(covered.settings)()
    then = now - timedelta(days=2)

    def work(connection: Connection) -> None:
        client = ClientRecord(
            client_id="probation-1",
            agency_id="probation",
            jwks={"keys": []},
            grounds=on_basis("illustrative", "supervision"),
        )
        add_client(connection, client, at=then)
        new = NewSubscription(
            subscription_id="s",
            agency_id="probation",
            client_id="probation-1",
            officer_id="o",
            purpose="supervision",
            legal_basis="illustrative",
            endpoint="https://receiver.example/",
            encryption_jwk={},
        )
        subscriptions.add(connection, new, at=then)
        subscriptions.activate(connection, "s", at=then)
        second = {"unit": "duty desk", "phone": "+38344000000"}
        connection.execute(
            update(AGENCY).where(AGENCY.c.agency_id == "probation").values(second_contact=second)
        )
        connection.execute(update(FILE).values(planned_release_date=then.date()))
        early = Occurrence(event="early_release_decided")
        announce(connection, house.planner, PERSON, early, at=then)
        [jti] = connection.scalars(select(DELIVERY.c.jti))
        escalations.plan(connection, early.event, hours=4, jti=jti, person_id=PERSON, at=then)
        escalations.take_due(connection, at=now, limit=9)

    with opened(covered.settings) as database:
        database.run_blocking(work)
    [silent] = invoke("coverage", "--json").json["escalations"]
    assert (silent["contact"], silent["agency"], silent["reference"]) == (
        "duty_officer",
        "probation",
        "P-1",
    )
    shown = invoke("coverage", "--event", "escaped", "--municipality", PEJA).out
    assert "early_release_decided, probation, prison P-1" in shown
    assert "second contact duty desk +38344000000" in shown


def test_the_table_is_a_file_for_other_programs_too(covered: Installation, invoke: Invoke) -> None:
    assert covered
    rows = [*csv.DictReader(invoke("coverage", "--csv").out.splitlines())]
    assert {row["municipality"] for row in rows} == {GJILAN, PEJA}
    assert {"escaped", "temporary_leave_granted", "released"} <= {row["event"] for row in rows}
    # What rests on a past receipt is not for the registry to decide.
    assert not {"release_cancelled", "recaptured"} & {row["event"] for row in rows}
