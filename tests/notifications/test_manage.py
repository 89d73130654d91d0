"""A subscription in the course of its life: changed, paused, ended, asked for again."""

from datetime import timedelta

import pytest
from joserfc.jwk import RSAKey

from tests.notifications.agency import SEALING_KEY, Agency
from tests.notifications.play import Prison, Town

OTHER_KEY = RSAKey.generate_key(2048, private=True)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def changes(town: Town, agency: Agency) -> list[object]:
    """What the log has of the changes of a subscription."""
    facts = [entry.get("fields", {}) for entry in town.entries(agency)]
    return [
        fact.get("changed", fact["status"]) for fact in facts if fact.get("fact") == "subscription"
    ]


@pytest.fixture
def probation(town: Town) -> Agency:
    return town.subscribed("probation_service")


def test_another_endpoint_is_used_once_it_is_proven(
    town: Town, prison: Prison, probation: Agency
) -> None:
    old = probation.box
    new = town.mailroom.box(f"moved-{town.number}")
    shown = probation.change(endpoint=new.url).json()
    assert (shown["endpoint"], shown["handshake"]) == (old.url, "open")
    prison.admit(town.today + days(40))
    town.settle()
    # The old one goes on until then, and the nonce went to the new one alone.
    assert probation.told() == ["release_planned"]
    assert len(probation.nonces()) == 1
    probation.box = new
    assert probation.answer_handshake(probation.nonces()[-1]).status_code == 204
    assert probation.shown()["endpoint"] == new.url
    prison.admit(town.today + days(40))
    town.settle()
    assert (len(old.letters), probation.told()) == (2, ["release_planned"])
    assert changes(town, probation) == ["pending", "active", ["endpoint"], "active"]


def test_another_key_is_sealed_to_once_it_is_proven(
    town: Town, prison: Prison, probation: Agency
) -> None:
    public = {**OTHER_KEY.as_dict(private=False), "kid": OTHER_KEY.thumbprint(), "use": "enc"}
    assert probation.change(encryption_jwk=public).status_code == 200
    prison.admit(town.today + days(40))
    town.settle()
    kids = [probation.kid(letter) for letter in probation.box.letters]
    # Nonce, then in either order: the notice under the old key, the nonce under the new one.
    assert kids[0] == SEALING_KEY.thumbprint()
    assert sorted(kids[1:]) == sorted([SEALING_KEY.thumbprint(), OTHER_KEY.thumbprint()])
    probation.sealing_key = OTHER_KEY
    [nonce] = [
        probation.open(letter).event["nonce"]
        for letter in probation.box.letters
        if probation.kid(letter) == OTHER_KEY.thumbprint()
    ]
    assert probation.answer_handshake(nonce).status_code == 204
    prison.admit(town.today + days(40))
    town.settle()
    assert probation.kid(probation.box.letters[-1]) == OTHER_KEY.thumbprint()


@pytest.mark.parametrize(
    "members",
    [
        {"endpoint": "https://10.0.0.1/"},
        {"endpoint": ""},
        {"encryption_jwk": {"kty": "RSA"}},
        {"paused": "yes"},
        {"status": "active"},
    ],
)
def test_a_change_that_may_not_be_changes_nothing(
    town: Town, probation: Agency, members: dict[str, object]
) -> None:
    before = probation.shown()
    assert probation.change(**members).status_code == 422
    assert probation.shown() == before
    assert changes(town, probation) == ["pending", "active"]


def test_what_is_ended_gets_nothing_more_and_what_waits_is_cancelled(
    town: Town, prison: Prison, probation: Agency
) -> None:
    reference = prison.admit(town.today + days(40))
    probation.box.answer_next(503)
    town.settle()
    path = f"/v1/subscriptions/{probation.subscription_id}"
    assert probation.call("DELETE", path).status_code == 204
    prison.move(reference, town.today + days(45))
    town.advance(hours=1)
    [row] = town.deliveries(probation)
    assert (row.status, row.reason) == ("cancelled", "recipient-not-active")
    assert probation.shown()["status"] == "ended"
    assert changes(town, probation)[-1] == "ended"
    # For good.
    refused = (
        probation.call("DELETE", path),
        probation.change(paused=True),
        probation.ask_inbox(),
        probation.call("POST", f"{path}/replay", {"since": 0}),
    )
    assert [answer.status_code for answer in refused] == [409] * 4
    assert probation.answer_handshake(probation.nonces()[0]).status_code == 204
    assert probation.shown()["status"] == "ended"


def test_another_client_can_do_nothing_with_it(
    town: Town, prison: Prison, probation: Agency
) -> None:
    other = town.join("probation_service", name="other")
    path = f"/v1/subscriptions/{probation.subscription_id}"
    refused = (
        other.call("PATCH", path, {"paused": True}),
        other.call("DELETE", path),
        other.call("POST", f"{path}/replay", {"since": 0}),
    )
    assert [answer.status_code for answer in refused] == [404] * 3
    prison.admit(town.today + days(40))
    town.settle()
    assert probation.told() == ["release_planned"]


def test_a_replay_sends_again_what_came_after_a_number(
    town: Town, prison: Prison, probation: Agency
) -> None:
    for _ in range(3):
        prison.admit(town.today + days(40))
        town.settle()
    before = town.deliveries(probation)
    town.advance(days=1)
    assert probation.replay(1) == 2
    town.settle()
    first = probation.notices()[:3]
    again = sorted(probation.notices()[3:], key=lambda notice: notice.sequence)
    assert [(one.jti, one.sequence) for one in again] == [(o.jti, o.sequence) for o in first[1:]]
    # When it first arrived is what its lead time counts from.
    rows = town.deliveries(probation)
    assert [(row.sent_at, row.lead_days) for row in rows] == [
        (row.sent_at, row.lead_days) for row in before
    ]
    replays = [
        entry["fields"]
        for entry in town.entries(probation)
        if "replayed" in entry.get("fields", {})
    ]
    assert [(fields["since"], fields["replayed"]) for fields in replays] == [(1, 2)]


def test_a_dead_letter_is_listed_and_gets_a_window_of_its_own_by_a_replay(
    town: Town, prison: Prison, probation: Agency
) -> None:
    prison.admit(town.today + days(60))
    probation.box.answer_next(*[503] * 200)
    town.settle()
    while probation.listed("dead") == []:
        town.advance(hours=6)
    [dead] = probation.listed("dead")
    assert (dead["sequence"], dead["problem"]) == (1, "answered 503")
    assert probation.replay(0, status="dead") == 1
    town.advance(hours=6)
    assert [row.status for row in town.deliveries(probation)] == ["queued"]
    probation.box.answers.clear()
    town.advance(hours=6)
    assert [row.status for row in town.deliveries(probation)] == ["sent"]


@pytest.mark.parametrize(
    "body",
    [{}, {"since": -1}, {"since": 2**31}, {"since": "1"}, {"since": 0, "status": "queued"}],
)
def test_a_replay_that_is_not_as_agreed_is_refused(
    town: Town, probation: Agency, body: dict[str, object]
) -> None:
    assert town
    path = f"/v1/subscriptions/{probation.subscription_id}/replay"
    assert probation.call("POST", path, body).status_code == 422
    bad = probation.call("GET", f"{path.removesuffix('replay')}deliveries?status=x")
    assert bad.status_code == 422


def test_after_the_largest_number_there_is_nothing_to_replay(town: Town, probation: Agency) -> None:
    assert town
    path = f"/v1/subscriptions/{probation.subscription_id}/replay"
    answer = probation.call("POST", path, {"since": 2**31 - 1})
    assert (answer.status_code, answer.json()) == (202, {"replayed": 0})


def test_a_client_lists_its_own_until_they_are_ended(town: Town, probation: Agency) -> None:
    first, second = probation.subscription_id, probation.subscribe()
    town.subscribed("social_welfare_centre")

    def listed() -> list[str]:
        found = probation.call("GET", "/v1/subscriptions").json()["subscriptions"]
        return [one["subscription_id"] for one in found]

    assert sorted(listed()) == sorted([first, second])
    assert probation.call("DELETE", f"/v1/subscriptions/{first}").status_code == 204
    assert listed() == [second]
