"""The matrix over HTTP: for every client, in three media types, the same until the day is over."""

import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.api.models import PolicyMatrix
from app.files.catalogue import FIELDS
from app.policy.matrix import matrix
from app.policy.matrix_pages import to_html, to_markdown
from app.policy.roles import ROLE_PURPOSES
from tests.api.exchange import Exchange, Speaker, is_problem

MATRIX = "/v1/policy/matrix"


@pytest.fixture(scope="module")
def reader(exchange: Exchange) -> Speaker:
    return exchange.agency("ngo_mentor")


def test_json_is_what_is_answered_unless_something_else_is_asked_for(
    exchange: Exchange, reader: Speaker
) -> None:
    house, at = exchange.world.service.house, exchange.world.clock()
    answer = reader.call("GET", MATRIX)
    assert answer.headers["content-type"] == "application/json"
    content = answer.json()
    assert content == matrix(house.bundle, at=house.legal_date(at)).to_json()
    assert PolicyMatrix.model_validate_json(answer.content)
    assert (content["fields"], content["roles"]) == (list(FIELDS), list(ROLE_PURPOSES))


def test_markdown_and_html_are_pages_to_read(exchange: Exchange, reader: Speaker) -> None:
    house, at = exchange.world.service.house, exchange.world.clock()
    expected = matrix(house.bundle, at=house.legal_date(at))
    markdown = reader.call("GET", MATRIX, headers={"Accept": "text/markdown"})
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.text == to_markdown(expected)
    page = reader.call("GET", MATRIX, headers={"Accept": "text/html, */*;q=0.1"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == to_html(expected)
    (style,) = re.findall("<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]


def test_the_etag_is_that_of_bundle_day_and_type(exchange: Exchange, reader: Speaker) -> None:
    first = reader.call("GET", MATRIX)
    etag = first.headers["etag"]
    assert first.headers["vary"] == "Accept"
    same = reader.call("GET", MATRIX, headers={"If-None-Match": etag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    other = reader.call("GET", MATRIX, headers={"If-None-Match": etag, "Accept": "text/html"})
    assert other.status_code == 200
    exchange.world.clock.advance(days=1)
    tomorrow = reader.call("GET", MATRIX, headers={"If-None-Match": etag})
    assert tomorrow.status_code == 200
    assert tomorrow.headers["etag"] != etag
    assert tomorrow.json()["cells"] == first.json()["cells"]


@pytest.mark.parametrize("role", ["oversight_auditor", "national_coordinator", "court_panel"])
def test_every_client_may_read_it_whatever_its_role(exchange: Exchange, role: str) -> None:
    assert exchange.agency(role).call("GET", MATRIX).status_code == 200


def test_whoever_is_no_client_may_not(exchange: Exchange) -> None:
    is_problem(exchange.world.raw("GET", MATRIX), 401, "unauthenticated")


def test_the_service_answers_others_while_a_matrix_is_being_made(
    exchange: Exchange, reader: Speaker
) -> None:
    exchange.world.clock.advance(days=1)  # of this day there is none yet
    matrices = exchange.world.service.matrices
    with ThreadPoolExecutor(1) as threads:
        with matrices._lock:  # noqa: SLF001 - as if the making took long
            waiting = threads.submit(reader.call, "GET", MATRIX)
            for _ in range(3):
                assert exchange.world.raw("GET", "/health/live").status_code == 200
            assert not waiting.done()
        assert waiting.result().status_code == 200


def test_it_is_of_nobody_and_makes_no_entry(exchange: Exchange, reader: Speaker) -> None:
    before = len(exchange.entries())
    reader.call("GET", MATRIX)
    assert len(exchange.entries()) == before
