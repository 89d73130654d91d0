"""What the person's own report is made of: all that it may name, and nothing that tells of more."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from app.access_log.disclosed import Disclosed, ReleasedField
from app.access_log.ledger import integrate
from app.access_log.tables import AccessLogEntry
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.registry import OPERATOR
from app.agencies import registry
from app.agencies.registry import AgencyRecord
from app.agencies.tokens import Caller
from app.audit.own_report import (
    NAMED_FIELDS,
    NAMED_ROLES,
    RESTRICTED_ROLES,
    Made,
    OwnReport,
    admit,
    gather,
    release,
    told,
)
from app.cases import references
from app.files import store
from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.files.store import StoredFile
from app.house import Act, House, Refusal, record
from app.own_report.catalogues import LANGUAGES
from app.own_report.document import render
from app.own_report.written import write
from app.policy.roles import ROLE_PURPOSES
from app.problems import NotFound, document
from app.rows import table_of
from tests.administration.parties import plain_house
from tests.effort import examples
from tests.world import START

NAME, DAY = "identity.full_name", "release.planned_release_date"
VETO, RISK = "extremism_status.veto_status", "risk_assessment.risk_level_general"
FULL: Mapping[str, str] = {NAME: "full", DAY: "summary"}
MADE = Made(language="en", media_type="application/pdf", length=1, sha256="0" * 64)
# The log's own order and ids are not of the report; the reference is, and here it is of one length.
ONE, OTHER = "P-1", "P-2"


@dataclass
class Desk:
    """A prison, persons in its keeping, and agencies that get something, as rows."""

    connection: Connection
    house: House = field(default_factory=plain_house)
    at: datetime = START
    agencies: dict[str, Caller] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prison = self.agency("correctional_service", "Prison of the north")

    def person(self, reference: str) -> str:
        """A new file; its person."""
        ring, random, person_id = self.house.ring, self.house.random, secrets.token_hex(16)
        file = StoredFile(person_id=person_id, custodian=self.prison.agency_id, sections={})
        store.create(self.connection, file, ring=ring, at=self.at, random=random)
        references.name(
            self.connection,
            ring=ring,
            agency_id=self.prison.agency_id,
            person_id=person_id,
            reference=reference,
            at=self.at,
            random=random,
        )
        return person_id

    def agency(self, role: str, name: str = "") -> Caller:
        """The agency of this role, the same one each time."""
        if role not in self.agencies:
            agency_id = role.replace("_", "-")
            known = AgencyRecord(
                agency_id=agency_id,
                name=name or f"Agency {len(self.agencies)}",
                role=role,
                country="XK",
                municipalities=frozenset(),
            )
            registry.add_agency(self.connection, known, at=self.at)
            self.agencies[role] = replace(
                OPERATOR,
                agency_id=agency_id,
                agency_name=known.name,
                role=role,
                officer_id="Officername",
                officer_function="Functionname",
                purpose=ROLE_PURPOSES[role][0],
                legal_basis="illustrative:basis",
            )
        return self.agencies[role]

    def disclose(
        self,
        person_id: str,
        role: str,
        forms: Mapping[str, str] = FULL,
        *,
        channel: Channel = Channel.READ,
        notification: str | None = None,
        policies: tuple[str, ...] = (),
        emergency: tuple[str, str] | None = None,
    ) -> str:
        """The entry of a disclosure, as the doors write it."""
        released = [
            {"field": path, "form": form, "policies": list(policies)}
            for path, form in forms.items()
        ]
        pushed = notification is not None
        act = Act(
            operation=Operation.DISCLOSURE,
            channel=channel,
            outcome=Outcome.ATTEMPTED if pushed else Outcome.RELEASED,
            person_id=person_id,
            fields={"released": released, "withheld": []},
            payload={"notification": notification} if pushed else {},
            emergency=emergency,
        )
        return record(self.connection, self.house, self.agency(role), act, at=self.at).id

    def report(self, person_id: str) -> OwnReport:
        return gather(self.connection, self.house, person_id, at=self.at)

    def papers(self, person_id: str, *, called: str) -> dict[str, bytes]:
        """Everything that a report is given as, in every language, under another reference."""
        report = self.report(person_id)
        assert report.reference == called
        same = replace(report, reference="P")
        found: dict[str, bytes] = {}
        for language in LANGUAGES:
            words = write(same, self.house.profile, language)
            found |= {f"{language} json": words.to_json(), f"{language} text": words.to_text()}
        return {**found, "pdf": render(write(same, self.house.profile, "en"))}

    def ask(self, caller: Caller, reference: str) -> None:
        """A report that leaves."""
        released = release(self.connection, self.house, caller, reference, MADE, at=self.at)
        assert released is None


@pytest.fixture
def desk(connection: Connection) -> Desk:
    return Desk(connection)


def test_a_report_has_each_recipient_with_what_it_received(desk: Desk) -> None:
    person = desk.person(ONE)
    desk.disclose(person, "social_welfare_centre", policies=("CSW-identity", "no-such-policy"))
    integrate(desk.connection)
    desk.at += timedelta(days=1)
    desk.disclose(person, "probation_service", {NAME: "existence"}, emergency=("e", "prison/o"))
    # Who received something did so, also when it is no longer active.
    registry.revoke_agency(desk.connection, "social-welfare-centre")
    first, second = desk.report(person).received
    assert (first.agency, first.role) == ("Agency 1", "social_welfare_centre")
    assert first.forms == ((NAME, Form.FULL), (DAY, Form.SUMMARY))
    assert first.day == desk.house.legal_date(START)
    assert first.legal_bases[0] == "illustrative:basis"
    assert first.legal_bases[1].startswith("Placeholder: national law on social welfare")
    # The second has no place in the log yet, and counts.
    assert second.role == "probation_service"
    assert second.emergency
    assert second.forms == ((NAME, Form.EXISTENCE),)


def test_two_persons_of_whom_the_same_may_be_told_have_the_same_report(desk: Desk) -> None:
    plain, watched = desk.person(ONE), desk.person(OTHER)
    everything = dict.fromkeys(FIELDS, "full")
    for role in sorted(RESTRICTED_ROLES):
        desk.disclose(watched, role, everything)
        desk.disclose(watched, role, channel=Channel.PUSH, notification=f"first-{role}")
    for person in (plain, watched):
        desk.disclose(person, "social_welfare_centre")
        desk.disclose(person, "police_local", {NAME: "generalised"})
        desk.disclose(person, "probation_service", channel=Channel.PUSH, notification="n")
    desk.at += timedelta(days=2)
    for role in sorted(RESTRICTED_ROLES):
        desk.disclose(watched, role, everything, channel=Channel.INBOX)
    # Nothing but what no report names was in it.
    desk.disclose(watched, "court_panel", {VETO: "full"})
    desk.disclose(watched, "police_local", {"victim_protection.victim_exclusion_zone": "full"})
    for reference in (ONE, OTHER):
        desk.ask(desk.prison, reference)
    assert desk.papers(plain, called=ONE) == desk.papers(watched, called=OTHER)
    assert len(desk.report(watched).received) == 3


def test_nothing_tells_for_what_somebody_was_convicted(desk: Desk) -> None:
    ordinary, extremist = desk.person(ONE), desk.person(OTHER)
    # To agencies that may know: what is for such persons alone goes out beside the rest.
    unnamed = dict.fromkeys(FIELDS.keys() - NAMED_FIELDS, "full")
    named = {NAME: "full", RISK: "summary"}
    for role in sorted(NAMED_ROLES - {"correctional_service"}):
        desk.disclose(ordinary, role, named, policies=("PRB-risk",))
        desk.disclose(extremist, role, {**unnamed, **named}, policies=("PRB-risk",))
    ours, theirs = desk.papers(ordinary, called=ONE), desk.papers(extremist, called=OTHER)
    assert ours == theirs
    text = theirs["en text"].decode().lower()
    for word in ("extrem", "terror", "radical", "conviction", "screening", "specialised", "victim"):
        assert word not in text, word


AGENCIES = {
    role: AgencyRecord(
        agency_id=role, name=role, role=role, country="XK", municipalities=frozenset()
    )
    for role in ("probation_service", "police_local", "police_ct", "victim_support_service")
}
FIELD = st.builds(
    ReleasedField,
    st.sampled_from([NAME, DAY, RISK, VETO, "victim_protection.victim_contact_ref"]),
    st.sampled_from(["full", "summary", "existence"]),
    st.just(()),
)
DISCLOSED = st.builds(
    Disclosed,
    entry_id=st.uuids().map(str),
    agency_id=st.sampled_from(sorted(AGENCIES)),
    client_id=st.just("client"),
    at=st.integers(0, 5).map(lambda days: START + timedelta(days=days)),
    channel=st.sampled_from(["read", "push", "paper"]),
    purpose=st.sampled_from(["supervision", "welfare_check"]),
    legal_basis=st.just("basis"),
    emergency=st.booleans(),
    notification=st.sampled_from([None, "n-1", "n-2"]),
    released=st.lists(FIELD, max_size=4).map(tuple) | st.none(),
)


def without_what_is_kept_back(found: list[Disclosed]) -> list[Disclosed]:
    """The disclosures as if what no report names had never been."""
    left = []
    for one in found:
        if one.agency_id in ("police_ct", "victim_support_service"):
            continue
        fields = tuple(f for f in one.released or () if f.path in (NAME, DAY, RISK))
        if fields or one.released is None:
            left.append(replace(one, released=None if one.released is None else fields))
    return left


@examples(60)
@given(found=st.lists(DISCLOSED, max_size=8))
def test_a_report_is_as_if_what_it_keeps_back_had_never_been(found: list[Disclosed]) -> None:
    house = plain_house()
    found.sort(key=lambda one: one.at)
    expected = told(house, without_what_is_kept_back(found), AGENCIES)
    assert told(house, found, AGENCIES) == expected


def test_what_no_report_names_is_what_would_tell_of_offence_danger_or_victim() -> None:
    hidden = FIELDS.keys() - NAMED_FIELDS
    assert {"risk_assessment.risk_level_ve", "risk_assessment.risk_narrative"} < hidden
    assert {path.partition(".")[0] for path in hidden} == {
        "extremism_status",
        "risk_assessment",
        "security_intelligence",
        "victim_protection",
    }
    assert RESTRICTED_ROLES.isdisjoint(NAMED_ROLES)


def test_a_report_names_no_officer_and_no_person(desk: Desk) -> None:
    person = desk.person(ONE)
    desk.disclose(person, "health_provider")
    text = desk.papers(person, called=ONE)["en text"].decode()
    assert "Officername" not in text
    assert "Functionname" not in text
    assert person not in text


def test_a_notice_that_was_tried_again_is_one_of_the_first_day(desk: Desk) -> None:
    person = desk.person(ONE)
    for form in ("summary", "full", "generalised"):
        desk.disclose(
            person, "probation_service", {NAME: form}, channel=Channel.PUSH, notification="n"
        )
        desk.at += timedelta(days=1)
    [once] = desk.report(person).received
    assert (once.day, once.times) == (desk.house.legal_date(START), 1)
    assert once.forms == ((NAME, Form.FULL),)


def test_a_day_is_that_of_the_country(desk: Desk) -> None:
    person = desk.person(ONE)
    desk.at = datetime(2027, 3, 3, 23, 30, tzinfo=UTC)
    desk.disclose(person, "health_provider")
    assert [one.day for one in desk.report(person).received] == [date(2027, 3, 4)]


def test_what_was_read_often_on_a_day_is_told_once_with_how_often(desk: Desk) -> None:
    person = desk.person(ONE)
    for _ in range(3):
        desk.disclose(person, "ngo_mentor")
    desk.disclose(person, "ngo_mentor", {NAME: "summary"})
    desk.at += timedelta(days=1)
    desk.disclose(person, "ngo_mentor")
    assert sorted(one.times for one in desk.report(person).received) == [1, 1, 3]


def test_the_keepers_own_work_is_no_disclosure(desk: Desk) -> None:
    person = desk.person(ONE)
    desk.disclose(person, "correctional_service")
    assert desk.report(person).received == ()
    assert desk.report(person).custodian == "Prison of the north"


def test_of_an_entry_that_cannot_be_read_it_is_told_that_there_was_one(desk: Desk) -> None:
    person = desk.person(ONE)
    entries = [desk.disclose(person, role) for role in ("health_provider", "police_ct")]
    entry = table_of(AccessLogEntry)
    damaged = update(entry).where(entry.c.entry_id.in_(entries))
    desk.connection.execute(damaged.values(personal=b"x" * 60))
    [one] = desk.report(person).received
    assert (one.role, one.forms) == ("health_provider", None)


def test_the_persons_own_requests_are_listed_with_this_one(desk: Desk) -> None:
    person = desk.person(ONE)
    desk.ask(desk.prison, ONE)
    desk.ask(desk.prison, ONE)
    desk.at += timedelta(days=40)
    first, last = desk.report(person).requested_on
    assert (last - first).days == 40


def test_the_custodian_and_an_auditor_may_have_it_and_nobody_else(desk: Desk) -> None:
    person, stranger = desk.person(ONE), desk.agency("probation_service")
    auditor = desk.agency("oversight_auditor")
    ask = {"at": desk.at}
    assert admit(desk.connection, desk.house, desk.prison, ONE, **ask) == person
    assert admit(desk.connection, desk.house, auditor, person, **ask) == person
    for caller, reference in ((stranger, ONE), (stranger, person), (auditor, ONE)):
        refused = admit(desk.connection, desk.house, caller, reference, **ask)
        assert isinstance(refused, Refusal)
        assert isinstance(refused.problem, NotFound)
        again = release(desk.connection, desk.house, caller, reference, MADE, **ask)
        assert isinstance(again, Refusal)
        assert isinstance(again.problem, NotFound)
        assert document(again.problem) == document(refused.problem)
