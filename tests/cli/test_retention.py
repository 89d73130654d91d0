"""`throughcare retention`: what is due, and the erasure of what two officers approved."""

from datetime import timedelta

from sqlalchemy import Connection

from app.cases import references
from app.files import store
from app.files.store import StoredFile
from app.house import House
from app.main import make_clock, opened
from app.retention import requests
from app.retention.requests import Ground
from tests.cli.command_line import Installation, register
from tests.cli.conftest import Invoke

PERSON = "0" * 32


def put_in(installation: Installation, house: House, *, approved: bool) -> None:
    """A person whose term has ended, known to the prison as P-1."""
    at = make_clock(installation.settings)()
    left = {"actual_release_datetime": {"value": (at - timedelta(days=400)).isoformat()}}

    def work(connection: Connection) -> None:
        register(connection, house, "prison-1", "correctional_service")
        file = StoredFile(person_id=PERSON, custodian="prison-1", sections={"release": left})
        store.create(connection, file, ring=house.ring, at=at, random=house.random)
        references.name(
            connection,
            ring=house.ring,
            agency_id="prison-1",
            person_id=PERSON,
            reference="P-1",
            at=at,
            random=house.random,
        )
        ground = Ground.RETENTION_ENDED
        requests.ask(connection, "1" * 32, person_id=PERSON, ground=ground, by="one", at=at)
        if approved:
            requests.approve(connection, person_id=PERSON, by="two", at=at)

    with opened(installation.settings) as database:
        database.run_blocking(work)


def test_what_is_due_is_shown_and_stays(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    put_in(installation, house, approved=False)
    [one] = invoke("retention", "preview", "--json").json
    assert one == {
        "custodian": "prison-1",
        "reference": "P-1",
        "due": "ended",
        "request": "open",
        "obstacle": None,
    }
    assert "prison-1 P-1: ended, request open" in invoke("retention", "preview").out
    assert invoke("retention", "run", "--json").json == {"erased": 0, "certificates": []}
    assert len(invoke("retention", "preview", "--json").json) == 1


def test_what_two_officers_approved_is_erased_once(
    installation: Installation, house: House, invoke: Invoke
) -> None:
    put_in(installation, house, approved=True)
    done = invoke("retention", "run", "--json").json
    assert done["erased"] == len(done["certificates"]) == 1
    shown = invoke("retention", "certificate", "1" * 32).out
    assert shown.strip() == done["certificates"][0]
    as_json = invoke("retention", "certificate", "1" * 32, "--json").json
    assert as_json == {"certificate": done["certificates"][0]}
    assert invoke("retention", "certificate", "2" * 32).code == 1
    again = invoke("retention", "run")
    assert again.code == 0
    assert "0 persons erased" in again.out
    assert invoke("retention", "preview", "--json").json == []
    journal = installation.folder / "throughcare.db-wal"
    written = (installation.folder / "throughcare.db").read_bytes()
    assert PERSON.encode() not in written + (journal.read_bytes() if journal.exists() else b"")
