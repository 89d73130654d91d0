"""Feeds over HTTP: how they stand, snapshots, and who may decide about a hold."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.access_log.vocabulary import Operation
from app.intake import feeds as doors
from app.intake import snapshots
from app.outbox.feeds import FeedSettings
from app.releases.plausibility import Limits
from tests.api.exchange import (
    RELEASE,
    Exchange,
    Sections,
    Speaker,
    exchange_in,
    is_problem,
    sections_of,
    without_convictions,
)
from tests.world import World

NDJSON = "application/x-ndjson"
LATER = "2031-01-01"


@pytest.fixture(scope="module")
def exchange(world: World) -> Iterator[Exchange]:
    with exchange_in(world) as exchange:
        yield exchange


@pytest.fixture
def prison(exchange: Exchange) -> Speaker:
    """A prison whose feed may turn two persons a day."""
    prison = exchange.agency("correctional_service")
    limits = FeedSettings(limits=Limits(largest_share=0, least_count=2))
    service = exchange.world.service
    service.database.run_blocking(
        lambda c: doors.configure(
            c, service.house, f"{prison.id}-1", limits, at=exchange.world.clock()
        )
    )
    return prison


def person(*, release: str = RELEASE.isoformat()) -> Sections:
    sections = without_convictions(sections_of("correctional_service"))
    sections["release"]["planned_release_date"]["value"] = release
    sections["release"].pop("actual_release_datetime", None)
    return sections


def lines(persons: dict[str, Sections]) -> bytes:
    rows = [{"reference": name, "sections": sections} for name, sections in persons.items()]
    return b"\n".join(json.dumps(row).encode() for row in rows)


def send(prison: Speaker, content: bytes, feed: str = "") -> httpx.Response:
    path = f"/v1/feeds/{feed or prison.id + '-1'}/snapshots"
    return prison.call("POST", path, content=content, headers={"Content-Type": NDJSON})


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def state(speaker: Speaker, prison: Speaker) -> dict[str, Any]:
    found = speaker.call("GET", "/v1/feeds").json()["feeds"]
    [one] = [feed for feed in found if feed["feed"] == f"{prison.id}-1"]
    return dict(one)


def test_a_snapshot_says_who_arrived_changed_and_is_missing(
    exchange: Exchange, prison: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "PAGE", 2)  # so that more than one page is read
    first = rows(send(prison, lines({"A-1": person(), "A-2": person(), "A-3": person()})))
    assert [row["status"] for row in first[:3]] == ["created"] * 3
    assert first[-1]["created"] == 3
    bad = b'\n{"reference": "A-9"}\nnot json\n' + lines({"A-1": person()})
    persons = {"A-1": person(), "A-2": person(release=LATER), "A-4": person()}
    second = rows(send(prison, lines(persons) + bad))
    assert [row["status"] for row in second] == [
        "unchanged", "changed", "created", "refused", "refused", "refused", "missing", "summary"
    ]  # fmt: skip
    assert [row["line"] for row in second[:6]] == [1, 2, 3, 4, 5, 6]
    assert "line 1" in second[5]["detail"]
    assert second[6] == {"status": "missing", "reference": "A-3"}
    assert second[7] == {
        "status": "summary", "unchanged": 1, "changed": 1, "created": 1, "refused": 3,
        "missing": 1, "turned": 1,
    }  # fmt: skip
    # Whoever is missing is in nobody's notice, and still in the file.
    assert prison.get("A-3").status_code == 200
    entries = exchange.entries(client_id=f"{prison.id}-1", operation=Operation.COLLECTION)
    counts = [e.sections["fields"] for e in entries if e.sections["fields"].get("fact")]
    assert [(one["turned"], one["missing"], one["held"]) for one in counts] == [
        (0, 0, False),
        (1, 1, False),
    ]


def test_an_implausible_snapshot_is_held_whole_until_an_officer_decides(
    exchange: Exchange, prison: Speaker
) -> None:
    names = [f"B-{number}" for number in range(4)]
    rows(send(prison, lines({name: person() for name in names})))
    flood = lines({name: person(release=LATER) for name in names})
    is_problem(send(prison, flood), 409, "conflict")
    assert prison.get("B-0").json()["released"]["release"]["planned_release_date"]["value"] != LATER
    welfare = exchange.some("social_welfare_centre")
    seen = state(welfare, prison)
    assert seen["state"] == "held"
    assert "settings" not in seen
    assert state(prison, prison)["settings"]["least_count"] == 2
    # Nothing goes on meanwhile, and the feed does not approve itself; nor does anybody else.
    is_problem(send(prison, lines({"B-0": person()})), 409, "conflict")
    path = f"/v1/feeds/{prison.id}-1/decision"
    is_problem(prison.post(path, {"decision": "release"}), 403, "forbidden")
    is_problem(welfare.post(path, {"decision": "release"}), 404, "not-found")
    officer = exchange.another_client(prison)
    assert officer.post(path, {"decision": "release"}).json()["decision"] == "released"
    is_problem(officer.post(path, {"decision": "release"}), 409, "conflict")
    assert [row["status"] for row in rows(send(prison, flood))[:4]] == ["changed"] * 4
    assert state(welfare, prison)["state"] == "live"


def test_a_snapshot_in_which_too_many_are_missing_is_held(prison: Speaker) -> None:
    names = [f"C-{number}" for number in range(4)]
    rows(send(prison, lines({name: person() for name in names})))
    is_problem(send(prison, lines({"C-0": person()})), 409, "conflict")
    assert state(prison, prison)["state"] == "held"


def test_changes_one_by_one_are_counted_too(exchange: Exchange, prison: Speaker) -> None:
    names = [f"D-{number}" for number in range(4)]
    rows(send(prison, lines({name: person() for name in names})))
    for name in names[:2]:
        assert prison.put(name, person(release=LATER), if_match="*").status_code == 200
    assert state(prison, prison)["state"] == "live"
    assert prison.put(names[2], person(release=LATER), if_match="*").status_code == 200
    assert state(prison, prison)["state"] == "held"
    officer = exchange.another_client(prison)
    path = f"/v1/feeds/{prison.id}-1/decision"
    assert officer.post(path, {"decision": "discard"}).json()["decision"] == "discarded"
    assert state(prison, prison)["state"] == "live"


def test_a_feed_is_sent_by_its_own_client_and_by_a_custodian(
    exchange: Exchange, prison: Speaker
) -> None:
    is_problem(send(prison, b"", feed="somebody-else"), 422, "invalid-input")
    welfare = exchange.some("social_welfare_centre")
    is_problem(send(welfare, lines({"E-1": person()})), 403, "forbidden")


def test_a_decision_that_is_none_is_refused(prison: Speaker) -> None:
    path = f"/v1/feeds/{prison.id}-1/decision"
    is_problem(prison.post(path, {"decision": "perhaps"}), 422, "invalid-input")
