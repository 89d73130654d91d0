"""Taking back: exactly the past recipients, by the ids of what they got; who has confirmed."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, func, select, update

from app.access_log.ledger import integrate
from app.access_log.tables import AccessLogEntry
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration import consents, take_backs
from app.administration.erasure import why_not
from app.administration.registry import OPERATOR
from app.administration.take_backs import Asked, Told, What
from app.agencies import registry
from app.agencies.registry import AgencyRecord, ClientRecord, on_basis
from app.agencies.tokens import Caller
from app.cases import consents as stored_consents
from app.cases import references
from app.cases.consents import CONSENT, NewConsent
from app.files import store
from app.files.store import StoredFile
from app.house import Act, House, Refusal, record
from app.intake.report_event import Report, Reported, report_event
from app.notifications import control
from app.notifications.bare import Bare
from app.outbox import alarms, deliveries, feeds, subscriptions
from app.outbox.alarms import Reason
from app.outbox.deliveries import DELIVERY
from app.outbox.planning import await_end, catch_up_agency, tell_due
from app.outbox.receipts import EVENT
from app.outbox.subscriptions import NewSubscription
from app.outbox.take_backs import PATIENCE, TAKE_BACK
from app.problems import NotFound
from app.retention.requests import Ground
from app.retention.schedule import Due
from app.rows import table_of
from tests.administration.parties import plain_house
from tests.world import START, sealing_keys

PERSON, REFERENCE = "p" * 32, "P-1"
NAME, DAY, NEED = "identity.full_name", "release.planned_release_date", "needs.employment_need"
PURPOSE = "employment_support"
ENTRY = table_of(AccessLogEntry)


def entries(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(ENTRY)) or 0


@dataclass
class Desk:
    """A prison with one person, and agencies that have got something, as rows."""

    connection: Connection
    house: House = field(default_factory=plain_house)
    at: datetime = START

    def __post_init__(self) -> None:
        self.prison = self.agency("prison", "correctional_service", endpoint=False)
        file = StoredFile(person_id=PERSON, custodian="prison", sections={})
        ring, random = self.house.ring, self.house.random
        store.create(self.connection, file, ring=ring, at=self.at, random=random)
        references.name(
            self.connection,
            ring=ring,
            agency_id="prison",
            person_id=PERSON,
            reference=REFERENCE,
            at=self.at,
            random=random,
        )

    def agency(
        self, agency_id: str, role: str = "employment_service", *, endpoint: bool = True
    ) -> Caller:
        """An agency with a client and an officer; with an endpoint or without."""
        record_of = AgencyRecord(
            agency_id=agency_id,
            name=agency_id,
            role=role,
            country="XK",
            municipalities=frozenset(),
        )
        client = ClientRecord(
            client_id=f"{agency_id}-1",
            agency_id=agency_id,
            jwks={"keys": []},
            grounds=on_basis("illustrative", PURPOSE),
        )
        registry.add_agency(self.connection, record_of, at=self.at)
        registry.add_client(self.connection, client, at=self.at)
        registry.add_officer(
            self.connection, agency_id=agency_id, officer_id="o", function="f", at=self.at
        )
        caller = replace(
            OPERATOR,
            agency_id=agency_id,
            agency_name=agency_id,
            role=role,
            client_id=f"{agency_id}-1",
            officer_id="o",
            officer_function="f",
            purpose=PURPOSE,
            legal_basis="illustrative",
            assurance="proven",
        )
        if endpoint:
            self.subscribe(caller)
        return caller

    def subscribe(self, caller: Caller) -> None:
        """Give an agency a verified endpoint."""
        new = NewSubscription(
            subscription_id=f"{caller.agency_id}-endpoint",
            agency_id=caller.agency_id,
            client_id=caller.client_id,
            officer_id="o",
            purpose=PURPOSE,
            legal_basis="illustrative",
            endpoint="https://receiver.example/",
            encryption_jwk=next(sealing_keys()).public_jwk(),
        )
        subscriptions.add(self.connection, new, at=self.at)
        subscriptions.activate(self.connection, new.subscription_id, at=self.at)

    def read(self, caller: Caller, *paths: str) -> str:
        """Somebody reads these fields; the entry."""
        return self._disclosed(caller, Channel.READ, Outcome.RELEASED, {}, *paths)

    def push(self, caller: Caller, jti: str, *paths: str) -> str:
        """A notice with these fields is tried; its id."""
        payload = {"notification": jti}
        self._disclosed(caller, Channel.PUSH, Outcome.ATTEMPTED, payload, *paths)
        return jti

    def _disclosed(
        self,
        caller: Caller,
        channel: Channel,
        outcome: Outcome,
        payload: dict[str, str],
        *paths: str,
    ) -> str:
        released = [{"field": path, "form": "full", "policies": []} for path in paths]
        act = Act(
            operation=Operation.DISCLOSURE,
            channel=channel,
            outcome=outcome,
            person_id=PERSON,
            fields={"released": released, "withheld": []},
            payload=payload,
        )
        return record(self.connection, self.house, caller, act, at=self.at).id

    def take_back(
        self,
        *paths: str,
        what: What = What.ERASED,
        since: datetime | None = None,
        safety: bool = False,
    ) -> list[Told] | Refusal:
        asked = Asked(what=what, fields=paths, since=since, safety=safety)
        return take_backs.take_back(
            self.connection, self.house, self.prison, REFERENCE, asked, at=self.at
        )

    def orders(self) -> list[Row[Any]]:
        query = select(TAKE_BACK).order_by(TAKE_BACK.c.agency_id)
        return list(self.connection.execute(query))

    def told(self) -> dict[str, tuple[list[str], list[str]]]:
        """What each agency was told to give back: notices, reads."""
        return {row.agency_id: (row.notices, row.reads) for row in self.orders()}

    def message(self, agency_id: str) -> Bare:
        """The message as the dispatcher makes it."""
        [delivery] = self.connection.execute(
            select(DELIVERY).where(DELIVERY.c.agency_id == agency_id)
        )
        [event] = self.connection.execute(
            select(EVENT).where(EVENT.c.event_id == delivery.event_id)
        )
        endpoint = subscriptions.get(self.connection, delivery.subscription_id, agency_id=agency_id)
        return control.rest_on_receipt(self.connection, delivery, event, endpoint)

    def answer(self, agency_id: str, kind: str = "accepted") -> None:
        """An agency answers what it was told."""
        [row] = [row for row in self.orders() if row.agency_id == agency_id]
        deliveries.acknowledge(self.connection, row.jti, kind=kind, at=self.at)

    def listed(self) -> list[Told]:
        before = entries(self.connection)
        found = take_backs.listed(self.connection, self.house, self.prison, REFERENCE, at=self.at)
        assert not isinstance(found, Refusal)
        assert entries(self.connection) == before + 1
        return found

    def consent(self, consent_id: str, caller: Caller, *paths: str) -> str:
        """The person lets an agency have these fields for its purpose."""
        new = NewConsent(
            consent_id=consent_id,
            person_id=PERSON,
            recipient_agency=caller.agency_id,
            purpose=PURPOSE,
            fields=paths,
            text_version="1",
            evidence_sha256="0" * 64,
            expires_on=(self.at + timedelta(days=10)).date(),
            by_agency="prison",
            by_officer="o",
        )
        stored_consents.record(self.connection, new, ring=self.house.ring, at=self.at)
        return consent_id

    def withdraw(self, consent_id: str) -> None:
        assert (
            consents.withdraw(self.connection, self.house, self.prison, consent_id, at=self.at)
            is None
        )

    def clock(self) -> None:
        """What the dispatcher does with what the clock makes."""

        def ended(deadline: Row[Any]) -> None:
            take_backs.recall_expired(self.connection, self.house, deadline, at=self.at)

        tell_due(self.connection, self.house.planner, at=self.at, limit=99, ended=ended)


@pytest.fixture
def desk(connection: Connection) -> Desk:
    return Desk(connection)


@pytest.mark.parametrize("settled", [False, True], ids=["still pending", "with their place"])
def test_exactly_those_who_got_a_field_are_told_by_the_ids_of_what_they_got(
    desk: Desk, *, settled: bool
) -> None:
    pushed, reader, other, bystander = (desk.agency(f"a{number}") for number in range(4))
    for _ in range(2):  # tried twice, and one notice
        desk.push(pushed, "n1", NAME, DAY)
    desk.push(pushed, "n2", DAY)
    first, _, third = desk.read(reader, NAME), desk.read(reader, DAY), desk.read(reader, NAME)
    desk.read(other, DAY, NEED)
    desk.read(desk.prison, NAME)
    refused = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.REFUSED,
        person_id=PERSON,
    )
    record(desk.connection, desk.house, bystander, refused, at=desk.at)
    if settled:
        integrate(desk.connection)
    told = desk.take_back(NAME)
    assert not isinstance(told, Refusal)
    assert {one.agency for one in told} == {"a0", "a1"}
    assert desk.told() == {"a0": (["n1"], []), "a1": ([], sorted([first, third]))}
    assert desk.message("a0").content == {
        "control": "recall",
        "priority": "urgent",
        "acknowledgement_hours": 168,
        "concerns": ["n1"],
        "reads": [],
    }


AGENCIES = ("a0", "a1", "a2", "a3")
PATHS = (NAME, DAY, NEED)
DISCLOSURES = st.lists(
    st.tuples(st.sampled_from(AGENCIES), st.sets(st.sampled_from(PATHS)), st.booleans()),
    max_size=8,
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(got=DISCLOSURES, asked=st.sets(st.sampled_from(PATHS), min_size=1))
def test_whatever_went_out_nobody_is_missed_and_nobody_else_is_told(
    connection: Connection, got: list[tuple[str, set[str], bool]], asked: set[str]
) -> None:
    savepoint = connection.begin_nested()
    desk = Desk(connection)
    agencies = {name: desk.agency(name) for name in AGENCIES}
    expected: dict[str, tuple[set[str], set[str]]] = {}
    for number, (name, paths, pushes) in enumerate(got):
        caller = agencies[name]
        one = desk.push(caller, f"n{number}", *paths) if pushes else desk.read(caller, *paths)
        if paths & asked:
            expected.setdefault(name, (set(), set()))[0 if pushes else 1].add(one)
    desk.take_back(*sorted(asked))
    told = {name: (set(notices), set(reads)) for name, (notices, reads) in desk.told().items()}
    savepoint.rollback()
    assert told == expected


def test_what_was_sent_before_a_moment_may_be_left_out(desk: Desk) -> None:
    early, late = desk.agency("early"), desk.agency("late")
    desk.read(early, NAME)
    desk.at += timedelta(days=1)
    since = desk.at
    desk.read(late, NAME)
    desk.take_back(NAME, since=since)
    assert set(desk.told()) == {"late"}


def test_an_entry_that_does_not_open_may_have_been_anything(desk: Desk) -> None:
    entry = desk.read(desk.agency("a0"), DAY)
    broken = update(ENTRY).where(ENTRY.c.entry_id == entry)
    desk.connection.execute(broken.values(personal=b"altered"))
    desk.take_back(NAME)
    assert desk.told() == {"a0": ([], [entry])}


def test_safety_makes_it_immediate_and_the_answer_due_in_a_day(desk: Desk) -> None:
    desk.read(desk.agency("a0"), NAME)
    desk.take_back(NAME, what=What.CORRECTED, safety=True)
    content = desk.message("a0").content
    assert (content["control"], content["priority"]) == ("correction", "immediate")
    assert content["acknowledgement_hours"] == 24


def test_no_field_is_named_outside_the_log(desk: Desk) -> None:
    desk.push(desk.agency("a0"), "n1", NAME)
    desk.take_back(NAME)
    rows = [
        str(row._mapping)  # noqa: SLF001 - the public name of a row's columns
        for table in (TAKE_BACK, EVENT, DELIVERY)
        for row in desk.connection.execute(select(table))
    ]
    assert rows
    assert not any("full_name" in row or "identity" in row for row in rows)


def test_a_retraction_ends_what_is_still_being_tried(desk: Desk) -> None:
    desk.read(desk.agency("a0"), NAME)
    desk.take_back(NAME)
    [waiting] = desk.orders()  # any notice that is still to be delivered will do
    desk.push(desk.agency("a1"), waiting.jti, DAY)
    desk.take_back(DAY, what=What.CORRECTED)
    assert status(desk, waiting.jti) == deliveries.QUEUED
    desk.take_back(DAY, what=What.SENT_IN_ERROR)
    assert status(desk, waiting.jti) == deliveries.CANCELLED


def status(desk: Desk, jti: str) -> str:
    [row] = desk.connection.execute(select(DELIVERY).where(DELIVERY.c.jti == jti))
    return str(row.status)


def test_only_the_custodian_takes_back_and_sees_who_has_confirmed(desk: Desk) -> None:
    other = desk.agency("a0")
    for caller, reference, problem in (
        (other, REFERENCE, NotFound),
        (desk.prison, "P-2", NotFound),
    ):
        asked = Asked(what=What.ERASED, fields=(NAME,))
        refused = take_backs.take_back(
            desk.connection, desk.house, caller, reference, asked, at=desk.at
        )
        assert isinstance(refused, Refusal)
        assert isinstance(refused.problem, problem)
        unseen = take_backs.listed(desk.connection, desk.house, caller, reference, at=desk.at)
        assert isinstance(unseen, Refusal)
    assert isinstance(desk.take_back("identity.nothing"), Refusal)
    assert desk.told() == {}


def test_the_custodian_sees_who_has_confirmed_and_who_is_overdue(desk: Desk) -> None:
    for name in ("kept", "refused", "silent"):
        desk.read(desk.agency(name), NAME)
    desk.take_back(NAME)
    desk.answer("kept")
    desk.answer("refused", "not_competent")
    assert not any(one.overdue for one in desk.listed())
    desk.at += timedelta(days=7)
    shown = {one.agency: (one.confirmed_at is not None, one.overdue) for one in desk.listed()}
    assert shown == {"kept": (True, False), "refused": (False, True), "silent": (False, True)}


def test_an_agency_without_an_endpoint_is_an_alarm_until_it_can_be_reached(desk: Desk) -> None:
    unreached = desk.agency("a0", endpoint=False)
    entry = desk.read(unreached, NAME)
    desk.take_back(NAME)
    [raised] = alarms.open_alarms(desk.connection)
    assert (raised.reason, raised.person_id) == (Reason.TAKE_BACK_UNREACHED, PERSON)
    assert [one.reachable for one in desk.listed()] == [False]
    desk.subscribe(unreached)
    catch_up_agency(desk.connection, desk.house.planner, "a0", at=desk.at)
    assert alarms.open_alarms(desk.connection) == []
    assert desk.message("a0").content["reads"] == [entry]
    catch_up_agency(desk.connection, desk.house.planner, "a0", at=desk.at)
    assert len(desk.connection.execute(select(DELIVERY)).all()) == 1


def test_a_consent_that_ends_recalls_what_came_by_it_from_its_agency_alone(desk: Desk) -> None:
    agency, other = desk.agency("a0"), desk.agency("a1")
    consent = desk.consent("c1", agency, NAME)
    desk.consent("c2", other, NAME)
    desk.push(agency, "n1", NAME)
    desk.push(agency, "n2", DAY)
    desk.push(replace(agency, purpose="another"), "n3", NAME)
    desk.push(other, "n4", NAME)
    desk.withdraw(consent)
    assert desk.told() == {"a0": (["n1"], [])}
    content = desk.message("a0").content
    assert (content["control"], content["priority"]) == ("recall", "immediate")


def test_what_another_consent_still_covers_is_kept(desk: Desk) -> None:
    agency = desk.agency("a0")
    desk.consent("wide", agency, NAME, NEED)
    desk.consent("narrow", agency, NAME)
    desk.read(agency, NAME)
    need = desk.read(agency, NEED)
    desk.withdraw("wide")
    assert desk.told() == {"a0": ([], [need])}


@pytest.mark.parametrize("altered", [False, True])
def test_a_consent_that_expires_is_recalled_once_or_somebody_hears_why_not(
    desk: Desk, *, altered: bool
) -> None:
    agency = desk.agency("a0")
    consent = desk.consent("c1", agency, NAME)
    desk.read(agency, NAME)
    due = desk.at + timedelta(days=11)
    await_end(desk.connection, PERSON, take_backs.EXPIRED, key=consent, due_at=due)
    if altered:
        desk.connection.execute(update(CONSENT).values(fields=[DAY]))
    desk.clock()
    assert desk.told() == {}
    desk.at = due
    for _ in range(2):
        desk.clock()
    reasons = [row.reason for row in alarms.open_alarms(desk.connection)]
    assert (len(desk.orders()), reasons) == (
        (0, [Reason.TAKE_BACK_UNDECIDED]) if altered else (1, [])
    )


def test_a_death_closes_the_case_with_all_who_were_told_once_the_next_of_kin_know(
    desk: Desk,
) -> None:
    desk.push(desk.agency("a0"), "n1")
    entry = desk.read(desk.agency("a1"), DAY)
    desk.agency("a2")
    for informed in (False, True, True):
        report = Report(event="died_in_custody", next_of_kin_informed=informed)
        desk.at += timedelta(hours=1)
        done = report_event(desk.connection, desk.house, desk.prison, REFERENCE, report, at=desk.at)
        assert done == Reported("died_in_custody")
        assert desk.told() == ({"a0": (["n1"], []), "a1": ([], [entry])} if informed else {})
    assert len(desk.orders()) == 2
    assert desk.message("a0").content["control"] == "closure"


def test_an_erasure_waits_until_all_have_confirmed_or_had_their_time(desk: Desk) -> None:
    def reason() -> str | None:
        ground = Ground.RECORDED_UNLAWFULLY
        return why_not(desk.connection, PERSON, ground, due=Due.ENDED, at=desk.at)

    desk.read(desk.agency("a0", endpoint=False), NAME)
    desk.read(desk.agency("a1"), NAME)
    assert reason() is None
    desk.take_back(NAME)
    assert reason() == "notices are on their way"
    desk.connection.execute(update(DELIVERY).values(status=deliveries.SENT))
    desk.answer("a1")
    assert reason() == "somebody has yet to confirm what was taken back"
    desk.at += timedelta(days=7) + PATIENCE
    assert reason() is None


def test_a_feed_that_is_held_holds_no_recall(desk: Desk) -> None:
    desk.read(desk.agency("a0"), NAME)
    desk.take_back(NAME)
    feed = feeds.seen(desk.connection, "prison-1", "prison", at=desk.at)
    feeds.hold(desk.connection, "prison-1", at=desk.at)
    feed = feeds.get(desk.connection, feed.client_id)
    feeds.turned(desk.connection, feed, PERSON, single=False, at=desk.at)
    assert feeds.discard(desk.connection, feed) == 0
    [row] = desk.connection.execute(select(DELIVERY))
    assert row.status == deliveries.QUEUED
