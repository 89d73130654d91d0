"""From a date in a file to notices at their times, as agencies in Kosovo see them."""

from datetime import timedelta

from tests.notifications.agency import Agency
from tests.notifications.play import Prison, Town, milestones

CONSENTED = ("identity.full_name", "release.planned_release_date", "needs.vocational_skills")
PASSED_AT_T40 = ["T-180", "T-90", "T-60"]


def days(number: int) -> timedelta:
    return timedelta(days=number)


def told(agencies: dict[str, Agency]) -> dict[str, list[str]]:
    """Who got notices of which types."""
    return {role.split("_")[0]: agency.told() for role, agency in agencies.items() if agency.told()}


def test_each_role_is_told_when_its_lead_time_begins(town: Town, prison: Prison) -> None:
    agencies = town.everybody()
    release = town.release_in(100)
    reference = prison.admit(release)
    prison.consent(reference, agencies["employment_service"], *CONSENTED)
    town.travel_to(release - days(91))
    assert told(agencies) == {}
    town.travel_to(release - days(90))
    assert told(agencies) == {"probation": ["release_planned"]}
    town.travel_to(release - days(61))
    assert told(agencies) == {"probation": ["release_planned"]}
    town.travel_to(release - days(60))
    planned = {"probation": ["release_planned"], "social": ["release_planned"]}
    assert told(agencies) == planned
    town.travel_to(release - days(31))
    assert told(agencies) == planned
    town.travel_to(release - days(30))
    assert told(agencies) == {
        **planned,
        "police": ["release_planned"],
        "employment": ["release_planned"],
    }
    for role, milestone in (("probation", "T-90"), ("social", "T-60"), ("police", "T-30")):
        [agency] = [one for name, one in agencies.items() if name.startswith(role)]
        [notice] = agency.notices()
        assert notice.event["milestones"] == [milestone]
        assert notice.event["shortfall_days"] == 0


def test_milestones_that_are_past_collapse_into_one_notice(town: Town, prison: Prison) -> None:
    agencies = town.everybody()
    prison.admit(town.today + days(40))
    town.settle()
    assert told(agencies) == {"probation": ["release_planned"], "social": ["release_planned"]}
    for role, lead in (("probation_service", 90), ("social_welfare_centre", 60)):
        [notice] = agencies[role].notices()
        assert notice.event["milestones"] == PASSED_AT_T40
        assert notice.event["shortfall_days"] == lead - 40


def test_a_date_that_moved_is_told_to_exactly_those_who_were_told(
    town: Town, prison: Prison
) -> None:
    agencies = town.everybody()
    reference = prison.admit(town.today + days(40))
    town.settle()
    prison.move(reference, town.today + days(45))
    town.settle()
    both = ["release_planned", "release_date_changed"]
    assert told(agencies) == {"probation": both, "social": both}
    for role in ("probation_service", "social_welfare_centre"):
        planned, changed = agencies[role].notices()
        assert changed.event["concerns"] == [planned.jti]
        date = changed.event["released"]["release"]["planned_release_date"]["value"]
        assert date == (town.today + days(45)).isoformat()


def test_a_date_that_moved_is_told_of_its_milestones_to_come(town: Town, prison: Prison) -> None:
    police = town.subscribed("police_local")
    release = town.release_in(35)
    reference = prison.admit(town.today + days(33))
    prison.move(reference, release)
    town.travel_to(release - days(31))
    assert police.told() == []
    town.travel_to(release - days(30))
    assert milestones(police.notices()) == [["T-30"]]
    town.travel_to(release)
    assert police.told() == ["release_planned"]


def test_a_date_moved_by_nothing_tells_nobody(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    release = town.today + days(40)
    reference = prison.admit(release)
    town.settle()
    prison.move(reference, release)
    prison.change(reference, "release", release_date_confidence="confirmed")
    body = {"sections": {"release": {"planned_release_date": {"value": release.isoformat()}}}}
    again = prison.agency.call(
        "PUT", f"/v1/inmate-files/{reference}", body, If_Match=prison.etags[reference]
    )
    assert again.status_code == 200
    town.settle()
    assert probation.told() == ["release_planned"]


def test_a_cancelled_release_is_told_to_exactly_those_who_were_told(
    town: Town, prison: Prison
) -> None:
    agencies = town.everybody()
    reference = prison.admit(town.today + days(40))
    town.settle()
    prison.move(reference, None)
    town.settle()
    both = ["release_planned", "release_cancelled"]
    assert told(agencies) == {"probation": both, "social": both}
    town.advance(days=40)
    assert told(agencies) == {"probation": both, "social": both}


def test_who_was_told_of_a_cancelled_release_was_not_told_of_the_next(
    town: Town, prison: Prison
) -> None:
    police = town.subscribed("police_local")
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(20))
    town.settle()
    prison.move(reference, None)
    town.settle()
    assert police.told() == ["release_planned", "release_cancelled"]
    prison.move(reference, town.today + days(80))
    town.settle()
    for date in (town.today + days(85), None):
        prison.move(reference, date)
        town.settle()
    assert police.told() == ["release_planned", "release_cancelled"]
    first, cancelled, again, changed, cancelled_again = probation.notices()
    assert cancelled.event["concerns"] == [first.jti]
    assert changed.event["concerns"] == [again.jti]
    assert cancelled_again.event["concerns"] == [again.jti, changed.jti]


def test_who_is_no_longer_competent_still_learns_that_the_date_moved(
    town: Town, prison: Prison
) -> None:
    welfare = town.subscribed("social_welfare_centre")
    reference = prison.admit(town.today + days(40))
    town.settle()
    prison.change(reference, "residence_contact", return_municipality_code="XK-ELSEWHERE")
    prison.move(reference, town.today + days(45))
    town.settle()
    planned, changed = welfare.notices()
    assert changed.event_type == "release_date_changed"
    assert changed.event["concerns"] == [planned.jti]
    assert changed.event["released"] == {}


def test_who_may_hold_a_date_learns_that_it_moved(town: Town, prison: Prison) -> None:
    """The first attempt had no answer: whether it arrived nobody knows."""
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    probation.box.answer_next(500)
    town.settle()
    prison.move(reference, town.today + days(45))
    town.advance(hours=1)
    assert probation.told() == ["release_planned", "release_planned", "release_date_changed"]
    first, second, changed = probation.notices()
    assert first.jti == second.jti
    assert changed.event["concerns"] == [first.jti]


def test_who_never_got_the_announcement_gets_it_with_the_change(town: Town, prison: Prison) -> None:
    """It was tried, and nothing of it might be told any more when it was tried again."""
    police = town.subscribed("police_local")
    near = town.today + days(20)
    reference = prison.admit(near)
    police.box.answer_next(500)
    town.settle()
    prison.move(reference, town.today + days(60))
    town.advance(hours=3)
    prison.move(reference, near)
    town.advance(hours=3)
    tried, moved_away, moved_back = police.notices()
    [cancelled] = police.listed("cancelled")
    assert (cancelled["jti"], cancelled["problem"]) == (tried.jti, "nothing-permitted")
    assert moved_away.event["released"] == {}
    assert moved_back.event["concerns"] == [tried.jti, moved_away.jti]
    released = moved_back.event["released"]
    assert released["release"]["planned_release_date"]["value"] == near.isoformat()
    assert released.keys() == tried.event["released"].keys()
    assert released["identity"] == tried.event["released"]["identity"]


def test_what_came_with_one_change_does_not_come_with_the_next(town: Town, prison: Prison) -> None:
    police = town.subscribed("police_local")
    near = town.today + days(20)
    reference = prison.admit(near)
    police.box.answer_next(400)
    town.settle()
    for number in (1, 2):
        prison.move(reference, near - days(number))
        town.advance(hours=3)
    announced, first, second = police.notices()
    assert first.event["released"].keys() == announced.event["released"].keys()
    assert second.event["released"].keys() == {"release"}


def test_who_has_acknowledged_the_announcement_has_got_it(town: Town, prison: Prison) -> None:
    police = town.subscribed("police_local")
    near = town.today + days(20)
    reference = prison.admit(near)
    police.box.answer_next(400)  # it could be read after all
    town.settle()
    [announced] = police.notices()
    assert police.acknowledge(announced.jti).status_code == 204
    prison.move(reference, near - days(1))
    town.advance(hours=3)
    assert police.notices()[-1].event["released"].keys() == {"release"}


def test_who_is_not_concerned_any_more_gets_the_change_alone(town: Town, prison: Prison) -> None:
    """What the announcement tells is for whoever is: it was cancelled for that very reason."""
    probation = town.subscribed("probation_service")
    near = town.today + days(20)
    reference = prison.admit(near)
    probation.box.answer_next(500)
    town.settle()
    prison.change(reference, "residence_contact", return_municipality_code="XK-ZZZZ")
    prison.move(reference, near - days(1))
    town.advance(hours=3)
    [cancelled] = probation.listed("cancelled")
    assert cancelled["problem"] == "no-longer-concerned"
    announced, changed = probation.notices()
    assert "identity" in announced.event["released"]
    assert changed.event["released"].keys() == {"release"}


def test_of_who_has_died_comes_the_change_alone(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    near = town.today + days(20)
    reference = prison.admit(near)
    probation.box.answer_next(400)
    town.settle()
    probation.box.answer_next(500)
    prison.move(reference, near - days(1))
    town.settle()
    died = {"event": "died_in_custody", "next_of_kin_informed": True}
    answer = prison.agency.call("POST", f"/v1/inmate-files/{reference}/events", died)
    assert answer.status_code == 201, answer.text
    town.advance(hours=3)
    [before, after] = [one for one in probation.notices() if one.event_type.endswith("changed")]
    assert before.jti == after.jti
    assert "identity" in before.event["released"]
    assert after.event["released"].keys() == {"release"}


def test_whom_nothing_was_sent_is_told_when_the_date_comes_near_again(
    town: Town, prison: Prison
) -> None:
    """Nothing of it might be told when its turn came, and its milestone is over."""
    police = town.subscribed("police_local")
    near = town.today + days(20)
    reference = prison.admit(near)
    town.tell()
    prison.move(reference, town.today + days(60))
    town.settle()
    assert police.told() == []
    prison.move(reference, near)
    town.settle()
    [notice] = police.notices()
    assert notice.event_type == "release_planned"
    released = notice.event["released"]["release"]
    assert released["planned_release_date"]["value"] == near.isoformat()


def test_who_got_the_announcement_gets_the_change_alone(town: Town, prison: Prison) -> None:
    police = town.subscribed("police_local")
    near = town.today + days(20)
    reference = prison.admit(near)
    town.settle()
    prison.move(reference, town.today + days(60))
    town.advance(hours=3)
    prison.move(reference, near)
    town.advance(hours=3)
    announced, moved_away, moved_back = police.notices()
    assert "identity" in announced.event["released"]
    assert moved_away.event["released"] == {}
    assert moved_back.event["released"].keys() == {"release"}


def test_a_notice_that_waited_is_not_sent_once_the_release_is_cancelled(
    town: Town, prison: Prison
) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(40))
    town.tell()
    prison.move(reference, None)
    town.settle()
    assert probation.told() == []
    [row] = town.deliveries(probation)
    assert (row.status, row.reason, row.sequence) == ("cancelled", "no-longer-true", None)


def test_a_release_is_told_when_it_happened_and_followed_up(town: Town, prison: Prison) -> None:
    agencies = town.everybody()
    reference = prison.admit(town.today)
    town.settle()
    left = town.world.clock()
    prison.change(reference, "release", actual_release_datetime=left.isoformat())
    town.settle()
    for role in ("probation_service", "social_welfare_centre", "police_local"):
        assert agencies[role].told() == ["release_planned", "released"]
    town.advance(days=8)
    assert agencies["police_local"].told() == ["release_planned", "released"]
    *_, last = agencies["probation_service"].notices()
    assert (last.event_type, last.event["milestones"]) == ("follow_up_due", ["T+1", "T+7"])


def test_a_release_that_was_recorded_by_mistake_is_not_told(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    reference = prison.admit(town.today + days(2))
    town.settle()
    left = town.world.clock()
    prison.change(reference, "release", actual_release_datetime=left.isoformat())
    prison.change(reference, "release", actual_release_datetime=None)
    town.settle()
    assert "released" not in probation.told()


# Those who come late.


def test_who_accepts_a_case_late_is_told_once(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    elsewhere = town.subscribed("probation_service", name="elsewhere", competent=False)
    reference = prison.admit(town.today + days(40))
    town.settle()
    assert elsewhere.told() == []
    assignment = prison.refer(reference, elsewhere)
    town.settle()
    assert milestones(elsewhere.notices()) == [PASSED_AT_T40]
    prison.end(assignment)
    prison.refer(reference, elsewhere)
    town.settle()
    assert elsewhere.told() == probation.told() == ["release_planned"]


def test_who_gets_a_consent_late_is_told_once(town: Town, prison: Prison) -> None:
    probation = town.subscribed("probation_service")
    employment = town.subscribed("employment_service")
    reference = prison.admit(town.today + days(20))
    town.settle()
    assert employment.told() == []
    prison.consent(reference, employment, *CONSENTED)
    town.settle()
    assert employment.told() == ["release_planned"]
    prison.consent(reference, employment, "needs.education_level")
    town.settle()
    assert employment.told() == probation.told() == ["release_planned"]


def test_who_becomes_competent_late_is_told_once(town: Town, prison: Prison) -> None:
    welfare = town.subscribed("social_welfare_centre")
    reference = prison.admit(
        town.today + days(40), residence_contact={"return_municipality_code": "XK-ELSEWHERE"}
    )
    town.settle()
    assert welfare.told() == []
    for place in (town.place, "XK-ELSEWHERE", town.place):
        prison.change(reference, "residence_contact", return_municipality_code=place)
        town.settle()
    assert welfare.told() == ["release_planned"]


def test_who_becomes_competent_after_the_date_moved_is_told(town: Town, prison: Prison) -> None:
    """The milestones that were told for the old date are not told again for the new one."""
    welfare = town.subscribed("social_welfare_centre")
    reference = prison.admit(
        town.today + days(40), residence_contact={"return_municipality_code": "XK-ELSEWHERE"}
    )
    town.settle()
    prison.move(reference, town.today + days(38))
    town.settle()
    prison.change(reference, "residence_contact", return_municipality_code=town.place)
    town.settle()
    assert milestones(welfare.notices()) == [PASSED_AT_T40]


def test_who_was_told_of_an_earlier_release_is_told_of_this_one(town: Town, prison: Prison) -> None:
    welfare = town.subscribed("social_welfare_centre")
    reference = prison.admit(town.today + days(40))
    town.settle()
    prison.move(reference, None)
    prison.change(reference, "residence_contact", return_municipality_code="XK-ELSEWHERE")
    prison.move(reference, town.today + days(50))
    town.settle()
    prison.change(reference, "residence_contact", return_municipality_code=town.place)
    town.settle()
    assert welfare.told() == ["release_planned", "release_cancelled", "release_planned"]


def test_who_comes_late_is_not_told_that_somebody_will_leave_who_has_left(
    town: Town, prison: Prison
) -> None:
    welfare = town.subscribed("social_welfare_centre")
    reference = prison.admit(
        town.today + days(20), residence_contact={"return_municipality_code": "XK-ELSEWHERE"}
    )
    town.settle()
    left = town.world.clock()
    prison.change(reference, "release", actual_release_datetime=left.isoformat())
    prison.change(reference, "residence_contact", return_municipality_code=town.place)
    town.settle()
    assert "release_planned" not in welfare.told()


def test_an_endpoint_that_comes_late_learns_what_is_ahead(town: Town, prison: Prison) -> None:
    welfare = town.join("social_welfare_centre")
    probation = town.subscribed("probation_service")
    prison.admit(town.today + days(40))
    prison.admit(town.today + days(80))
    prison.admit(town.today + days(40), residence_contact={"return_municipality_code": "XK-FAR"})
    gone = prison.admit(town.today + days(40))
    town.settle()
    prison.move(gone, None)
    town.settle()
    before = probation.told()
    welfare.subscribe()
    town.shake_hands(welfare)
    town.settle()
    assert milestones(welfare.notices()) == [PASSED_AT_T40]
    assert probation.told() == before
