"""An auditor finds who received what and proves the record unchanged; it is on record too."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, update

from app.access_log import checkpoints
from app.access_log.checkpoint import open_checkpoint
from app.access_log.findings import Finding, Report
from app.access_log.tables import AccessLogEntry
from app.access_log.verifier import verify_export
from app.access_log.vocabulary import Operation, Outcome
from app.access_log.vouching import Evidence
from app.agencies import tokens
from app.audit.read_log import may_read, whole_log
from app.main import log_verifier
from app.policy.roles import PURPOSES, ROLE_PURPOSES
from app.problems import Conflict
from app.processes.jobs import make_watcher
from app.receiver.errors import ServiceRefused
from app.rows import table_of
from tests.api.exchange import (
    Exchange,
    Sections,
    Speaker,
    exchange_in,
    is_problem,
    sections_of,
    texts_in,
    without_convictions,
)
from tests.world import World, ring

ENTRIES = "/v1/access-log/entries"
EXPORTS = "/v1/access-log/exports"
ENTRY: Table = table_of(AccessLogEntry)


@pytest.fixture(scope="module")
def exchange(world: World) -> Iterator[Exchange]:
    with exchange_in(world) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def auditor(exchange: Exchange) -> Speaker:
    return exchange.agency("oversight_auditor")


def planted() -> Sections:
    sections = without_convictions(sections_of("correctional_service", seed=8))
    sections["identity"]["full_name"]["value"] = {"family": "Markfamily", "given": ["Markgiven"]}
    sections["residence_contact"]["return_municipality_code"]["value"] = "XK-MARKTOWN"
    sections["plan"]["individual_plan_summary"]["value"] = "Mark of the plan"
    return sections


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def person(exchange: Exchange, prison: Speaker) -> str:
    """Somebody of whom there are entries of many kinds; the prison's reference."""
    reference = exchange.person(prison, planted())
    probation = exchange.agency("probation_service")
    own = exchange.refer(prison, reference, probation)
    probation.get(own)
    probation.get(own, if_none_match="*")
    probation.get("0" * 32)
    probation.put(own, {"needs": {}}, if_match="*")
    probation.call("GET", "/v1/cases")
    employment = exchange.agency("employment_service")
    exchange.consent(prison, reference, employment, "identity.full_name")
    exchange.entries()  # each has its place now
    return reference


def listed(auditor: Speaker, **query: object) -> list[dict[str, Any]]:
    answer = auditor.call("GET", ENTRIES, params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


def test_every_filter_finds_its_entries_and_no_other(
    exchange: Exchange, auditor: Speaker, person: str
) -> None:
    assert person
    everything = exchange.entries()
    size = len(everything)
    leaves = {one.index: one.sections for one in everything}
    places = {
        "agency": ("actor", "agency"),
        "client": ("actor", "client"),
        "officer": ("actor", "officer"),
        "operation": ("circumstances", "operation"),
        "channel": ("circumstances", "channel"),
        "outcome": ("circumstances", "outcome"),
        "purpose": ("grounds", "purpose"),
        "legal_basis": ("grounds", "legal_basis"),
        "person": ("subject", "person"),
    }
    for name, (section, member) in places.items():
        values = {sections.get(section, {}).get(member) for sections in leaves.values()}
        assert len(values - {None}) >= 1
        for value in values - {None}:
            found = listed(auditor, **{name: value}, tree_size=size)
            assert [one["index"] for one in found] == [
                index
                for index, sections in leaves.items()
                if sections.get(section, {}).get(member) == value
            ], name


def test_a_field_finds_every_entry_that_released_it(
    exchange: Exchange, auditor: Speaker, person: str
) -> None:
    assert person
    everything = exchange.entries()
    sections: dict[int, Any] = {one.index: one.sections for one in everything}
    releases = {
        index: [each["field"] for each in one.get("fields", {}).get("released", [])]
        for index, one in sections.items()
    }
    paths = {path for released in releases.values() for path in released}
    assert len(paths) > 10
    for path in (*sorted(paths)[:3], "identity.no_such_field"):
        found = listed(auditor, field=path, tree_size=len(everything))
        assert [one["index"] for one in found] == [
            index for index, released in releases.items() if path in released
        ]


def test_filters_narrow_each_other(auditor: Speaker, prison: Speaker, person: str) -> None:
    assert person
    found = listed(auditor, agency=prison.id, operation="alteration", outcome="recorded")
    assert found
    for one in found:
        assert one["sections"]["actor"]["agency"] == prison.id
        assert one["sections"]["circumstances"]["operation"] == "alteration"
    assert listed(auditor, agency=prison.id, operation="delivery") == []
    assert listed(auditor, agency="no-such-agency") == []
    assert listed(auditor, person="no-such-person") == []


def test_times_bound_from_inclusive_to_exclusive(
    exchange: Exchange, auditor: Speaker, prison: Speaker, person: str
) -> None:
    clock = exchange.world.clock
    clock.advance(hours=1)
    at = clock()
    prison.get(person)
    clock.advance(hours=1)
    exchange.entries()
    second = timedelta(seconds=1)
    for since, until, found in (
        (at, at + second, 1),
        (at - second, at, 0),
        (at + second, at + 2 * second, 0),
    ):
        query = {"since": since.isoformat(), "until": until.isoformat()}
        assert len(listed(auditor, agency=prison.id, **query)) == found
    # The same moment, as a clock elsewhere shows it.
    elsewhere = f"{at.replace(tzinfo=None) + timedelta(hours=5)}+05:00".replace(" ", "T")
    assert len(listed(auditor, agency=prison.id, since=elsewhere)) == 1


def test_pages_are_pinned_to_the_log_as_it_was(
    exchange: Exchange, auditor: Speaker, prison: Speaker, person: str
) -> None:
    size = len(exchange.entries())
    first = auditor.call("GET", ENTRIES, params={"limit": 3}).json()
    assert first["tree_size"] >= size
    seen, page = list(first["entries"]), first
    while page["next"] is not None:
        prison.get(person)  # the log grows while somebody pages
        query = {"limit": 3, "after": page["next"], "tree_size": first["tree_size"]}
        page = auditor.call("GET", ENTRIES, params=query).json()
        assert page["tree_size"] == first["tree_size"]
        seen += page["entries"]
    assert [one["index"] for one in seen] == list(range(first["tree_size"]))
    assert len(exchange.entries()) > first["tree_size"]


def test_a_size_that_the_log_has_not_reached_shows_what_there_is(
    auditor: Speaker, person: str
) -> None:
    assert person
    page = auditor.call("GET", ENTRIES, params={"tree_size": 2**40, "limit": 200}).json()
    assert page["tree_size"] < 2**40
    assert listed(auditor, tree_size=0) == []


def test_the_auditors_own_reads_are_entries(
    exchange: Exchange, auditor: Speaker, person: str
) -> None:
    subject = next(
        one.sections["subject"]["person"] for one in exchange.entries() if "subject" in one.sections
    )
    assert person
    found = listed(auditor, person=subject, operation="collection")
    last = exchange.entries(agency_id=auditor.id)[-1]
    assert last.sections["circumstances"]["operation"] == Operation.LOG_READ
    assert last.sections["circumstances"]["channel"] == "audit"
    assert last.sections["payload"]["entries"] == [one["index"] for one in found]
    asked: Any = last.sections["fields"]
    assert asked["filters"]["operation"] == "collection"
    # Whom it asked about stands there under the keyed index alone.
    assert str(subject) not in texts_in(last.sections)
    assert "subject_index" in asked["filters"]
    [itself] = [one for one in listed(auditor, operation="log-read") if one["index"] == last.index]
    assert itself["id"] == last.id


def test_each_page_has_one_entry(exchange: Exchange, auditor: Speaker) -> None:
    before = len(exchange.entries(agency_id=auditor.id))
    for _ in range(3):
        auditor.call("GET", ENTRIES, params={"limit": 1})
    assert len(exchange.entries(agency_id=auditor.id)) == before + 3


@pytest.mark.parametrize("path", [ENTRIES, EXPORTS])
def test_nobody_else_reads_the_log_and_trying_is_on_record(exchange: Exchange, path: str) -> None:
    for role in ROLE_PURPOSES:
        if role == "oversight_auditor":
            continue
        agency = exchange.some(role)
        is_problem(agency.call("GET", path), 403, "forbidden")
        last = exchange.entries(agency_id=agency.id)[-1]
        assert last.sections["circumstances"]["operation"] == Operation.LOG_READ
        assert last.sections["circumstances"]["outcome"] == Outcome.REFUSED
        assert "payload" not in last.sections
    is_problem(exchange.world.raw("GET", path), 401, "unauthenticated")


@pytest.mark.parametrize("purpose", ROLE_PURPOSES["oversight_auditor"])
def test_every_purpose_of_an_auditor_reads_the_log(exchange: Exchange, purpose: str) -> None:
    auditor = exchange.agency("oversight_auditor", purpose=purpose)
    assert auditor.call("GET", ENTRIES).status_code == 200
    # The token names it, and the entry of the read.
    last = exchange.entries(agency_id=auditor.id)[-1]
    assert last.sections["grounds"]["purpose"] == purpose


def test_nobody_reads_the_log_for_another_purpose(exchange: Exchange, auditor: Speaker) -> None:
    # Directive (EU) 2016/680, Article 25(2).
    assert set(ROLE_PURPOSES["oversight_auditor"]) == {
        "lawfulness_verification",
        "self_monitoring",
        "data_integrity_security",
        "criminal_proceedings",
    }
    service = exchange.world.service
    caller = tokens.Caller(
        agency_id=auditor.id,
        agency_name=auditor.id,
        role=auditor.role,
        country="XK",
        municipalities=frozenset(),
        client_id=f"{auditor.id}-1",
        officer_id=f"{auditor.id}-officer",
        officer_function="officer",
        assurance="asserted",
        purpose="",
        legal_basis=f"illustrative:{auditor.role}",
        case=None,
        token_id="",
    )
    for purpose in PURPOSES:
        permitted = purpose in ROLE_PURPOSES["oversight_auditor"]
        asking = replace(caller, purpose=purpose)
        assert may_read(service.house, asking, at=exchange.world.clock()) is permitted
    with pytest.raises(ServiceRefused):  # and no such token is given
        exchange.agency("oversight_auditor", purpose="policy_monitoring").call("GET", ENTRIES)


def test_an_auditor_gets_no_value_of_any_field(
    exchange: Exchange, auditor: Speaker, prison: Speaker, person: str
) -> None:
    own = exchange.refer(prison, person, auditor)
    for reference in (own, person):
        is_problem(auditor.get(reference), 404, "not-found")
    assert auditor.call("GET", "/v1/cases").json()["cases"] == []
    exported = settled_export(exchange, auditor).decode()
    pages = auditor.call("GET", ENTRIES, params={"limit": 200}).text
    for text in (exported, pages):
        for mark in ("Markfamily", "Markgiven", "MARKTOWN", "Mark of the plan", person, own):
            assert mark not in text
    release = planted()["release"]["planned_release_date"]["value"]
    assert release not in pages


def settled_export(exchange: Exchange, auditor: Speaker) -> bytes:
    """The export, once the newest checkpoint covers all that was recorded before."""
    size = len(exchange.entries())
    verifiers = [log_verifier(exchange.world.settings, ring(exchange.world))]
    for _ in range(500):
        note = exchange.world.raw("GET", "/log/checkpoint").text
        if open_checkpoint(note, verifiers).size >= size:
            break
        time.sleep(0.02)
    answer = auditor.call("GET", EXPORTS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    return answer.content


def verified(exchange: Exchange, exported: bytes, *saved: str) -> Report:
    verifiers = [log_verifier(exchange.world.settings, ring(exchange.world))]
    return verify_export(
        exported.splitlines(keepends=True), Evidence(verifiers=verifiers, saved_checkpoints=saved)
    )


def test_an_export_verifies_and_is_on_record(
    exchange: Exchange, auditor: Speaker, person: str
) -> None:
    assert person
    saved = exchange.world.raw("GET", "/log/checkpoint").text
    exported = settled_export(exchange, auditor)
    last = exchange.entries(agency_id=auditor.id)[-1]
    assert last.sections["payload"] == {
        "length": len(exported),
        "sha256": hashlib.sha256(exported).hexdigest(),
        "rows": json.loads(exported.splitlines()[0])["size"],
    }
    report = verified(exchange, exported, saved)
    assert report.finding is None
    header = json.loads(exported.splitlines()[0])
    assert report.size == header["size"] > 10


def test_an_export_that_somebody_changed_does_not_verify(
    exchange: Exchange, auditor: Speaker, person: str
) -> None:
    assert person
    lines = settled_export(exchange, auditor).splitlines(keepends=True)
    rows = [n for n, line in enumerate(lines) if json.loads(line)["type"] == "entry"]
    at = rows[5]
    edited = lines[at].replace(b'\\"outcome\\":\\"', b'\\"outcome\\":\\"x')
    assert edited != lines[at]
    for changed, finding, index in (
        ([*lines[:at], edited, *lines[at + 1 :]], Finding.EDITED_SECTION, 5),
        ([*lines[:at], *lines[at + 1 :]], Finding.DELETED_ROW, 5),
        (lines[:-1], Finding.TRUNCATED, len(rows) - 1),
    ):
        report = verified(exchange, b"".join(changed))
        assert (report.finding, report.index) == (finding, index)


@contextmanager
def tampered(exchange: Exchange, entry_id: str, statement: Any) -> Iterator[None]:  # noqa: ANN401 - of SQLAlchemy's many
    """A row changed behind the service's back, and put right again."""
    engine = exchange.world.owner.engine
    with engine.begin() as connection:
        row = connection.execute(select(ENTRY).where(ENTRY.c.entry_id == entry_id)).one()
        connection.execute(statement.where(ENTRY.c.entry_id == entry_id))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(delete(ENTRY).where(ENTRY.c.entry_id == entry_id))
            connection.execute(insert(ENTRY).values(row._mapping))  # noqa: SLF001 - SQLAlchemy's documented way to a mapping


def test_a_row_that_somebody_changed_in_the_database_is_named(
    exchange: Exchange, auditor: Speaker, person: str
) -> None:
    assert person
    victim = exchange.entries()[7]
    forged = victim.leaf.replace(b'"version":1', b'"version":2')
    for statement, finding in (
        (update(ENTRY).values(leaf=forged), Finding.EDITED_LEAF),
        (update(ENTRY).values(retained=b"x" * 64), Finding.DAMAGED_SECTION),
        (delete(ENTRY), Finding.DELETED_ROW),
    ):
        with tampered(exchange, victim.id, statement):
            report = verified(exchange, settled_export(exchange, auditor))
            assert (report.finding, report.index) == (finding, 7)
            # The auditor's view goes on, and says what is wrong with the entry.
            shown = next(one for one in listed(auditor, tree_size=20) if one["index"] == 7)
            assert finding is Finding.EDITED_LEAF or shown["missing"]
    assert verified(exchange, settled_export(exchange, auditor)).finding is None


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("since=2027-03-03T09:00:00", "/query/since"),
        ("until=2027-02-30T09:00:00Z", "/query/until"),
        ("since=12", "/query/since"),
        ("since=2027-03-03T09:00:00+01:00", "/query/since"),  # a plus that was not escaped
        ("after=-1", "/query/after"),
        ("after=99999999999999999999999", "/query/after"),
        ("tree_size=99999999999999999999999", "/query/tree_size"),
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("agency=%00", "/query/agency"),
        ("person=", "/query/person"),
        (f"officer={'x' * 65}", "/query/officer"),
        ("operation=Markword", "/query/operation"),
        ("channel=Markword", "/query/channel"),
        ("field=Markword", "/query/field"),
        ("outcome=Markword", "/query/outcome"),
        ("Markword=1", "/query"),
        ("persons=1", "/query/persons"),
    ],
)
def test_a_bad_query_is_refused_by_name(auditor: Speaker, query: str, pointer: str) -> None:
    answer = auditor.call("GET", f"{ENTRIES}?{query}")
    is_problem(answer, 422, "invalid-input")
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert "Markword" not in answer.text


def test_the_checkpoint_is_for_everybody_and_tells_of_nobody(
    exchange: Exchange, person: str
) -> None:
    answer = exchange.world.raw("GET", "/log/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    verifiers = [log_verifier(exchange.world.settings, ring(exchange.world))]
    assert open_checkpoint(answer.text, verifiers).size > 0
    assert person not in answer.text


def test_a_log_that_nobody_signed_yet_is_not_exported(exchange: Exchange) -> None:
    engine = exchange.world.owner.engine
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(delete(checkpoints.CHECKPOINT))
        with pytest.raises(Conflict, match="no signed checkpoint yet"):
            whole_log(connection, exchange.world.service.house)
        transaction.rollback()


def test_an_auditor_finds_alerts_among_the_entries(exchange: Exchange, auditor: Speaker) -> None:
    agency = exchange.agency("ngo_mentor")
    for number in range(10):
        is_problem(agency.get(f"{number:032x}"), 404, "not-found")
    exchange.entries()  # each has its place now
    service = exchange.world.service
    asyncio.run(make_watcher(service.settings, service.in_force, exchange.world.clock).round())
    exchange.entries()
    said = [one["sections"]["fields"] for one in listed(auditor, operation="alert")]
    [alert] = [one for one in said if one.get("agency") == agency.id]
    assert (alert["alert"], alert["count"]) == ("references-of-nobody", 10)
    tried = listed(auditor, agency=agency.id, operation="consultation", outcome="refused")
    assert alert["entries"] == [one["index"] for one in tried]
