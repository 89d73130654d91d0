"""`throughcare pack`: a notice on paper, from the list to the slip that came back."""

import io
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import Connection, select

from app.access_log import query
from app.access_log.query import EntryFilter
from app.administration import registry
from app.agencies.registry import AgencyRecord
from app.cases import references
from app.cli.new_files import write_whole
from app.files import store
from app.files.store import StoredFile
from app.house import House
from app.main import make_clock, opened
from app.outbox.deliveries import DELIVERY
from app.outbox.planning import Occurrence, announce
from tests.cli.command_line import Installation
from tests.cli.conftest import Invoke

PERSON, PLACE = "0" * 32, "XK-PEJA"
ROLES = {"prison": "correctional_service", "centre": "social_welfare_centre"}
ENROL = ("pack", "enrol", "centre", "--officer", "head", "--hand-over-by", "prison")
GROUND = ("--ground", "social_support=illustrative")


@pytest.fixture
def told(installation: Installation, house: House, invoke: Invoke) -> str:
    """A centre that is told on paper of somebody's release; the notice."""
    at = make_clock(installation.settings)()

    def agencies(connection: Connection) -> None:
        for agency_id, role in ROLES.items():
            record = AgencyRecord(
                agency_id=agency_id,
                name=agency_id,
                role=role,
                country="XK",
                municipalities=frozenset({PLACE}),
            )
            registry.register_agency(connection, house, record, at=at)
            registry.register_officer(
                connection, house, agency_id=agency_id, officer_id="head", function="head", at=at
            )

    def release(connection: Connection) -> None:
        day = house.legal_date(at) + timedelta(days=20)
        file = StoredFile(person_id=PERSON, custodian="prison", sections=sections(day))
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
        planned = Occurrence(event="release_planned")
        announce(connection, house.planner, PERSON, planned, at=at)

    with opened(installation.settings) as database:
        database.run_blocking(agencies)
    assert invoke(*ENROL, *GROUND, "--json").json["way"] == "paper"
    with opened(installation.settings) as database:
        database.run_blocking(release)
        return str(database.read_blocking(lambda c: c.scalar(select(DELIVERY.c.jti))))


def sections(day: date) -> dict[str, dict[str, dict[str, str]]]:
    rest = {"nature": "fact", "source_agency": "prison", "recorded_at": "2026-01-01T09:00:00Z"}
    return {
        "release": {"planned_release_date": {"value": day.isoformat(), **rest}},
        "residence_contact": {"return_municipality_code": {"value": PLACE, **rest}},
    }


def outcomes(installation: Installation, house: House) -> list[str]:
    """How the acts on paper ended, as the log has them."""
    with opened(installation.settings) as database:
        found = database.read_blocking(
            lambda c: query.entries(
                c, EntryFilter(), keys=house.log_keys(), limit=1000, tree_size=10**9
            )
        )
    told: list[Any] = [one.sections["circumstances"] for one in found]
    return [one["outcome"] for one in told if one["channel"] == "paper"]


def state(invoke: Invoke) -> str:
    [one] = invoke("pack", "list", "--json").json["packs"]
    assert (one["agency"], one["hand_over_by"]) == ("centre", "prison")
    return str(one["state"])


def test_a_pack_goes_its_way_from_the_list_to_the_slip(
    installation: Installation, house: House, invoke: Invoke, told: str, tmp_path: Path
) -> None:
    assert state(invoke) == "waiting"
    # The client that stands for it has no key: it can call nothing.
    [client] = invoke("client", "list", "--agency", "centre", "--json").json["clients"]
    assert (client["agency"], client["jwks"]) == ("centre", {"keys": []})
    file = tmp_path / "pack.pdf"
    done = invoke("pack", "make", told, "--to", str(file))
    assert done.code == 0, done.said
    [password] = [line.partition(": ")[2] for line in done.out.splitlines() if "password" in line]
    assert PdfReader(io.BytesIO(file.read_bytes())).decrypt(password)
    assert file.stat().st_mode & 0o077 == 0
    assert outcomes(installation, house) == ["attempted", "recorded"]
    assert state(invoke) == "made"
    # Shown once, and kept nowhere.
    assert not any(password.encode() in one.read_bytes() for one in kept(installation))
    rest = ("--to", "duty desk", "--identified", "service_card")
    assert "not UTF-8" in invoke("pack", "handed-over", told, "--by", "\udcff", *rest).err
    by = ("--by", "head", *rest)
    assert invoke("pack", "handed-over", told, *by).code == 0
    assert state(invoke) == "handed over"
    signed = ("--kind", "accepted", "--by", "head of centre")
    assert "time zone" in invoke("pack", "acknowledged", told, *signed, "--at", "2027-03-03").err
    assert invoke("pack", "acknowledged", told, *signed, "--at", "nonsense").code == 1
    assert invoke("pack", "acknowledged", told, *signed).code == 0
    assert invoke("pack", "list", "--json").json == {"packs": []}
    assert outcomes(installation, house)[2:] == ["delivered", "acknowledged"]


def kept(installation: Installation) -> list[Path]:
    return [one for one in installation.folder.rglob("*") if one.is_file()]


def test_what_stands_in_the_log_stands_there_before_the_file(
    installation: Installation, house: House, invoke: Invoke, told: str, tmp_path: Path
) -> None:
    # A name that fits, and does not fit any more with what is added while the file is written.
    done = invoke("pack", "make", told, "--to", str(tmp_path / f"{'x' * 250}.pdf"))
    assert (done.code, "password" in done.said) == (1, False)
    # Nothing of it is there, not half of it either, and the log says so.
    assert [one for one in tmp_path.iterdir() if one.is_file()] == []
    assert outcomes(installation, house) == ["attempted", "recorded", "failed"]
    assert state(invoke) == "waiting"
    [alarm] = invoke("coverage", "--json").json["alarms"]
    assert alarm["reason"] == "on-paper"


def test_what_is_no_text_is_refused_in_one_sentence(
    invoke: Invoke, told: str, tmp_path: Path
) -> None:
    for given in (
        ("end", "\udcff"),
        ("make", "\udcff", "--to", str(tmp_path / "other.pdf")),
        ("make", told, "--to", str(tmp_path / "\udcff.pdf")),
    ):
        done = invoke("pack", *given)
        assert (done.code, len(done.err.strip().splitlines())) == (1, 1), done.said
    assert [one for one in tmp_path.iterdir() if one.is_file()] == []


def test_a_file_that_is_there_and_a_folder_that_is_not_are_refused_before_anything_is_recorded(
    installation: Installation, house: House, invoke: Invoke, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "pack.pdf"
    file.write_bytes(b"mine")
    for place in (file, tmp_path / "nowhere" / "pack.pdf"):
        assert invoke("pack", "make", told, "--to", str(place)).code == 1
    assert file.read_bytes() == b"mine"
    assert outcomes(installation, house) == []


def test_what_is_left_of_a_write_that_was_killed_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".pack.pdf.part").write_bytes(b"half")
    write_whole(tmp_path / "pack.pdf", b"whole")
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["pack.pdf"]
    assert (tmp_path / "pack.pdf").read_bytes() == b"whole"


def test_a_notice_of_which_nothing_is_left_makes_no_file(
    invoke: Invoke, told: str, tmp_path: Path
) -> None:
    assert invoke("officer", "end", "head", "--agency", "centre").code == 0
    done = invoke("pack", "make", told, "--to", str(tmp_path / "pack.pdf"))
    assert "nothing was made: recipient-not-active" in done.err
    assert not (tmp_path / "pack.pdf").exists()
    assert invoke("pack", "end", "centre").code == 0
    assert invoke("pack", "list", "--json").json == {"packs": []}
