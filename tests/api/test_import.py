"""The import: an answer for each line while the lines still come, and each line on its own."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration import registry
from app.files import store
from tests.api.conversation import Conversation
from tests.api.exchange import Exchange, Speaker, exchange_in, is_problem
from tests.conftest import BOTH, empty_database
from tests.world import running_world

IMPORT = "/v1/inmate-files/import"
NDJSON = {"Content-Type": "application/x-ndjson"}
NEED = {"needs": {"employment_need": {"value": "job_search"}}}
OTHER_NEED = {"needs": {"employment_need": {"value": "none"}}}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


def line(reference: str, sections: object = None) -> bytes:
    content = {"reference": reference, "sections": NEED if sections is None else sections}
    return json.dumps(content).encode() + b"\n"


def imported(agency: Speaker, body: bytes | Iterator[bytes]) -> list[dict[str, Any]]:
    answer = agency.call("POST", IMPORT, content=body, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    return [json.loads(one) for one in answer.text.splitlines()]


def conversation(agency: Speaker) -> Conversation:
    given = {**agency.credentials("POST", IMPORT), **NDJSON}
    return Conversation(agency.world.settings.issuer, IMPORT, given)


def need_of(agency: Speaker, reference: str) -> object:
    released = agency.get(reference).json()["released"]
    return released["needs"]["employment_need"].get("value")


def test_each_line_gets_an_answer_with_its_number(prison: Speaker) -> None:
    body = line("N-1") + b"\n \r\n" + line("N-2") + line("N-1") + line("N-2", OTHER_NEED)
    assert imported(prison, body) == [
        {"line": 1, "status": "created"},
        {"line": 4, "status": "created"},
        {"line": 5, "status": "unchanged"},
        {"line": 6, "status": "changed"},
    ]
    assert need_of(prison, "N-1") == "job_search"
    assert need_of(prison, "N-2") == "none"


def test_lines_may_end_as_on_another_system_and_the_last_one_not_at_all(prison: Speaker) -> None:
    body = line("C-1").replace(b"\n", b"\r\n") + line("C-2").strip()
    assert [one["status"] for one in imported(prison, body)] == ["created", "created"]


def test_nothing_is_imported_from_nothing(exchange: Exchange, prison: Speaker) -> None:
    before = exchange.stored()
    assert imported(prison, b"") == []
    assert imported(prison, b"\n\n\n") == []
    assert exchange.stored() == before


def refused(reference: str, problem: str, *pointers: str) -> dict[str, object]:
    return {"reference": reference, "problem": problem, "pointers": list(pointers)}


BAD = {
    b'{"reference":"B-1"': refused("B-1", "malformed-body"),
    b"Quokka": refused("B-1", "malformed-body"),
    b"[]": refused("B-1", "invalid-input"),
    b"null": refused("B-1", "invalid-input"),
    b"{}": refused("B-1", "invalid-input"),
    b'{"reference":"B-1","sections":{},"Quokka":1}': refused("B-1", "invalid-input"),
    b'{"reference":"B-1","reference":"B-1","sections":{}}': refused("B-1", "malformed-body"),
    b'{"reference":"B-1","sections":NaN}': refused("B-1", "malformed-body"),
    b'{"reference":"B-1","sections":{"needs":{"x":\xff}}}': refused("B-1", "malformed-body"),
    b'{"reference":"B 1 Quokka","sections":{}}': refused("B-1", "invalid-input", "/reference"),
    b'{"reference":"B-1\\n","sections":{}}': refused("B-1", "invalid-input", "/reference"),
    b'{"reference":"\\ud800","sections":{}}': refused("B-1", "invalid-input", "/reference"),
    b'{"reference":7,"sections":{}}': refused("B-1", "invalid-input", "/reference"),
    b'{"reference":"B-1","sections":[]}': refused("B-1", "invalid-input", "/sections"),
    b'{"reference":"B-1","sections":{"\\ud800":{}}}': refused("B-1", "invalid-input", "/sections"),
    b'{"reference":"B-1","sections":{"needs":{"employment_need":{"value":"Quokka"}}}}': refused(
        "B-1", "invalid-input", "/sections/needs/employment_need/value"
    ),
    b'{"reference":"B-1","sections":{"sentence":{}}}': refused("B-1", "forbidden"),
    b'{"reference":"B-1","sections":{"needs":{"employment_need":null}}}': refused(
        "B-1", "invalid-input", "/sections/needs/employment_need"
    ),
    b"[" * 100_000: refused("B-1", "malformed-body"),
}


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_line_is_refused_whole_and_disturbs_no_other(
    exchange: Exchange, prison: Speaker, bad: bytes
) -> None:
    before = len(exchange.stored()["inmate_file"])
    number = exchange.person(prison)
    answers = imported(prison, line(f"{number}-a") + bad + b"\n" + line(f"{number}-b"))
    assert [(one["line"], one["status"]) for one in answers] == [
        (1, "created"),
        (2, "refused"),
        (3, "created"),
    ]
    assert answers[1]["problem"] == BAD[bad]["problem"]
    assert [one["pointer"] for one in answers[1]["errors"]] == BAD[bad]["pointers"]
    assert answers[1]["detail"]
    assert "Quokka" not in str(answers)
    assert len(exchange.stored()["inmate_file"]) == before + 3
    assert prison.get("B-1").status_code == 404


def test_a_foreign_section_in_a_line_is_on_record(exchange: Exchange, prison: Speaker) -> None:
    imported(prison, line("F-1", {**NEED, "sentence": {}}))
    last = exchange.entries(agency_id=prison.id)[-1]
    assert last.sections["circumstances"]["channel"] == Channel.IMPORT
    assert last.sections["circumstances"]["outcome"] == Outcome.REFUSED


def test_a_stored_line_is_a_collection_by_import(exchange: Exchange, prison: Speaker) -> None:
    imported(prison, line("COLLECTED"))
    last = exchange.entries(agency_id=prison.id)[-1]
    assert last.sections["circumstances"]["channel"] == Channel.IMPORT
    assert last.sections["circumstances"]["operation"] == Operation.COLLECTION


def test_a_line_that_is_too_long_is_refused_alone(exchange: Exchange, prison: Speaker) -> None:
    limit = exchange.world.settings.body_limit
    for extra in (1, 70_000, 3 * limit):
        too_long = b'{"Quokka":"' + b"x" * (limit + extra)
        answers = imported(prison, line("L-1") + too_long + b"\n" + line("L-2"))
        assert [one["status"] for one in answers][1:2] == ["refused"]
        assert [one["line"] for one in answers] == [1, 2, 3]
        assert answers[1]["problem"] == "body-too-large"
        assert str(limit) in answers[1]["detail"]
    [last] = imported(prison, b"x" * (limit + 1))
    assert last["problem"] == "body-too-large"
    padded = line("L-3").strip()
    padded += b" " * (limit - len(padded))
    assert imported(prison, padded) == [{"line": 1, "status": "created"}]


def test_a_last_line_that_was_cut_off_is_refused(prison: Speaker) -> None:
    answers = imported(prison, line("T-1") + line("T-2")[:-9])
    assert [one["status"] for one in answers] == ["created", "refused"]
    assert prison.get("T-2").status_code == 404


def test_answers_come_while_lines_are_still_being_sent(prison: Speaker) -> None:
    with conversation(prison) as talk:
        for number in range(5):
            whole = line(f"TALK-{number}")
            talk.say(whole[:20])
            talk.say(whole[20:])
            assert talk.hear() == {"line": number + 1, "status": "created"}
            assert prison.get(f"TALK-{number}").status_code == 200
        talk.end()
        assert talk.hear() is None


def test_ten_thousand_lines_are_answered_one_by_one(prison: Speaker) -> None:
    good = {250: line("TEN-1"), 5_000: line("TEN-2"), 10_000: line("TEN-3")}

    with conversation(prison) as talk:

        def send() -> None:
            for number in range(1, 10_001):
                talk.say(good.get(number, b'{"reference":"Quokka"}\n'))
            talk.end()

        sender = threading.Thread(target=send)
        sender.start()
        statuses = {}
        while (heard := talk.hear()) is not None:
            statuses[heard["line"]] = heard["status"]
        sender.join()
    assert list(statuses) == list(range(1, 10_001))
    assert {number for number, status in statuses.items() if status == "created"} == good.keys()


def test_who_hangs_up_has_stored_the_lines_that_were_whole(
    prison: Speaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "throughcare")
    with conversation(prison) as talk:
        for number in range(3):
            talk.say(line(f"HUNG-{number}"))
            talk.hear()
        talk.say(line("HUNG-3")[:-5])
    deadline = time.monotonic() + 20
    while "went away" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "a client went away before its request was complete" in caplog.text
    assert [prison.get(f"HUNG-{number}").status_code for number in range(4)] == [200] * 3 + [404]
    errors = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert not [one for one in errors if one.name.startswith(("uvicorn", "throughcare", "asyncio"))]


def test_a_token_carries_an_import_through_and_a_revocation_ends_it(exchange: Exchange) -> None:
    prison = exchange.agency("correctional_service")
    world = exchange.world
    token = prison.token
    with conversation(prison) as talk:
        talk.say(line("TOKEN-1"))
        assert talk.hear() == {"line": 1, "status": "created"}
        world.clock.advance(seconds=600)
        expired = world.raw("GET", "/v1/cases", headers=prison.credentials(token=token))
        is_problem(expired, 401, "unauthenticated")
        talk.say(line("TOKEN-2"))
        assert talk.hear() == {"line": 2, "status": "created"}
        before = exchange.stored()
        world.service.database.run_blocking(
            lambda c: registry.revoke_client(
                c, world.service.house, f"{prison.id}-1", at=world.clock()
            )
        )
        talk.say(line("TOKEN-3"))
        heard = talk.hear()
        assert heard is not None
        assert (heard["status"], heard["problem"]) == ("refused", "unauthenticated")
        talk.end()
    assert exchange.stored() == before


def test_who_may_not_import_gets_no_answer_line(exchange: Exchange, prison: Speaker) -> None:
    before = exchange.stored()
    raw = exchange.world.raw
    is_problem(raw("POST", IMPORT, content=line("X"), headers=NDJSON), 401, "unauthenticated")
    is_problem(
        prison.call("POST", IMPORT, content=line("X"), headers={"Content-Type": "text/plain"}),
        415,
        "unsupported-media-type",
    )
    is_problem(prison.call("POST", IMPORT, content=line("X")), 415, "unsupported-media-type")
    gzip = {**NDJSON, "Content-Encoding": "gzip"}
    is_problem(
        prison.call("POST", IMPORT, content=line("X"), headers=gzip), 415, "unsupported-media-type"
    )
    assert exchange.stored() == before


def test_a_court_imports_into_cases_of_its_own_alone(exchange: Exchange, prison: Speaker) -> None:
    court = exchange.agency("court_panel")
    own = exchange.refer(prison, exchange.person(prison), court)
    sentence = {"sentence": {"legal_status": {"value": "sentenced"}}}
    answers = imported(court, line(own, sentence) + line("GHOST", sentence) + line(own, NEED))
    assert [(one["status"], one.get("problem")) for one in answers] == [
        ("changed", None),
        ("refused", "not-found"),
        ("refused", "forbidden"),
    ]


def test_a_damaged_file_hinders_no_other_line(exchange: Exchange, prison: Speaker) -> None:
    damaged = exchange.person(prison, NEED)
    prison.get(damaged)
    person = exchange.entries(agency_id=prison.id)[-1].sections["subject"]["person"]
    exchange.world.owner.run_blocking(
        lambda c: c.execute(
            update(store.SECTION)
            .where(store.SECTION.c.person_id == person)
            .values(sealed=b"x" * 40)
        ).close()
    )
    answers = imported(prison, line("AFTER-0") + line(damaged) + line("AFTER-1"))
    assert [one["status"] for one in answers] == ["created", "refused", "created"]
    assert answers[1]["problem"] == "internal"
    assert answers[1]["errors"] == []


@pytest.fixture(scope="module", params=BOTH)
def narrow(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exchange]:
    """A service that takes little at a time."""
    folder = tmp_path_factory.mktemp("narrow")
    url = empty_database(request.param, request, folder)
    with (
        running_world(url, folder, body_limit=500, import_limit=1000) as world,
        exchange_in(world) as exchange,
    ):
        yield exchange


def test_an_import_that_declares_too_much_is_refused_before_it_begins(narrow: Exchange) -> None:
    prison = narrow.agency("correctional_service")
    answer = prison.call("POST", IMPORT, content=b" " * 1001, headers=NDJSON)
    is_problem(answer, 413, "body-too-large")
    assert "1000" in answer.json()["detail"]


def test_an_import_that_grows_too_large_ends_behind_its_last_line(narrow: Exchange) -> None:
    prison = narrow.agency("correctional_service")
    with conversation(prison) as talk:
        for number in range(2):
            talk.say(line(f"GROWS-{number}"))
            assert talk.hear() == {"line": number + 1, "status": "created"}
        talk.say(line("GROWS-2")[:20])
        talk.say(b" " * 2000)
        last = talk.hear()
        assert last is not None
        assert (last["line"], last["status"], last["problem"]) == (3, "refused", "body-too-large")
        assert talk.hear() is None
    assert prison.get("GROWS-1").status_code == 200
    assert prison.get("GROWS-2").status_code == 404
