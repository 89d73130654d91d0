"""Erasure: by two officers, when the term has ended and nothing stands against it; then wholly."""

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from app.access_log.proof import InclusionProof, verify_proof
from app.access_log.receipt import HEADER, from_header, open_receipt
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.administration import registry
from app.administration.erasure import CERTIFICATE, tables_of_persons
from app.administration.retention import candidates, run_due
from app.audit.read_log import whole_log
from app.cases import references
from app.crypto import signing
from app.crypto.signing_keys import KeySet
from app.main import log_verifier
from app.problems import Conflict
from app.retention.schedule import Due
from app.tables import METADATA
from tests.api.exchange import Exchange, Sections, Speaker, is_problem, without_date
from tests.world import START

TERM = 365
PLANTED = "Erasuremark"
LEFT = START - timedelta(days=TERM + 1)
SECTIONS: Sections = {
    "identity": {"full_name": {"value": {"family": PLANTED, "given": ["Nobody"]}}},
    "residence_contact": {"return_municipality_code": {"value": "XK-GJILAN"}},
    "release": {"actual_release_datetime": {"value": LEFT.isoformat()}},
}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def second(exchange: Exchange, prison: Speaker) -> Speaker:
    """The same prison's client on behalf of another officer."""
    world = exchange.world
    world.service.database.run_blocking(
        lambda connection: registry.register_officer(
            connection,
            world.service.house,
            agency_id=prison.id,
            officer_id="second-officer",
            function="head of records",
            at=world.clock(),
        )
    )
    configuration = replace(world.agencies[prison.id].configuration, officer="second-officer")
    return Speaker(world, exchange.http, prison.id, prison.role, world.client(configuration))


@pytest.fixture
def person(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison, SECTIONS)


def ask(prison: Speaker, person: str, ground: str = "retention_ended") -> httpx.Response:
    return prison.post(f"/v1/inmate-files/{person}/erasure-request", {"ground": ground})


def own_report(prison: Speaker, person: str) -> httpx.Response:
    return prison.call("GET", f"/v1/inmate-files/{person}/own-report")


def approve(second: Speaker, person: str) -> httpx.Response:
    return second.post(f"/v1/inmate-files/{person}/erasure-request/approval")


def person_id_of(exchange: Exchange, prison: Speaker, person: str) -> str:
    service = exchange.world.service
    found = service.database.read_blocking(
        lambda c: references.find(c, ring=service.house.ring, agency_id=prison.id, reference=person)
    )
    assert found is not None
    return found


def rows_about(exchange: Exchange, person_id: str) -> dict[str, int]:
    return exchange.world.service.database.read_blocking(
        lambda c: {
            table.name: c.scalar(
                select(func.count()).select_from(table).where(table.c.person_id == person_id)
            )
            or 0
            for table in METADATA.sorted_tables
            if "person_id" in table.c
        }
    )


def test_two_officers_erase_a_person_wholly(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    welfare = exchange.agency("social_welfare_centre")
    own = exchange.refer(prison, person, welfare)
    welfare.get(own)
    person_id = person_id_of(exchange, prison, person)
    subject = exchange.world.service.house.log_keys().subject_index(person_id)
    assert exchange.entries(subject_index=subject)
    auditor = exchange.agency("oversight_auditor")
    exported = {"format": "jsonl", "filters": {"person": person_id}}
    way = "/v1/access-log/exports"
    export = f"{way}/{auditor.post(way, exported).json()['export_id']}"
    assert auditor.call("GET", f"{export}/content").status_code == 200
    assert sum(rows_about(exchange, person_id).values()) > 20
    assert own_report(prison, person).is_success
    assert ask(prison, person).json()["status"] == "requested"
    answer = approve(second, person)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "erased"
    assert set(rows_about(exchange, person_id).values()) == {0}
    erased, unknown = (own_report(prison, reference) for reference in (person, "NOBODY-1"))
    is_problem(erased, 404, "not-found")
    assert without_date(erased) == without_date(unknown)
    assert exchange.entries(subject_index=subject) == []
    assert auditor.call("GET", export).json()["state"] == "dropped"
    is_problem(auditor.call("GET", f"{export}/content"), 409, "conflict")
    for agency, reference in ((prison, person), (welfare, own)):
        gone = agency.get(reference)
        is_problem(gone, 404, "not-found")
        assert without_date(gone) == without_date(agency.get("0" * 32))
    looked_up = METADATA.tables["access_log_person_key"]
    keys = exchange.world.service.database.read_blocking(
        lambda c: c.scalars(
            select(looked_up.c.year).where(looked_up.c.subject_index == subject)
        ).all()
    )
    # Looking for the person afterwards is on record too, but not under the person.
    assert keys == []


def test_the_log_still_verifies_and_says_who_erased_what(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    service = exchange.world.service
    verifier = log_verifier(service.settings, service.house.ring)
    answer = prison.get(person)
    receipt = open_receipt(from_header(answer.headers[HEADER]), [verifier])
    old = proof_of(exchange, receipt.entry_id)
    subject = service.house.log_keys().subject_index(person_id_of(exchange, prison, person))
    before = {entry.index for entry in exchange.entries(subject_index=subject)}
    ask(prison, person)
    approve(second, person)
    export = export_of(exchange)
    evidence = Evidence(
        verifiers=[verifier],
        saved_checkpoints=[old.note],
        receipts=[from_header(answer.headers[HEADER])],
    )
    report = verify_export(export.splitlines(keepends=True), evidence)
    assert (report.finding, report.promises.kept) == (None, 1)
    [*_, (by, entries)] = report.erasures.items()
    assert before <= set(entries)
    assert old.index in entries
    assert exchange.entries()[by].sections["circumstances"]["operation"] == "erasure"
    assert PLANTED.encode() not in export
    # What was proved before is proved still, and anew.
    for proof in (old, proof_of(exchange, receipt.entry_id)):
        assert verify_proof(proof, receipt.leaf_hash, [verifier]).size > proof.index


def proof_of(exchange: Exchange, entry_id: str) -> InclusionProof:
    """The proof of an entry, as soon as a checkpoint covers it."""
    while True:
        answer = exchange.world.raw("GET", f"/log/proof/{entry_id}")
        if answer.status_code == 200:
            return InclusionProof.from_text(answer.text)


def export_of(exchange: Exchange) -> bytes:
    """An export that reaches to the newest entry."""
    service = exchange.world.service
    newest = exchange.entries()[-1].index
    while True:
        # No export is made while a row shows as erased and the entry that says so is not signed.
        with suppress(Conflict):
            export = service.database.read_blocking(lambda c: whole_log(c, service.house))
            if export.count(b"\n") > newest:
                return export


def test_the_certificate_is_signed_and_names_nobody(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    erasure_id = ask(prison, person).json()["erasure_id"]
    certificate = approve(second, person).json()["certificate"]
    keys = KeySet.from_jwks(exchange.world.raw("GET", "/.well-known/jwks.json").json())
    claims = signing.verify(certificate, keys, typ=CERTIFICATE)
    assert claims["jti"] == erasure_id
    assert claims["destroyed"]["person_key"] == 1
    assert claims["destroyed"]["file_section"] == 16
    for name in (PLANTED, person):
        assert name not in str(claims)


def test_nobody_approves_a_request_of_their_own(
    prison: Speaker, second: Speaker, person: str
) -> None:
    is_problem(approve(second, person), 404, "not-found")
    ask(prison, person)
    is_problem(approve(prison, person), 409, "conflict")
    is_problem(ask(second, person), 409, "conflict")
    assert prison.get(person).status_code == 200
    withdrawn = prison.post(f"/v1/inmate-files/{person}/erasure-request/withdrawal")
    assert withdrawn.status_code == 204
    is_problem(approve(second, person), 404, "not-found")


def test_nobody_but_the_custodian_asks_approves_or_holds(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    ask(prison, person)
    for role in ("social_welfare_centre", "probation_service", "court_panel"):
        agency = exchange.some(role)
        own = exchange.refer(prison, person, agency)
        paths = ("erasure-request/approval", "erasure-request/withdrawal")
        for answer in (
            ask(agency, own),
            *(agency.post(f"/v1/inmate-files/{own}/{path}") for path in paths),
            agency.post(f"/v1/inmate-files/{own}/holds", {"reason": "K 12/2026"}),
        ):
            is_problem(answer, 403, "forbidden")
        is_problem(ask(agency, "0" * 32), 404, "not-found")
    assert approve(second, person).json()["status"] == "erased"


def test_what_was_approved_waits_for_the_end_of_its_term(
    exchange: Exchange, prison: Speaker, second: Speaker
) -> None:
    left = {"actual_release_datetime": {"value": (START - timedelta(days=10)).isoformat()}}
    person = exchange.person(prison, {**SECTIONS, "release": left})
    ask(prison, person)
    assert approve(second, person).json()["status"] == "approved"
    assert run(exchange, days=TERM - 10) == 0
    assert prison.get(person).status_code == 200
    assert run(exchange, days=TERM - 9) == 1
    is_problem(prison.get(person), 404, "not-found")


def run(exchange: Exchange, *, days: int = 0) -> int:
    """How many persons the schedule erases, so many days from now."""
    service = exchange.world.service
    at = exchange.world.clock() + timedelta(days=days)
    return len(run_due(service.database, service.house, term=TERM, at=at))


def test_what_was_recorded_unlawfully_needs_no_term(
    exchange: Exchange, prison: Speaker, second: Speaker
) -> None:
    person = exchange.person(prison, {"identity": SECTIONS["identity"]})
    ask(prison, person, "recorded_unlawfully")
    assert approve(second, person).json()["status"] == "erased"


def test_a_hold_keeps_a_file_until_it_is_lifted(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    held = prison.post(f"/v1/inmate-files/{person}/holds", {"reason": "K 12/2026"})
    assert held.status_code == 201
    ask(prison, person)
    assert approve(second, person).json()["status"] == "approved"
    assert run(exchange) == 0
    path = f"/v1/inmate-files/{person}/holds/{held.json()['hold_id']}/end"
    assert prison.post(path).status_code == 204
    is_problem(prison.post(path), 404, "not-found")
    assert run(exchange) == 1


def test_the_preview_tells_what_is_due_and_what_stands_in_the_way(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    past = (START - timedelta(days=TERM + 1)).date().isoformat()
    planned = exchange.person(prison, {"release": {"planned_release_date": {"value": past}}})
    fresh = exchange.person(prison, {})
    ask(prison, person)
    service = exchange.world.service
    found = {
        one.reference: (one.due, one.request, one.obstacle)
        for one in service.database.read_blocking(
            lambda c: list(candidates(c, service.house, term=TERM, at=START))
        )
    }
    assert found[person] == (Due.ENDED, "open", None)
    assert found[planned][0] is Due.RELEASE_NOT_RECORDED
    assert fresh not in found


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("erasure-request", {"ground": "because"}),
        ("erasure-request", {}),
        ("holds", {"reason": ""}),
        ("holds", {"reason": "a\nb"}),
        ("holds", {"reason": "x" * 201}),
    ],
)
def test_bad_requests_are_refused(
    prison: Speaker, person: str, path: str, content: dict[str, Any]
) -> None:
    is_problem(prison.post(f"/v1/inmate-files/{person}/{path}", content), 422, "invalid-input")


def test_every_table_is_known_to_be_about_a_person_or_not() -> None:
    about = {table.name for table, _ in tables_of_persons()}
    others = {
        "access_log_checkpoint",
        "access_log_entry",
        # Sealed, and dropped with every erasure (tests/access_log/test_kept_exports.py).
        "access_log_export",
        "access_log_export_part",
        "access_log_head",
        "access_log_lookup",
        "access_log_pending",
        "access_log_period",
        "access_log_person_key",
        "access_log_quorum",
        "access_log_tile",
        "access_log_witness",
        "agency",
        "agency_municipality",
        "alert_day",
        "alert_fact",
        "alert_position",
        "alert_raised",
        "client",
        "client_ground",
        "deciding_fact_step",
        "erasure",
        "feed",
        "identity_provider",
        "key_encryption_key",
        "officer",
        "policy_activation",
        "policy_approval",
        "policy_bundle",
        "policy_officer",
        "redemption_failure",
        "subscription",
        "revoked_token",
        "used_assertion",
        "used_proof",
    }
    assert about.isdisjoint(others)
    assert about | others == set(METADATA.tables)


def test_nothing_is_left_in_the_file_of_the_database_or_its_journal(
    exchange: Exchange, prison: Speaker, second: Speaker, person: str
) -> None:
    if exchange.world.service.database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL clears its pages by its own vacuum")
    person_id = person_id_of(exchange, prison, person)
    key = METADATA.tables["person_key"]
    wrapped = exchange.world.service.database.read_blocking(
        lambda c: bytes(
            c.scalars(select(key.c.wrapped_key).where(key.c.person_id == person_id)).one()
        )
    )
    file = Path(exchange.world.service.database.engine.url.database or "")
    assert wrapped in contents(file)
    ask(prison, person)
    approve(second, person)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = contents(file)
    for trace in (wrapped, person_id.encode()):
        assert trace not in left


def contents(file: Path) -> bytes:
    """The database's file and its journal."""
    return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
