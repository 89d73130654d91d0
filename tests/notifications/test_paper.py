"""Notices on paper: decided, recorded, encrypted, brought and answered like every other one.

What is printed is opened with a reader of another project.
"""

import hashlib
import io
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from time import sleep
from typing import Any

import pypdf
import pytest
from pypdf import PdfReader
from sqlalchemy import Connection

from app.access_log.vocabulary import Outcome
from app.administration import registry
from app.administration.registry import OPERATOR
from app.agencies.registry import AgencyRecord, Ground
from app.audit.own_report import gather
from app.database import DatabaseUnavailable
from app.files.catalogue import FIELDS
from app.intake.feeds import decide_as_operator
from app.notifications import manage, paper
from app.notifications.acknowledge import Kind
from app.notifications.paper import HandOver, Identified, NotMade, Pack, PaperWay
from app.outbox import alarms, escalations, feeds, lead_times, packs, subscriptions
from app.outbox.competence import FILE
from app.outbox.deliveries import DELIVERY
from app.policy.errors import DecisionFailed
from app.problems import Conflict, InvalidInput, NotFound
from tests.broken_log import AT_COMMIT, broken
from tests.notifications.play import Prison, Town

# The family name of everybody whom a prison of these tests admits.
PLANTED = "Wexample"
CONSENTED = ("identity.full_name", "release.planned_release_date", "needs.vocational_skills")


@dataclass
class Centre:
    """An agency without a client of its own, to which the prison brings what is printed."""

    town: Town
    prison: Prison
    agency_id: str
    purpose: str

    @property
    def _house(self) -> Any:  # noqa: ANN401 - what the doors are handed
        return self.town.world.service.in_force.house

    def waiting(self) -> list[str]:
        """What is to be printed, in its order."""
        rows = self.town.look(packs.open_packs)
        return [row.jti for row in rows if row.agency_id == self.agency_id]

    def row(self, jti: str) -> Any:  # noqa: ANN401 - a row
        query = DELIVERY.select().where(DELIVERY.c.jti == jti)
        return self.town.look(lambda c: c.execute(query).one())

    def try_to_make(self, jti: str) -> Pack | NotMade:
        at = self.town.world.clock()
        return self.town.work(lambda c: paper.make(c, self._house, jti, at=at))

    def make(self, jti: str) -> Pack:
        made = self.try_to_make(jti)
        assert isinstance(made, Pack)
        return made

    def hand_over(self, jti: str, **changed: Any) -> None:  # noqa: ANN401 - members of HandOver
        at = self.town.world.clock()
        said = HandOver(
            officer_id=self.prison.agency.officer,
            received_by="duty desk",
            identified=Identified.SERVICE_CARD,
            moment=at,
        )
        told = replace(said, **changed)
        self.town.work(lambda c: paper.hand_over(c, self._house, jti, told, at=at))

    def answer(
        self, jti: str, kind: Kind = Kind.ACCEPTED, *, moment: datetime | None = None
    ) -> None:
        at = self.town.world.clock()
        signed_at = moment or at
        self.town.work(
            lambda c: paper.acknowledge(
                c, self._house, jti, kind, signed_by="head of centre", moment=signed_at, at=at
            )
        )

    def alarms(self, person_id: str) -> list[str]:
        """Why somebody has to act for a person."""
        found = self.town.look(alarms.open_alarms)
        return [one.reason for one in found if one.person_id == person_id]

    def end(self) -> None:
        """It is told on paper no more."""
        at = self.town.world.clock()
        self.town.work(lambda c: paper.end(c, self._house, self.agency_id, at=at))

    def enrol_again(self) -> None:
        way = PaperWay(
            agency_id=self.agency_id,
            officer_id=f"{self.agency_id}-head",
            ground=Ground(self.purpose, "illustrative"),
            hand_over_by=self.prison.agency.agency_id,
        )
        at = self.town.world.clock()
        self.town.work(lambda c: paper.enrol(c, self._house, way, at=at))

    def entries(self, jti: str, outcome: Outcome | None = None) -> list[dict[str, Any]]:
        """The entries about a notice on paper, oldest first."""
        about = self.town.look(lambda c: c.execute(DELIVERY.select()).all())
        person_id = next(row.person_id for row in about if row.jti == jti)
        found = self.town.entries_about(person_id)
        ours = [one for one in found if one.get("payload", {}).get("notification") == jti]
        ours = [one for one in ours if one["circumstances"]["channel"] == "paper"]
        return [one for one in ours if outcome in (None, one["circumstances"]["outcome"])]


def way_of(town: Town, agency_id: str, role: str, purpose: str, by: str) -> PaperWay:
    """Register an agency with one officer and nothing else; how it can be told on paper."""
    house, at = town.world.service.house, town.world.clock()
    record = AgencyRecord(
        agency_id=agency_id,
        name=f"Centre {agency_id}",
        role=role,
        country="XK",
        municipalities=frozenset({town.place}),
        standing_acceptance=True,
    )
    officer = f"{agency_id}-head"

    def enter(connection: Connection) -> None:
        registry.register_agency(connection, house, record, at=at)
        registry.register_officer(
            connection, house, agency_id=agency_id, officer_id=officer, function="head", at=at
        )

    town.work(enter)
    return PaperWay(
        agency_id=agency_id,
        officer_id=officer,
        ground=Ground(purpose, "illustrative"),
        hand_over_by=by,
    )


def centre_of(town: Town, prison: Prison, role: str, purpose: str) -> Centre:
    agency_id = f"{role.partition('_')[0]}-on-paper-{town.number}"
    way = way_of(town, agency_id, role, purpose, prison.agency.agency_id)
    house, at = town.world.service.house, town.world.clock()
    town.work(lambda c: paper.enrol(c, house, way, at=at))
    return Centre(town, prison, agency_id, purpose)


@pytest.fixture
def welfare(town: Town, prison: Prison) -> Centre:
    return centre_of(town, prison, "social_welfare_centre", "social_support")


def told_of_release(centre: Centre, days: int = 20) -> str:
    """Somebody whose case the centre has is to be released; the notice."""
    reference = centre.prison.admit(centre.town.release_in(days))
    offer = {"reference": reference, "agency": centre.agency_id}
    made = centre.prison.agency.call("POST", "/v1/case-assignments", offer)
    assert made.json()["status"] == "accepted", made.text
    centre.town.settle()
    return centre.waiting()[-1]


def opened(pack: Pack) -> PdfReader:
    reader = PdfReader(io.BytesIO(pack.document))
    assert reader.decrypt(pack.password) != pypdf.PasswordType.NOT_DECRYPTED
    return reader


def text_of(pack: Pack) -> str:
    return "\n".join(page.extract_text() for page in opened(pack).pages)


# What is printed.


def test_a_foreign_reader_finds_what_is_released_and_nothing_that_is_withheld(
    welfare: Centre,
) -> None:
    jti = told_of_release(welfare)
    pack = welfare.make(jti)
    [intent] = welfare.entries(jti, Outcome.ATTEMPTED)
    released = {one["field"]: one["form"] for one in intent["fields"]["released"]}
    text = text_of(pack)
    assert "identity.full_name" in released
    assert PLANTED in text
    for path in FIELDS:
        assert (f"{path}; form: {released.get(path)}" in text) == (path in released)
    # Of what is withheld the name and the reason, as in the answer to a read.
    flat = " ".join(text.split())
    for one in intent["fields"]["withheld"]:
        assert one["reason"] in flat
        assert FIELDS[one["field"]].label in flat
    for part in ("Centre social-on-paper", "social_support", "illustrative", jti, "page 1 of"):
        assert part in flat


def test_nothing_can_be_read_without_the_password(welfare: Centre) -> None:
    pack = welfare.make(told_of_release(welfare))
    for text in (PLANTED, "Centre", "release", pack.jti, pack.password):
        for encoding in ("utf-8", "utf-16-be"):
            assert text.encode(encoding) not in pack.document
    assert pack.password not in repr(pack)
    reader = PdfReader(io.BytesIO(pack.document))
    rule: Any = reader.trailer["/Encrypt"].get_object()
    # AES-256 of ISO 32000-2, of every stream, every text and the metadata.
    assert (rule["/V"], rule["/R"], rule["/Length"]) == (5, 6, 256)
    assert rule["/CF"]["/StdCF"]["/CFM"] == "/AESV3"
    assert rule["/StmF"] == rule["/StrF"] == "/StdCF"
    for wrong in ("", pack.password.lower(), pack.password[:-1]):
        assert reader.decrypt(wrong) == pypdf.PasswordType.NOT_DECRYPTED
    with pytest.raises(pypdf.errors.FileNotDecryptedError):
        reader.pages[0].extract_text()


def test_its_entry_and_the_digest_of_its_file_stand_in_the_log(welfare: Centre) -> None:
    jti = told_of_release(welfare)
    pack = welfare.make(jti)
    intent, document = welfare.entries(jti)
    assert intent["circumstances"]["operation"] == "disclosure"
    assert document["payload"]["sha256"] == hashlib.sha256(pack.document).hexdigest()
    text = text_of(pack)
    assert pack.entry_id in text
    assert intent["payload"]["sha256"] in text
    assert pack.password not in str(welfare.town.entries_about(welfare.row(jti).person_id))


# Decided at the making.


def test_nothing_is_printed_whose_intent_cannot_be_recorded(welfare: Centre) -> None:
    jti = told_of_release(welfare)
    with (
        broken(welfare.town.world.owner, AT_COMMIT),
        pytest.raises(DatabaseUnavailable),
    ):
        welfare.try_to_make(jti)
    assert welfare.entries(jti) == []
    welfare.make(jti)
    assert len(welfare.entries(jti, Outcome.ATTEMPTED)) == 1


def test_a_consent_that_was_withdrawn_before_leaves_nothing_to_print(
    town: Town, prison: Prison
) -> None:
    employment = centre_of(town, prison, "employment_service", "employment_support")
    reference = prison.admit(town.release_in(20))
    body = {
        "reference": reference,
        "recipient_agency": employment.agency_id,
        "purpose": employment.purpose,
        "fields": list(CONSENTED),
        "text_version": "2027-1",
        "evidence_sha256": "0" * 64,
        "expires_on": (town.today + timedelta(days=100)).isoformat(),
    }
    consent = prison.agency.call("POST", "/v1/consents", body).json()["consent_id"]
    town.settle()
    [jti] = employment.waiting()
    prison.withdraw(consent)
    assert employment.try_to_make(jti) == NotMade("nothing-permitted")
    [cancelled] = employment.entries(jti)
    assert cancelled["circumstances"]["outcome"] == "cancelled"
    assert cancelled["fields"]["reason"] == "nothing-permitted"
    assert employment.row(jti).status == "cancelled"
    assert employment.waiting() == []


def test_made_twice_it_is_one_notice_with_another_password_and_both_are_on_record(
    welfare: Centre,
) -> None:
    jti = told_of_release(welfare)
    first, second = welfare.make(jti), welfare.make(jti)
    assert first.password != second.password
    assert first.entry_id != second.entry_id
    assert len(welfare.entries(jti, Outcome.ATTEMPTED)) == 2
    row = welfare.row(jti)
    assert (row.attempts, row.sequence, row.status) == (2, 1, "queued")
    reader = PdfReader(io.BytesIO(second.document))
    assert reader.decrypt(first.password) == pypdf.PasswordType.NOT_DECRYPTED
    at, house = welfare.town.world.clock(), welfare.town.world.service.house
    report = welfare.town.look(lambda c: gather(c, house, row.person_id, at=at))
    [told] = [one for one in report.received if one.agency_id == welfare.agency_id]
    assert (told.channel, told.times) == ("paper", 1)


def test_what_came_first_about_a_person_is_made_first(welfare: Centre) -> None:
    town, prison = welfare.town, welfare.prison
    release = town.release_in(60)
    reference = prison.admit(release)
    town.settle()
    [planned] = welfare.waiting()
    welfare.make(planned)
    prison.move(reference, release + timedelta(days=1))
    prison.move(reference, release + timedelta(days=2))
    _, older, newer = welfare.waiting()
    with pytest.raises(Conflict, match="made first"):
        welfare.make(newer)
    assert welfare.try_to_make(older) == NotMade("superseded")
    text = text_of(welfare.make(newer))
    # It moves what was printed before.
    assert "The announced release was moved to another day" in text
    assert planned in text


def printed_with_consent(town: Town, prison: Prison) -> tuple[Centre, str, str, str]:
    """An employment service that was given a notice on paper; reference, consent and notice."""
    employment = centre_of(town, prison, "employment_service", "employment_support")
    reference = prison.admit(town.release_in(20))
    agency = replace(prison.agency, agency_id=employment.agency_id, purpose=employment.purpose)
    consent = prison.consent(reference, agency, *CONSENTED)
    town.settle()
    [jti] = employment.waiting()
    employment.make(jti)
    return employment, reference, consent, jti


def test_what_is_to_be_given_back_is_printed_too(town: Town, prison: Prison) -> None:
    employment, _, consent, jti = printed_with_consent(town, prison)
    prison.withdraw(consent)
    recall, _ = employment.waiting()  # what is immediate overtakes
    text = text_of(employment.make(recall))
    assert "Erase what came with these notices" in text
    assert jti in text
    assert PLANTED not in text


def test_what_waits_to_be_printed_is_an_alarm_until_it_is(welfare: Centre) -> None:
    jti = told_of_release(welfare)
    person_id = welfare.row(jti).person_id
    assert welfare.alarms(person_id) == ["on-paper"]
    welfare.make(jti)
    assert welfare.alarms(person_id) == []


def test_a_file_that_could_not_be_written_was_not_made(welfare: Centre) -> None:
    town = welfare.town
    house, at = town.world.service.house, town.world.clock()
    jti = told_of_release(welfare)
    welfare.make(jti)
    town.work(lambda c: paper.not_written(c, house, jti, at=at))
    assert welfare.alarms(welfare.row(jti).person_id) == ["on-paper"]
    with pytest.raises(Conflict, match="no pack"):
        welfare.hand_over(jti)
    # One that was written before can have been brought.
    welfare.make(jti)
    welfare.make(jti)
    town.work(lambda c: paper.not_written(c, house, jti, at=at))
    assert welfare.alarms(welfare.row(jti).person_id) == []
    welfare.hand_over(jti)


def test_a_recall_that_comes_to_go_on_paper_keeps_its_alarm(town: Town, prison: Prison) -> None:
    employment, reference, consent, jti = printed_with_consent(town, prison)
    employment.end()
    # Else it would be told of the release again, and called for because of that.
    prison.move(reference, None)
    prison.withdraw(consent)
    town.settle()
    person_id = employment.row(jti).person_id
    assert employment.alarms(person_id) == ["take-back-unreached"]
    employment.enrol_again()
    assert employment.alarms(person_id) == ["on-paper"]
    [recall] = employment.waiting()
    assert jti in text_of(employment.make(recall))
    assert employment.alarms(person_id) == []


def test_what_a_feed_holds_is_called_for_once_it_may_go_out(welfare: Centre) -> None:
    town = welfare.town
    at, client = town.world.clock(), welfare.prison.agency.client_id
    jti = told_of_release(welfare)
    person_id = welfare.row(jti).person_id

    def hold(connection: Connection) -> None:
        feed = feeds.seen(connection, client, welfare.prison.agency.agency_id, at=at)
        feeds.hold(connection, client, at=at)
        held = feeds.get(connection, feed.client_id)
        feeds.turned(connection, held, person_id, single=True, at=at)

    def decide(*, release: bool) -> None:
        house = town.world.service.house
        town.work(lambda c: decide_as_operator(c, house, client, release=release, at=at))
        town.settle()

    town.work(hold)
    town.settle()
    assert (welfare.row(jti).status, welfare.alarms(person_id)) == ("held", [])
    decide(release=True)
    assert welfare.alarms(person_id) == ["on-paper"]
    town.work(hold)
    decide(release=False)
    assert (welfare.row(jti).status, welfare.alarms(person_id)) == ("cancelled", [])


# Brought and answered.


def test_it_counts_as_delivered_once_it_was_handed_over(welfare: Centre) -> None:
    town = welfare.town
    jti = told_of_release(welfare)
    day = town.today
    welfare.make(jti)
    assert welfare.row(jti).sent_at is None
    town.world.clock.advance(days=2)
    moment = town.world.clock() - timedelta(hours=1)
    welfare.hand_over(jti, moment=moment)
    row = welfare.row(jti)
    assert (row.status, row.sent_at) == ("sent", moment)
    profile = town.world.service.house.profile
    files = town.look(lambda c: c.execute(FILE.select()).all())
    [planned] = [one.planned_release_date for one in files if one.person_id == row.person_id]
    assert row.lead_days == (planned - day).days - 2
    report = town.look(
        lambda c: lead_times.read(c, profile, since=planned, until=planned, today=town.today)
    )
    assert report is not None
    [entry] = welfare.entries(jti, Outcome.DELIVERED)
    assert entry["payload"] == {
        "notification": jti,
        "handed_over_by": f"{welfare.prison.agency.agency_id}/{welfare.prison.agency.officer}",
        "handed_over_at": moment.isoformat(),
        "received_by": "duty desk",
        "identified_by": "service_card",
    }
    with pytest.raises(Conflict):
        welfare.hand_over(jti)
    with pytest.raises(Conflict):
        welfare.make(jti)


def test_a_moment_that_is_told_to_the_minute_means_that_minute(welfare: Centre) -> None:
    jti = told_of_release(welfare)
    clock = welfare.town.world.clock
    minute = clock().replace(second=0, microsecond=0) + timedelta(minutes=1)
    clock.advance(seconds=(minute - clock()).total_seconds() + 20)
    made_at = clock()
    welfare.make(jti)
    clock.advance(seconds=20)
    with pytest.raises(InvalidInput):
        welfare.hand_over(jti, moment=minute + timedelta(seconds=10))
    with pytest.raises(InvalidInput):
        welfare.hand_over(jti, moment=minute - timedelta(minutes=1))
    welfare.hand_over(jti, moment=minute)
    assert welfare.row(jti).sent_at == made_at
    welfare.answer(jti, moment=minute)


def test_a_hand_over_that_cannot_be_is_refused(welfare: Centre) -> None:
    jti = told_of_release(welfare)
    with pytest.raises(Conflict):
        welfare.hand_over(jti)
    welfare.make(jti)
    now = welfare.town.world.clock()
    for wrong in (
        {"officer_id": "nobody"},
        {"received_by": ""},
        {"moment": now - timedelta(seconds=1)},
        {"moment": now + timedelta(seconds=1)},
    ):
        with pytest.raises(InvalidInput):
            welfare.hand_over(jti, **wrong)
    with pytest.raises(Conflict, match="not been handed over"):
        welfare.answer(jti)
    with pytest.raises(NotFound):
        welfare.make("0" * 32)


def test_what_was_brought_can_be_said_whatever_came_after_it_was_made(welfare: Centre) -> None:
    town = welfare.town
    clock = town.world.clock
    for _ in range(3):
        told_of_release(welfare)
    made_again, undecided, ended = welfare.waiting()
    for jti in (made_again, undecided, ended):
        welfare.make(jti)
    clock.advance(hours=1)
    brought = clock()
    clock.advance(hours=1)
    # Another file of it was made, and stayed here.
    welfare.make(made_again)
    welfare.hand_over(made_again, moment=brought)
    # Another one was asked for, and could not be decided.
    town.work(lambda c: packs.put_back(c, undecided, reason=DecisionFailed.slug))
    welfare.hand_over(undecided, moment=brought)
    # Nothing more goes there on paper.
    welfare.end()
    town.settle()
    assert welfare.row(ended).status == "cancelled"
    welfare.hand_over(ended, moment=brought)
    for jti in (made_again, undecided, ended):
        row = welfare.row(jti)
        assert (row.status, row.reason, row.sent_at) == ("sent", None, brought)
    welfare.answer(ended)


def test_what_goes_on_paper_is_not_queued_again(welfare: Centre) -> None:
    town = welfare.town
    jti = told_of_release(welfare)
    welfare.make(jti)
    welfare.hand_over(jti)
    row = town.look(lambda c: subscriptions.find(c, welfare.row(jti).subscription_id))
    house, at = town.world.service.house, town.world.clock()
    with pytest.raises(Conflict, match="made again"):
        town.work(lambda c: manage.replay_for(c, house, OPERATOR, row, since=0, status=None, at=at))
    assert welfare.row(jti).status == "sent"


def test_a_slip_that_came_back_is_an_answer_and_settles_what_was_escalated(
    welfare: Centre,
) -> None:
    town = welfare.town
    jti = told_of_release(welfare)
    welfare.make(jti)
    welfare.hand_over(jti)
    town.advance(hours=73)
    by = welfare.prison.agency.agency_id
    raised = town.look(lambda c: escalations.open_escalations(c, custodian=by))
    assert [one.jti for one in raised] == [jti]
    welfare.answer(jti, Kind.NOT_COMPETENT)
    assert town.look(lambda c: escalations.open_escalations(c, custodian=by)) == []
    welfare.answer(jti, Kind.NOT_COMPETENT)
    with pytest.raises(Conflict):
        welfare.answer(jti, Kind.ACCEPTED)
    [entry] = welfare.entries(jti, Outcome.ACKNOWLEDGED)
    assert entry["payload"]["acknowledgement"] == "not_competent"
    assert entry["payload"]["signed_by"] == "head of centre"
    assert welfare.waiting() == []


# Who is told on paper.


def test_only_an_agency_with_an_officer_and_a_purpose_of_its_own_is_told_on_paper(
    town: Town, prison: Prison
) -> None:
    house, at = town.world.service.house, town.world.clock()
    role = "social_welfare_centre"
    good = way_of(town, f"refused-{town.number}", role, "social_support", prison.agency.agency_id)
    for wrong in (
        replace(good, officer_id="nobody"),
        replace(good, ground=Ground("supervision", "illustrative")),
        replace(good, hand_over_by="nobody"),
        replace(good, hand_over_by=good.agency_id),
    ):
        with pytest.raises(InvalidInput):
            town.work(lambda c, way=wrong: paper.enrol(c, house, way, at=at))  # type: ignore[misc]
    made = town.work(lambda c: paper.enrol(c, house, good, at=at))
    with pytest.raises(Conflict):
        town.work(lambda c: paper.enrol(c, house, good, at=at))
    # Nobody polls or changes it, whatever keys its client may be given.
    with pytest.raises(NotFound):
        town.look(lambda c: subscriptions.own(c, made, client_id=f"paper-{made}"))


def test_who_is_told_on_paper_no_more_has_what_waits_cancelled(welfare: Centre) -> None:
    town = welfare.town
    jti = told_of_release(welfare)
    welfare.end()
    town.settle()
    row = welfare.row(jti)
    assert (row.status, row.reason) == ("cancelled", "recipient-not-active")
    assert welfare.alarms(row.person_id) == []
    with pytest.raises(Conflict):
        welfare.end()


@pytest.mark.parametrize("still_world", ["postgresql"], indirect=True)
def test_of_two_who_enrol_an_agency_at_once_one_is_refused(town: Town, prison: Prison) -> None:
    house, at = town.world.service.house, town.world.clock()
    role = "social_welfare_centre"
    way = way_of(town, f"twice-{town.number}", role, "social_support", prison.agency.agency_id)
    first_is_in, second_began = Event(), Event()

    def first(connection: Connection) -> str:
        made = paper.enrol(connection, house, way, at=at)
        first_is_in.set()
        # The other one is at work meanwhile.
        assert second_began.wait(timeout=10)
        sleep(0.1)
        return made

    def second(connection: Connection) -> str:
        second_began.set()
        return paper.enrol(connection, house, way, at=at)

    database = town.world.service.database
    one = database.submit(first)
    assert first_is_in.wait(timeout=10)
    with pytest.raises(Conflict, match="on paper already"):
        database.submit(second).result()
    made = one.result()
    found = town.look(lambda c: packs.of_agency(c, way.agency_id))
    assert found is not None
    assert found.subscription_id == made


def test_an_agency_that_is_told_otherwise_is_not_told_on_paper_too(
    town: Town, prison: Prison
) -> None:
    agency = town.subscribed("social_welfare_centre")
    house, at = town.world.service.house, town.world.clock()
    way = PaperWay(
        agency_id=agency.agency_id,
        officer_id=agency.officer,
        ground=Ground("social_support", "illustrative"),
        hand_over_by=prison.agency.agency_id,
    )
    with pytest.raises(Conflict, match="told twice"):
        town.work(lambda c: paper.enrol(c, house, way, at=at))
