"""The inmate file over HTTP: put in, read; and the person's own report, on record, for few."""

import asyncio
import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from pypdf import PdfReader
from starlette.applications import Starlette
from starlette.types import Message

from app.access_log.vocabulary import Operation, Outcome
from app.api.application import make_application
from app.api.inmate_files import MOST_TAGS
from app.api.own_report import RENDERER
from app.api.shortcut import IF_NONE_MATCH, Shortcut
from tests.api.exchange import (
    Exchange,
    Speaker,
    is_problem,
    sections_of,
    without_convictions,
    without_date,
)
from tests.world import World

NEITHER = "neither confirm nor deny"


def test_a_file_that_was_put_in_is_read_back_by_its_custodian(world: World) -> None:
    prison = world.agency("prison-a", "correctional_service")
    sections = {"needs": {"employment_need": {"value": "job_search"}}}
    made = prison.request("PUT", "/v1/inmate-files/P-1", json={"sections": sections})
    assert made.status == 201
    view = prison.request("GET", "/v1/inmate-files/P-1")
    assert view.headers["etag"] == made.headers["etag"]
    assert view.json()["released"]["needs"]["employment_need"]["value"] == "job_search"


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture(scope="module")
def welfare(exchange: Exchange) -> Speaker:
    return exchange.agency("social_welfare_centre")


@pytest.fixture(scope="module")
def person(exchange: Exchange, prison: Speaker, welfare: Speaker) -> str:
    """Somebody of whom the centre has read; the prison's reference."""
    sections = without_convictions(sections_of("correctional_service"))
    sections["identity"]["full_name"]["value"] = {"family": "Markfamily", "given": ["Markgiven"]}
    reference = exchange.person(prison, sections)
    assert welfare.get(exchange.refer(prison, reference, welfare)).is_success
    return reference


def ask(speaker: Speaker, reference: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return speaker.call("GET", f"/v1/inmate-files/{reference}/own-report", headers=named)


def paragraphs(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    parts: list[dict[str, Any]] = answer.json()["parts"]
    return "\n".join(text for part in parts for text in (part["heading"], *part["paragraphs"]))


def test_nothing_but_another_report_waits_for_a_long_one(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    written = threading.Event()
    RENDERER.submit(written.wait, 60)
    with ThreadPoolExecutor(1) as thread:
        try:
            report = thread.submit(ask, prison, person)
            with pytest.raises(TimeoutError):
                report.result(0.3)
            assert exchange.world.raw("GET", "/log/checkpoint").status_code == 200
        finally:
            written.set()
        assert report.result(60).status_code == 200


def test_what_an_agency_read_stands_in_the_report(
    prison: Speaker, welfare: Speaker, person: str
) -> None:
    answer = ask(prison, person)
    told = paragraphs(answer)
    assert answer.headers["content-language"] == "en"
    assert f"{welfare.id} (social welfare centre)" in told
    assert "Why: to give you social support." in told
    assert "Placeholder: national law on social welfare" in told
    assert "Planned release date" in told
    assert NEITHER in told
    assert "Markfamily" not in told
    assert "officer" not in told


def test_it_comes_as_text_and_as_paper_in_the_language_that_is_asked_for(
    prison: Speaker, person: str
) -> None:
    text = ask(prison, person, accept="text/plain", accept_language="sr-Latn-RS, en;q=0.3")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.headers["content-language"] == "sr"
    assert "добио податке" in text.text
    paper = ask(prison, person, accept="application/pdf", accept_language="sq")
    assert paper.headers["content-type"] == "application/pdf"
    printed = "".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.content)).pages)
    assert "Kush ka marrë të dhëna për ju" in printed
    assert "Fjalët e këtij përkthimi nuk janë rishikuar" in printed


def test_making_it_is_on_record_with_the_exact_bytes_that_left(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    answer = ask(prison, person, accept="application/pdf")
    entry = exchange.entries(agency_id=prison.id, operation=Operation.CONSULTATION)[-1]
    assert entry.sections["circumstances"]["outcome"] == Outcome.RELEASED
    assert entry.sections["fields"] == {"report": "own", "language": "en"}
    assert entry.sections["payload"] == {
        "media_type": "application/pdf",
        "length": len(answer.content),
        "sha256": hashlib.sha256(answer.content).hexdigest(),
    }
    subject = exchange.world.service.house.log_keys().subject_index
    about = entry.sections["subject"]["person"]
    assert entry in exchange.entries(subject_index=subject(str(about)))
    assert "A report like this one was made for you on" in paragraphs(ask(prison, person))


def test_an_auditor_has_it_by_the_name_that_the_log_has(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    auditor = exchange.agency("oversight_auditor")
    ask(prison, person)
    entry = exchange.entries(agency_id=prison.id, operation=Operation.CONSULTATION)[-1]
    person_id = str(entry.sections["subject"]["person"])
    told = paragraphs(ask(auditor, person_id))
    assert f"Your reference is {person}." in told
    assert person_id not in told
    made = exchange.entries(agency_id=auditor.id)[-1]
    assert made.sections["circumstances"]["operation"] == Operation.LOG_READ


def test_who_read_of_somebody_has_no_report_of_them(
    exchange: Exchange, welfare: Speaker, person: str
) -> None:
    known = welfare.call("GET", "/v1/cases").json()["cases"][0]["reference"]
    refused = ask(welfare, known)
    is_problem(refused, 404, "not-found")
    assert without_date(refused) == without_date(ask(welfare, "0" * 32))
    assert without_date(refused) == without_date(ask(welfare, person))
    entry = exchange.entries(agency_id=welfare.id)[-1]
    assert entry.sections["fields"] == {"report": "own", "reason": "not-found"}
    assert "subject" not in entry.sections


# Twice the same field is odd: such a request takes the ordinary way through routing.
TWICE = [("If-None-Match", '"other"'), ("If-None-Match", '"other"')]
OWN = ("date", "disclosure-entry", "disclosure-receipt")


def both_ways(speaker: Speaker, reference: str) -> list[tuple[int, dict[str, str], bytes]]:
    """The answers to a plain read and to an odd one, without what each has of its own."""
    path = f"/v1/inmate-files/{reference}"
    address = f"{speaker.world.settings.issuer}{path}"
    found = []
    for more in ([], TWICE):
        headers = [*speaker.credentials("GET", path).items(), *more]
        answer = speaker.http.get(address, headers=headers)
        kept = {name: value for name, value in answer.headers.items() if name not in OWN}
        found.append((answer.status_code, kept, answer.content))
    return found


@pytest.mark.parametrize("reference", ["", "P-unknown"])
def test_a_plain_read_is_answered_as_the_ordinary_way_answers_it(
    prison: Speaker, person: str, reference: str
) -> None:
    plain, odd = both_ways(prison, reference or person)
    assert plain == odd
    assert plain[0] == (404 if reference else 200)


@pytest.mark.parametrize(("reference", "tag"), [("_P-1", ""), ("P" * 65, ""), ("", "x" * 1_001)])
def test_what_is_odd_about_a_read_is_refused(
    prison: Speaker, person: str, reference: str, tag: str
) -> None:
    answer = prison.get(reference or person, **({"if_none_match": tag} if tag else {}))
    is_problem(answer, 422, "invalid-input")


# What an answer holds anew each time.
PASSING = (b"disclosure-entry", b"disclosure-receipt")
# Behind the address of files, and what is odd about it.
ODD_ADDRESSES = ("import", "a" * 64, "a" * 65, "a%0A", "%C3%A9", "", "a/explanation", "a/")
Headers = list[tuple[str, str]]


async def told(app: Starlette, method: str, address: str, headers: Headers) -> list[Message]:
    """Everything that an application answers to a request, but what is new each time."""
    path, _, query = address.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    named = sent[0]["headers"]
    sent[0]["headers"] = [(name, name in PASSING or value) for name, value in named]
    return sent


def test_the_short_way_answers_as_the_long_one_does(
    exchange: Exchange, prison: Speaker, person: str
) -> None:
    short, long = make_application(), make_application()
    for app in (short, long):
        app.state.service = exchange.world.service
    assert Shortcut.__name__ in repr(long.user_middleware.pop())
    folder = "/v1/inmate-files/"
    file, tag = f"{folder}{person}", str(prison.get(person).headers["etag"])
    conditions = (tag, f'W/{tag}, "x"', "*", "", "x" * MOST_TAGS, "x" * (MOST_TAGS + 1))
    # Method, address, and what comes beside the credentials.
    asked: list[tuple[str, str, Headers]] = [
        *(("GET", f"{folder}{name}", []) for name in ODD_ADDRESSES),
        *(("GET", f"{folder}%50{person[1:]}{query}", []) for query in ("", "?a=b")),
        *(("GET", file, [(IF_NONE_MATCH, one)]) for one in conditions),
        ("GET", file, [(IF_NONE_MATCH, tag), (IF_NONE_MATCH, "x")]),
        ("GET", file, [(IF_NONE_MATCH, "x"), (IF_NONE_MATCH, tag)]),
        ("GET", file, [("accept", "text/html"), ("content-length", "3")]),
        ("GET", file, [("authorization", "Bearer x")]),
        ("GET", file, [("dpop", "x")]),
        ("HEAD", file, []),
        ("get", file, []),
    ]
    for method, address, more in asked:
        answers = [
            asyncio.run(told(app, method, address, [*credentials(prison, method, address), *more]))
            for app in (short, long)
        ]
        assert answers[0] == answers[1], (method, address, more)
    for first, second in ((short, long), (long, short)):
        once = credentials(prison, "GET", file)
        answers = [asyncio.run(told(app, "GET", file, once)) for app in (first, second)]
        assert [one[0]["status"] for one in answers] == [200, 401]


def credentials(speaker: Speaker, method: str, address: str) -> Headers:
    return [*speaker.credentials(method, address.partition("?")[0]).items()]
