"""Which recorded decisions a candidate would have changed, and which cannot be compared."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from app.access_log.decisions import RecordedDecision
from app.access_log.opened_entry import DAMAGED, ERASED
from app.audit.repeat import Status, repeat
from app.audit.replay import NAMED, Replay, replay
from app.policy.decision import Decision
from app.policy.recorded_request import RecordedRequest, to_record
from app.policy.request import Request
from tests.policy.unchecked import agreement, bundle_of, permit, register

DAY = date(2027, 3, 3)
NAME, BIRTH = "identity.full_name", "identity.date_of_birth"
IN_FORCE = bundle_of(
    permit("police_local", f"grant:{NAME}:generalised"),
    permit("police_local", f"grant:{BIRTH}:full", "context.assigned", id_="Q"),
)
CANDIDATE = replace(
    bundle_of(permit("police_local", f"grant:{NAME}:full", "context.assigned")), digest="candidate"
)


def police(**facts: Any) -> Request:  # noqa: ANN401 - each its own
    return Request(
        role="police_local",
        agency="police",
        client="client",
        custodian="prison",
        purpose="public_protection_local",
        return_municipality="XK-MARKTOWN",
        **facts,
    )


def recorded(number: int, request: Request, *, day: date = DAY, **changed: Any) -> RecordedDecision:  # noqa: ANN401 - of each member
    """What the log holds of a decision under the bundle in force."""
    decision: Decision = IN_FORCE.decide(request, at=day)
    entry = RecordedDecision(
        entry_id=f"{number:032x}",
        policy=IN_FORCE.digest,
        forms={path: field.form.code for path, field in decision.fields.items()},
        reasons={},
        policies={},
        inputs=json.loads(json.dumps(to_record(RecordedRequest(request, day)))),
        missing=None,
    )
    return replace(entry, **changed)


def changes(report: Replay) -> list[tuple[str, str, str, str, int]]:
    return [
        (one["role"], one["field"], one["before"], one["after"], one["count"])
        for one in report.to_json()["differences"]
    ]


def test_each_difference_is_counted_with_its_entries() -> None:
    entries = [
        recorded(1, police()),
        recorded(2, police(assigned=True)),
        recorded(3, police(assigned=True)),
    ]
    report = replay(entries, IN_FORCE, CANDIDATE)
    assert changes(report) == [
        ("police_local", BIRTH, "full", "none", 2),
        ("police_local", NAME, "generalised", "full", 2),
        ("police_local", NAME, "generalised", "none", 1),
    ]
    named = {one["after"]: one["entries"] for one in report.to_json()["differences"]}
    assert named["full"] == [entries[1].entry_id, entries[2].entry_id]
    assert (report.decisions, report.compared, report.differing) == (3, 3, 3)
    assert report.to_json()["not_reproduced"] == {}


def test_the_bundle_in_force_changes_nothing() -> None:
    report = replay([recorded(1, police()), recorded(2, police(assigned=True))], IN_FORCE, IN_FORCE)
    assert (report.compared, report.differing, changes(report)) == (2, 0, [])


def test_only_what_the_entry_speaks_of_is_compared() -> None:
    """A notice carries some sections only: of the others nothing left, and nothing would have."""
    pushed = recorded(1, police(assigned=True), forms={BIRTH: "full"})
    report = replay([pushed], IN_FORCE, CANDIDATE)
    assert changes(report) == [("police_local", BIRTH, "full", "none", 1)]


def test_the_legal_day_of_the_decision_counts() -> None:
    ended = bundle_of(
        permit("police_local", f"grant:{NAME}:generalised"),
        of=register(agreement(last=date(2027, 3, 3))),
    )
    for day, after in ((DAY, "generalised"), (date(2027, 3, 4), "none")):
        report = replay([recorded(1, police(), day=day)], IN_FORCE, ended)
        expected = [] if after == "generalised" else [
            ("police_local", NAME, "generalised", after, 1)
        ]  # fmt: skip
        assert changes(report) == expected


def test_what_does_not_reproduce_stands_apart_and_is_not_compared() -> None:
    request = police(assigned=True)
    altered = to_record(RecordedRequest(police(), DAY))
    entries = [
        recorded(1, request, inputs=altered),
        recorded(2, request, inputs=altered, policy="another"),
        recorded(3, request, inputs={"version": 99}),
        recorded(4, request, inputs=to_record(RecordedRequest(replace(request, role="x"), DAY))),
        recorded(5, request, inputs=None, missing=ERASED),
        recorded(6, request, inputs=None, missing=DAMAGED),
    ]
    report = replay(entries, IN_FORCE, CANDIDATE)
    assert {status: one.count for status, one in report.apart.items()} == {
        Status.CONTRADICTED: 1,
        Status.OTHER_POLICY: 1,
        Status.UNREADABLE: 2,
        Status.ERASED: 1,
        Status.DAMAGED: 1,
    }
    assert report.apart[Status.CONTRADICTED].newest == [entries[0].entry_id]
    assert (report.decisions, report.compared, changes(report)) == (6, 0, [])


def test_a_decision_of_another_bundle_that_is_the_same_today_is_compared() -> None:
    entry = recorded(1, police(), policy="another")
    assert repeat(entry, IN_FORCE).status is Status.OTHER_POLICY
    report = replay([entry], IN_FORCE, CANDIDATE)
    assert (report.compared, report.differing, report.apart) == (1, 1, {})


def test_a_fact_that_an_older_record_lacks_counts_as_absent() -> None:
    record = to_record(RecordedRequest(police(assigned=True), DAY))
    del record["facts"]["assigned"]
    entry = recorded(1, police(), inputs=record)
    assert repeat(entry, IN_FORCE).status is Status.REPRODUCED


def test_what_a_candidate_cannot_decide_is_told_apart() -> None:
    """Its table and its probe are of two bundles, so the engine does not confirm what it says."""
    spans = zip(CANDIDATE.spans, IN_FORCE.spans, strict=True)
    broken = tuple(replace(span, probe=other.probe) for span, other in spans)
    candidate = replace(CANDIDATE, spans=broken)
    report = replay([recorded(1, police(assigned=True))], IN_FORCE, candidate)
    assert (report.undecided.count, report.compared) == (1, 0)


def test_a_long_replay_names_the_newest_and_counts_all() -> None:
    def many() -> Iterator[RecordedDecision]:
        one = recorded(0, police())
        for number in range(NAMED + 50):
            yield replace(one, entry_id=f"{number:032x}")

    (difference,) = replay(many(), IN_FORCE, CANDIDATE).to_json()["differences"]
    assert difference["count"] == NAMED + 50
    assert difference["entries"] == [f"{number:032x}" for number in range(NAMED)]


def test_nothing_of_a_person_is_in_the_report() -> None:
    report = replay([recorded(1, police(assigned=True, days_to_release=17))], IN_FORCE, CANDIDATE)
    text = json.dumps(report.to_json())
    for mark in ("MARKTOWN", "17", 'police"', "assigned", "2027"):
        assert mark not in text
