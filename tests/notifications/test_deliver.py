"""One attempt at one delivery: what is decided anew, what goes on record, what is numbered."""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from app.access_log.vocabulary import Outcome
from app.administration import registry
from app.administration.registry import OPERATOR
from app.agencies.registry import AGENCY, COMPETENCE, GROUND
from app.cases.consents import CONSENT
from app.notifications.manage import replay_for
from app.outbox import subscriptions
from app.outbox.subscriptions import SUBSCRIPTION
from tests.notifications.agency import Agency
from tests.notifications.play import Prison, Town

CONSENTED = ("identity.full_name", "release.planned_release_date", "needs.vocational_skills")


def days(number: int) -> timedelta:
    return timedelta(days=number)


def numbers(agency: Agency) -> list[tuple[int, int]]:
    return [notice.sequence for notice in agency.notices()]


# Decided anew.


Withdrawal = Callable[[Town, Prison, str, Agency], str]


def revoke_officer(town: Town, _: Prison, __: str, agency: Agency) -> str:
    house, at = town.world.service.house, town.world.clock()
    town.work(
        lambda c: registry.revoke_officer(
            c, house, agency_id=agency.agency_id, officer_id=agency.officer, at=at
        )
    )
    return "recipient-not-active"


def revoke_client(town: Town, _: Prison, __: str, agency: Agency) -> str:
    house, at = town.world.service.house, town.world.clock()
    town.work(lambda c: registry.revoke_client(c, house, agency.client_id, at=at))
    return "recipient-not-active"


def revoke_agency(town: Town, _: Prison, __: str, agency: Agency) -> str:
    house, at = town.world.service.house, town.world.clock()
    town.work(lambda c: registry.revoke_agency(c, house, agency.agency_id, at=at))
    return "recipient-not-active"


def take_purpose(town: Town, _: Prison, __: str, agency: Agency) -> str:
    of_client = GROUND.delete().where(GROUND.c.client_id == agency.client_id)
    town.work(lambda c: c.execute(of_client.where(GROUND.c.purpose == agency.purpose)))
    return "recipient-not-active"


def end_subscription(town: Town, _: Prison, __: str, agency: Agency) -> str:
    of_agency = update(SUBSCRIPTION).where(SUBSCRIPTION.c.agency_id == agency.agency_id)
    town.work(lambda c: c.execute(of_agency.values(status="ended")))
    return "recipient-not-active"


def spoil_key(town: Town, _: Prison, __: str, agency: Agency) -> str:
    of_agency = update(SUBSCRIPTION).where(SUBSCRIPTION.c.agency_id == agency.agency_id)
    weak = {**agency.encryption_jwk(), "n": "AQAB"}
    town.work(lambda c: c.execute(of_agency.values(encryption_jwk=weak)))
    return "no-usable-key"


def move_away(_: Town, prison: Prison, reference: str, __: Agency) -> str:
    prison.change(reference, "residence_contact", return_municipality_code="XK-ELSEWHERE")
    return "no-longer-concerned"


def cancel_release(_: Town, prison: Prison, reference: str, __: Agency) -> str:
    prison.move(reference, None)
    return "no-longer-true"


@pytest.mark.parametrize(
    "withdraw",
    [
        revoke_officer,
        revoke_client,
        revoke_agency,
        take_purpose,
        end_subscription,
        spoil_key,
        move_away,
        cancel_release,
    ],
    ids=lambda function: function.__name__,
)
def test_a_right_that_ended_while_a_notice_waited_cancels_it(
    town: Town, prison: Prison, withdraw: Withdrawal
) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    town.tell()
    reason = withdraw(town, prison, reference, probation)
    town.settle()
    assert probation.notices() == []
    [row] = town.deliveries(probation)
    assert (row.status, row.reason, row.sequence) == ("cancelled", reason, None)
    [entry] = town.entries(probation, Outcome.CANCELLED)
    assert entry["fields"]["reason"] == reason
    assert entry["payload"] == {"notification": row.jti}
    assert town.entries(probation, Outcome.ATTEMPTED) == []


# The same over every way by which something leaves.


def pushed(town: Town, agency: Agency) -> None:
    """Made, and not sent before the right ended."""
    town.settle()
    assert agency.notices() == []


def polled(town: Town, agency: Agency) -> None:
    """Failed once, and polled after the right ended."""
    town.settle()  # that it is to be given back goes first
    if agency.ask_inbox().status_code == 200:
        assert agency.poll() == []
    else:  # it cannot even ask any more: what waits is cancelled all the same
        town.advance(hours=6)
    assert agency.told().count("release_planned") == 1


def replayed(town: Town, agency: Agency) -> None:
    """Sent before the right ended, and asked for again after it, by the operator."""
    house, at = town.world.service.house, town.world.clock()
    town.work(
        lambda c: replay_for(
            c,
            house,
            OPERATOR,
            subscriptions.find(c, agency.subscription_id),
            since=0,
            status=None,
            at=at,
        )
    )
    town.settle()
    assert agency.told().count("release_planned") == 1


Way = Callable[[Town, Agency], None]


def withdraw_consent(_: Town, prison: Prison, __: str, agency: Agency) -> str:
    prison.withdraw(agency.consents[-1])
    return "nothing-permitted"


def end_case(_: Town, prison: Prison, __: str, agency: Agency) -> str:
    prison.end(agency.cases[-1])
    return "no-longer-concerned"


def narrow_policy(town: Town, _: Prison, __: str, ___: Agency) -> str:
    town.narrow()
    return "nothing-permitted"


@pytest.mark.parametrize("way", [pushed, replayed, polled], ids=lambda way: way.__name__)
@pytest.mark.parametrize(
    "withdraw",
    [narrow_policy, withdraw_consent, end_case, spoil_key, revoke_client, revoke_officer],
    ids=lambda function: function.__name__,
)
def test_whatever_ended_is_honoured_by_push_replay_and_pull(
    town: Town, prison: Prison, withdraw: Withdrawal, way: Way
) -> None:
    by_consent = withdraw is withdraw_consent
    role = "employment_service" if by_consent else "probation_service"
    agency = town.subscribed(role, competent=withdraw is not end_case)
    reference = prison.admit(town.today + days(100))
    if withdraw is end_case:
        agency.cases.append(prison.refer(reference, agency))
    if by_consent:
        agency.consents.append(prison.consent(reference, agency, *CONSENTED))
    prison.move(reference, town.today + days(20))
    town.tell()
    if way is polled:
        agency.box.answer_next(503)
    if way is not pushed:
        town.settle()
    with town.narrowed_for_a_while():
        reason = withdraw(town, prison, reference, agency)
        way(town, agency)
    row, *control = town.deliveries(agency)
    # Who got something that rests on a consent is told to give it back.
    assert len(control) == (by_consent and way is not pushed)
    assert (row.status, row.reason) == ("cancelled", reason)
    *_, entry = town.entries(agency, Outcome.CANCELLED)
    assert entry["fields"]["reason"] == reason
    assert entry["payload"] == {"notification": row.jti}


def test_a_decision_that_cannot_be_made_is_asked_for_again(town: Town, prison: Prison) -> None:
    """The policy knows no such role: nothing leaves, and nothing is lost either."""
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    of_agency = update(AGENCY).where(AGENCY.c.agency_id == probation.agency_id)
    town.work(lambda c: c.execute(of_agency.values(role="no_such_role")))
    town.settle()
    [row] = town.deliveries(probation)
    assert (row.status, row.attempts, row.sequence) == ("queued", 1, None)
    assert probation.notices() == []
    [entry] = town.entries(probation, Outcome.FAILED)
    assert entry["fields"] == {"released": [], "withheld": [], "reason": "no-decision"}
    # However long it lasts: it is not the receiver that is down.
    town.advance(hours=97)
    [row] = town.deliveries(probation)
    assert row.status == "queued"
    town.work(lambda c: c.execute(of_agency.values(role="probation_service")))
    probation.box.answer_next(503)
    town.advance(hours=6)
    assert [one.status for one in town.deliveries(probation)] == ["queued"]
    town.advance(hours=6)
    assert [one.status for one in town.deliveries(probation)] == ["sent"]
    assert len({notice.jti for notice in probation.notices()}) == 1


def test_a_consent_that_was_withdrawn_while_a_notice_waited_cancels_it(
    town: Town, prison: Prison
) -> None:
    employment = town.subscribed("employment_service")
    reference = prison.admit(town.today + days(20))
    consent = prison.consent(reference, employment, *CONSENTED)
    town.tell()
    prison.withdraw(consent)
    town.settle()
    assert employment.notices() == []
    assert [row.reason for row in town.deliveries(employment)] == ["nothing-permitted"]


def test_a_consent_that_was_withdrawn_between_two_attempts_cancels_the_second(
    town: Town, prison: Prison
) -> None:
    employment = town.subscribed("employment_service")
    reference = prison.admit(town.today + days(20))
    consent = prison.consent(reference, employment, *CONSENTED)
    employment.box.answer_next(503)
    town.settle()
    assert len(employment.notices()) == 1
    prison.withdraw(consent)
    town.advance(hours=1)
    # The first attempt may have arrived, whatever was answered.
    assert employment.told() == ["release_planned", "recall"]
    assert [row.status for row in town.deliveries(employment)] == ["cancelled", "sent"]


def test_a_fact_that_was_altered_withholds_the_notice_until_it_is_put_right(
    town: Town, prison: Prison
) -> None:
    employment = town.subscribed("employment_service")
    reference = prison.admit(town.today + days(20))
    prison.consent(reference, employment, *CONSENTED)
    of_agency = update(CONSENT).where(CONSENT.c.recipient_agency == employment.agency_id)
    more = sorted([*CONSENTED, "needs.education_level"])
    town.work(lambda c: c.execute(of_agency.values(fields=more)))
    town.tell()
    town.settle()
    assert employment.notices() == []
    assert [row.status for row in town.deliveries(employment)] == ["queued"]
    assert len(town.entries(employment, Outcome.FAILED)) == 1
    town.work(lambda c: c.execute(of_agency.values(fields=sorted(CONSENTED))))
    town.advance(hours=1)
    [notice] = employment.notices()
    assert set(notice.event["released"]["needs"]) == {"vocational_skills"}


def test_a_withdrawn_consent_cannot_stop_its_own_recall(town: Town, prison: Prison) -> None:
    employment, other = town.subscribed("employment_service"), town.subscribed("police_local")
    reference = prison.admit(town.today + timedelta(days=20))
    prison.refer(reference, employment)
    consent = prison.consent(reference, employment, *CONSENTED)
    town.settle()
    [told] = employment.notices()
    known = f"/v1/inmate-files/{told.reference}"
    read = employment.call("GET", known)
    assert read.status_code == 200
    others = other.told()
    prison.withdraw(consent)
    assert employment.call("GET", known).status_code == 404
    town.settle()
    [_, recall] = employment.notices()
    assert (recall.event_type, recall.reference) == ("recall", told.reference)
    assert recall.event == {
        "control": "recall",
        "priority": "immediate",
        "acknowledgement_hours": 24,
        "concerns": [told.jti],
        "reads": [read.headers["disclosure-entry"]],
    }
    assert other.told() == others
    path = f"/v1/inmate-files/{reference}/take-backs"
    [waits] = prison.agency.call("GET", path).json()["take_backs"]
    assert (waits["agency"], waits["confirmed_at"]) == (employment.agency_id, None)
    assert waits["sent_at"] is not None
    assert employment.acknowledge(recall.jti).status_code == 204
    [done] = prison.agency.call("GET", path).json()["take_backs"]
    assert done["confirmed_at"] is not None
    sent = [one for one in town.entries(employment) if "control" in one.get("fields", {})]
    assert [one["fields"]["released"] for one in sent] == [[]]
    # The person is told of the notice and of the read, each once, and not of the recall.
    path = f"/v1/inmate-files/{reference}/own-report"
    report = prison.agency.call("GET", path, accept="text/plain").text
    _, _, ours = report.partition("(employment service)")
    ours, _, _ = ours.partition("(local police)")
    for way in ("it was sent a sealed message.", "it looked at information about you."):
        assert ours.count(way) == 1
    assert ours.count("In general terms: Full name, Planned release date") == 2


def test_a_consent_without_the_release_tells_nothing_of_it(town: Town, prison: Prison) -> None:
    """The name of the event and its milestone would tell the day by themselves."""
    employment = town.subscribed("employment_service")
    reference = prison.admit(town.today + days(20))
    prison.consent(reference, employment, "identity.full_name", "needs.vocational_skills")
    town.settle()
    assert employment.notices() == []
    assert [row.reason for row in town.deliveries(employment)] == ["nothing-permitted"]


def test_a_case_that_ended_while_a_notice_waited_cancels_it(town: Town, prison: Prison) -> None:
    elsewhere = town.subscribed("probation_service", competent=False)
    reference = prison.admit(town.today + days(100))
    assignment = prison.refer(reference, elsewhere)
    prison.move(reference, town.today + days(40))
    town.tell()
    prison.end(assignment)
    town.settle()
    assert elsewhere.notices() == []
    assert [row.reason for row in town.deliveries(elsewhere)] == ["no-longer-concerned"]


def test_a_case_that_ended_takes_its_fields_out_of_what_is_sent(town: Town, prison: Prison) -> None:
    welfare = town.subscribed("social_welfare_centre")
    first, second = (prison.admit(town.today + days(100)) for _ in range(2))
    for reference in (first, second):
        assignment = prison.refer(reference, welfare)
        prison.move(reference, town.today + days(40))
        town.tell()
        if reference == second:
            prison.end(assignment)
        town.settle()
    with_case, without = (notice.event["released"] for notice in welfare.notices())
    assert "identity" in with_case
    assert "identity" not in without
    assert without["release"]["planned_release_date"]["recorded"]


def test_an_agency_that_is_no_longer_competent_is_not_told(town: Town, prison: Prison) -> None:
    welfare = town.subscribed("social_welfare_centre")
    prison.admit(town.today + days(40))
    town.tell()
    places = delete(COMPETENCE).where(COMPETENCE.c.agency_id == welfare.agency_id)
    town.work(lambda c: c.execute(places))
    town.settle()
    assert welfare.notices() == []


def test_what_rests_on_a_past_receipt_goes_out_though_nothing_is_permitted_now(
    town: Town, prison: Prison
) -> None:
    employment = town.subscribed("employment_service")
    reference = prison.admit(town.today + days(20))
    consent = prison.consent(reference, employment, *CONSENTED)
    town.settle()
    prison.withdraw(consent)
    for date in (town.today + days(25), None):
        prison.move(reference, date)
        town.settle()
    planned, recall, changed, cancelled = employment.notices()
    assert recall.event_type == "recall"
    assert (changed.event_type, changed.event["released"]) == ("release_date_changed", {})
    assert changed.event["concerns"] == [planned.jti]
    assert cancelled.event["concerns"] == [planned.jti, changed.jti]
    assert employment.call("GET", f"/v1/inmate-files/{planned.reference}").status_code == 404


def test_a_notice_holds_no_more_than_a_read_at_the_same_moment(town: Town, prison: Prison) -> None:
    agencies = town.everybody()
    reference = prison.admit(
        town.today + days(20),
        needs={"vocational_skills": ["ISCO-08:7126"]},
        identity={"national_id_number": "0000099917"},
        extremism_status={"disengagement_stage": "declined"},
        risk_assessment={"risk_level_general": "low"},
    )
    prison.consent(reference, agencies["employment_service"], *CONSENTED)
    prison.refer(reference, agencies["social_welfare_centre"])
    town.settle()
    for agency in agencies.values():
        [notice] = agency.notices()
        read = agency.call("GET", f"/v1/inmate-files/{notice.reference}").json()["released"]
        pushed = notice.event["released"]
        assert pushed
        for section, fields in pushed.items():
            assert fields == read[section]


# On record.


def test_the_intent_is_on_record_before_the_attempt_and_the_outcome_after(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    seen: list[list[str]] = []
    probation.box.reading = lambda _: seen.append(
        [entry["circumstances"]["outcome"] for entry in town.entries(probation)]
    )
    prison.admit(town.today + days(40))
    town.settle()
    assert seen[0][-1] == "attempted"
    intent, outcome = town.entries(probation)[-2:]
    assert outcome["circumstances"]["outcome"] == "delivered"
    [notice] = probation.notices()
    assert outcome["payload"] == {"notification": notice.jti, "status": 202}
    assert intent["payload"]["notification"] == notice.jti
    assert intent["payload"]["sha256"] == hashlib.sha256(notice.sealed).hexdigest()
    assert intent["payload"]["length"] == len(notice.sealed)
    recorded = {(released["field"], released["form"]) for released in intent["fields"]["released"]}
    assert recorded == {
        (f"{section}.{name}", released["form"])
        for section, fields in notice.event["released"].items()
        for name, released in fields.items()
    }


def test_a_failed_attempt_is_on_record_too(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(500)
    town.settle()
    town.advance(hours=1)
    outcomes = [entry["circumstances"]["outcome"] for entry in town.entries(probation)]
    assert outcomes[-4:] == ["attempted", "failed", "attempted", "delivered"]


def test_the_subscriber_sees_every_attempt(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(500)
    town.settle()
    town.advance(hours=1)
    path = f"/v1/subscriptions/{probation.subscription_id}/deliveries"
    [seen] = probation.call("GET", path).json()["deliveries"]
    assert [(one["number"], one["status_code"]) for one in seen["attempts"]] == [(1, 500), (2, 202)]
    assert seen["attempts"][0]["problem"] == "answered 500"
    assert (seen["status"], seen["sequence"]) == ("sent", 1)
    # A date that was generalised for a recipient must not come back as a number of days.
    assert "lead_days" not in seen


# Numbered.


def test_numbers_have_no_gap_for_a_subscription_nor_for_a_person(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    first = prison.admit(town.today + days(40))
    second = prison.admit(town.today + days(41))
    town.settle()
    third = prison.admit(town.today + days(42))
    town.tell()
    prison.move(third, None)  # cancelled before it was sent: it takes no number
    for reference in (first, second, first):
        prison.move(reference, town.today + days(50 + len(probation.notices())))
        town.settle()
    seen = sorted(numbers(probation))
    assert [subscriber for subscriber, _ in seen] == [1, 2, 3, 4, 5]
    by_person: dict[str, list[int]] = {}
    for notice in probation.notices():
        by_person.setdefault(notice.reference, []).append(notice.sequence[1])
    assert sorted(by_person.values()) == [[1, 2], [1, 2, 3]]


def test_a_retry_keeps_its_name_and_its_numbers(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    probation.box.answer_next(500, 500)
    town.settle()
    town.advance(hours=1)
    prison.admit(town.today + days(40))
    town.advance(hours=1)
    again = [notice for notice in probation.notices() if notice.sequence[0] == 1]
    assert len(again) == 3
    assert len({notice.jti for notice in again}) == 1
    assert sorted(numbers(probation)) == [(1, 1), (1, 1), (1, 1), (2, 1)]


def test_two_endpoints_of_one_agency_know_a_person_by_one_reference(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    probation.subscribe()
    town.shake_hands(probation)
    prison.admit(town.today + days(40))
    town.settle()
    first, second = probation.notices()
    assert first.jti != second.jti
    assert first.reference == second.reference
    assert first.claims["txn"] != second.claims["txn"]


# Alike from outside.


def test_an_extremist_and_an_ordinary_person_look_alike_to_the_employment_office(
    town: Town, prison: Prison
) -> None:
    employment = town.subscribed("employment_service")
    ordinary, offender = prison.admit(), prison.admit()
    prison.have_sentenced(offender)
    prison.change(offender, "extremism_status", veto_status="yes", ftf_return_status="voluntary")
    prison.change(offender, "risk_assessment", risk_level_ve="high", risk_level_general="high")
    for reference in (ordinary, offender):
        prison.move(reference, town.today + days(20))
    for reference in (ordinary, offender):
        prison.consent(reference, employment, *CONSENTED)
    town.settle()
    one, other = employment.notices()
    assert len(one.sealed) == len(other.sealed)
    assert template(one.event) == template(other.event)
    assert list(one.claims) == list(other.claims)
    assert len(json.dumps(one.claims)) == len(json.dumps(other.claims))


def template(value: object) -> object:
    """The shape of a JSON value: members in their order, and constants; no values of persons."""
    if isinstance(value, dict):
        return {name: template(member) for name, member in value.items() if name != "recorded_at"}
    return value


def test_nobody_is_sealed_to_who_is_not_in_the_registry(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    town.tell()
    revoked = update(AGENCY).where(AGENCY.c.agency_id == probation.agency_id)
    town.work(lambda c: c.execute(revoked.values(status="revoked")))
    town.settle()
    assert probation.notices() == []
