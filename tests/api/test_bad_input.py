"""Bad input gets a problem that names what is wrong, repeats nothing, and changes nothing."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.answers import HEADERS
from app.files.catalogue import SECTIONS
from tests.api.exchange import Exchange, Speaker, is_problem
from tests.effort import examples

CANARY = "Quokka"
# A lone surrogate, controls, a bidi override, a character that is not assigned.
UNPRINTABLE = ("\ud800", "\x00", "\x1b", "\u202e", "\u2066", "\u0378", "\ue000", "\u2028")
NAME_AT = "/sections/identity/full_name/value/family"


@dataclass(frozen=True)
class Bad:
    """A request that must be refused, and how."""

    content: bytes | None
    status: int
    slug: str
    pointers: tuple[str, ...] = ()
    method: str = "PUT"
    path: str = "/v1/inmate-files/BAD"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


def named(family: str) -> bytes:
    name = {"value": {"family": f"{CANARY}{family}", "given": []}}
    return json.dumps({"sections": {"identity": {"full_name": name}}}).encode()


def valued(path: str, value: str) -> bytes:
    section, name = path.split(".")
    return f'{{"sections":{{"{section}":{{"{name}":{{"value":{value}}}}}}}}}'.encode()


def at(path: str) -> str:
    return f"/sections/{path.replace('.', '/')}/value"


def patch(content: bytes, *pointers: str, section: str = "needs") -> Bad:
    path = f"/v1/inmate-files/BAD/sections/{section}"
    return Bad(content, 422, "invalid-input", pointers, method="PATCH", path=path)


def malformed(content: bytes) -> Bad:
    return Bad(content, 400, "malformed-body")


def unfit(content: bytes, *pointers: str) -> Bad:
    return Bad(content, 422, "invalid-input", pointers)


def typed(**headers: str) -> Bad:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Bad(b'{"sections":{}}', 415, "unsupported-media-type", headers=named)


def addressed(reference: str, status: int = 422, slug: str = "invalid-input") -> Bad:
    pointers = ("/path/reference",) if status == 422 else ()
    path = f"/v1/inmate-files/{reference}"
    return Bad(b'{"sections":{}}', status, slug, pointers, path=path)


def posted(path: str, content: dict[str, Any], *pointers: str) -> Bad:
    body = json.dumps(content).encode()
    return Bad(body, 422, "invalid-input", pointers, method="POST", path=path)


DATE = "release.planned_release_date"
DAYS = "sentence.sentence_length_days"
CASES = {
    # What is there and should not be.
    "unknown section": unfit(b'{"sections":{"Quokka":{}}}', "/sections"),
    "unknown section that reads like one": unfit(
        b'{"sections":{"ethnicity":{}}}', "/sections/ethnicity"
    ),
    "unknown field": unfit(b'{"sections":{"needs":{"Quokka 1990":{}}}}', "/sections/needs"),
    "unknown member of an envelope": unfit(
        b'{"sections":{"needs":{"employment_need":{"value":"none","Quokka":1}}}}',
        "/sections/needs/employment_need",
    ),
    "unknown member of a value": unfit(
        b'{"sections":{"identity":{"full_name":{"value":{"family":"A","given":[],"Quokka":1}}}}}',
        "/sections/identity/full_name/value",
    ),
    "unknown member at the top": unfit(b'{"sections":{},"Quokka":1}', ""),
    "no sections": unfit(b"{}", "/sections"),
    "null for a field": unfit(
        b'{"sections":{"needs":{"employment_need":null}}}', "/sections/needs/employment_need"
    ),
    "an envelope without a value": unfit(
        b'{"sections":{"needs":{"employment_need":{}}}}', "/sections/needs/employment_need/value"
    ),
    # Another type, another format.
    "number for a code": unfit(valued("needs.employment_need", "7"), at("needs.employment_need")),
    "text for a number": unfit(valued(DAYS, '"Quokka"'), at(DAYS)),
    "a number in a text": unfit(valued(DAYS, '"12"'), at(DAYS)),
    "a fraction": unfit(valued(DAYS, "1.5"), at(DAYS)),
    "truth for a number": unfit(valued(DAYS, "true"), at(DAYS)),
    "an unknown code": unfit(
        valued("needs.employment_need", '"Quokka"'), at("needs.employment_need")
    ),
    "an object for a list": unfit(
        valued("identity.nationality_codes", "{}"), at("identity.nationality_codes")
    ),
    "a day that is none": unfit(valued(DATE, '"2027-02-30"'), at(DATE)),
    "a date of another country": unfit(valued(DATE, '"30.06.2027 Quokka"'), at(DATE)),
    "a time for a date": unfit(valued(DATE, '"2027-06-30T00:00:00Z"'), at(DATE)),
    "a date as a number": unfit(valued(DATE, "20270630"), at(DATE)),
    "a year far away": unfit(valued(DATE, '"9999-12-31"'), at(DATE)),
    "a time without an offset": unfit(
        valued("release.actual_release_datetime", '"2027-01-01T09:00:00"'),
        at("release.actual_release_datetime"),
    ),
    # Numbers.
    "a number of 4000 digits": unfit(valued(DAYS, "9" * 4000), at(DAYS)),
    "a number of 5000 digits": malformed(valued(DAYS, "9" * 5000)),
    "a number beyond every float": unfit(valued(DAYS, "1e400"), at(DAYS)),
    "a negative number": unfit(valued(DAYS, "-1"), at(DAYS)),
    "NaN": malformed(valued(DAYS, "NaN")),
    "Infinity": malformed(valued(DAYS, "Infinity")),
    "minus Infinity": malformed(valued(DAYS, "-Infinity")),
    # JSON that is none, or not safe to read.
    "a duplicate section": malformed(b'{"sections":{"needs":{},"needs":{}}}'),
    "a duplicate at the top": malformed(b'{"sections":{},"sections":{}}'),
    "a duplicate by escape": malformed(b'{"sections":{},"section\\u0073":{}}'),
    "an empty body": malformed(b""),
    "spaces": malformed(b" \n "),
    "two values": malformed(b"{}{}"),
    "Quokka": malformed(b"Quokka"),
    "a comma too many": malformed(b'{"sections":{},}'),
    "a cut-off body": malformed(b'{"sections":{"Quokka'),
    "bytes that are no UTF-8": malformed(b'{"sections":{"Quokka":"\xff"}}'),
    "a surrogate in UTF-8": malformed(b'{"sections":{"Quokka":"\xed\xa0\x80"}}'),
    "UTF-16": malformed('{"sections":{}}'.encode("utf-16")),
    "a byte order mark": malformed(b'\xef\xbb\xbf{"sections":{}}'),
    "33 levels": malformed(b'{"a":' * 33 + b"1" + b"}" * 33),
    "100000 levels": malformed(b"[" * 100_000),
    "100000 closed levels": malformed(b"[" * 50_000 + b"]" * 50_000),
    "100000 levels of objects": malformed(b'{"a":' * 100_000),
    "an array": unfit(b"[]", ""),
    "a text": unfit(b'"Quokka"', ""),
    "null": unfit(b"null", ""),
    "a number": unfit(b"7", ""),
    "an array of sections": unfit(b'{"sections":[]}', "/sections"),
    "an array for a section": unfit(b'{"sections":{"needs":[]}}', "/sections/needs"),
    # Characters.
    **{f"U+{ord(one):04X} in a name": unfit(named(one), NAME_AT) for one in UNPRINTABLE},
    "a lone surrogate as a member": unfit(b'{"sections":{"\\ud800":{}}}', "/sections"),
    "a lone surrogate at the top": unfit(b'{"\\ud800":{}}', ""),
    "a name of spaces": unfit(
        b'{"sections":{"identity":{"full_name":{"value":{"family":"  ","given":[]}}}}}', NAME_AT
    ),
    "a name of 5000 letters": unfit(named("x" * 5000), NAME_AT),
    # Content types.
    "no content type": typed(),
    "another content type": typed(Content_Type="text/Quokka"),
    "two content types": typed(Content_Type="application/json, text/Quokka"),
    "a merge patch for a file": typed(Content_Type="application/merge-patch+json"),
    "a compressed body": typed(Content_Type="application/json", Content_Encoding="Quokka"),
    # Addresses.
    "a reference with a space": addressed("Quokka%201"),
    "a reference with a newline": addressed("Quokka%0A"),
    "a reference with a NUL": addressed("Quokka%00"),
    "a reference that is no UTF-8": addressed("Quokka%FF"),
    "a reference with a letter elsewhere": addressed("Quokk%C3%A4"),
    "a reference that begins with a dot": addressed(".Quokka"),
    "a reference of 65": addressed("Q" * 65),
    "an escaped slash": addressed("Quokka%2F1", 404, "not-found"),
    "an escaped way up": addressed("..%2FQuokka", 404, "not-found"),
    "a slash behind": addressed("Quokka/", 404, "not-found"),
    "an unknown path": Bad(None, 404, "not-found", method="GET", path="/v1/Quokka"),
    "an unknown section in the path": Bad(
        b"{}", 404, "not-found", method="PATCH", path="/v1/inmate-files/BAD/sections/Quokka"
    ),
    "a long section in the path": Bad(
        b"{}",
        422,
        "invalid-input",
        ("/path/section",),
        method="PATCH",
        path=f"/v1/inmate-files/BAD/sections/{CANARY * 10}",
    ),
    # Methods.
    "DELETE": Bad(None, 405, "method-not-allowed", method="DELETE"),
    "OPTIONS": Bad(None, 405, "method-not-allowed", method="OPTIONS"),
    "TRACE": Bad(None, 405, "method-not-allowed", method="TRACE"),
    # Changes.
    "a change of an unknown field": patch(b'{"Quokka 1":null}', ""),
    "a change to a bad value": patch(
        b'{"employment_need":{"value":"Quokka"}}', "/employment_need/value"
    ),
    "a change that is an array": patch(b"[]", ""),
    # The other doors.
    "an offer without an agency": posted("/v1/case-assignments", {"reference": "BAD"}, "/agency"),
    "an offer to a NUL": posted(
        "/v1/case-assignments", {"reference": "BAD", "agency": f"{CANARY}\0"}, "/agency"
    ),
    "an offer to a surrogate": posted(
        "/v1/case-assignments", {"reference": "BAD", "agency": "\ud800"}, "/agency"
    ),
    "an offer of a bad reference": posted(
        "/v1/case-assignments", {"reference": f"{CANARY} 1", "agency": "x"}, "/reference"
    ),
    "a bad id": Bad(
        None,
        422,
        "invalid-input",
        ("/path/assignment_id",),
        method="POST",
        path=f"/v1/case-assignments/{CANARY}/acceptance",
    ),
    "a bad subscription": posted(
        "/v1/subscriptions", {"endpoint": CANARY, "encryption_jwk": []}, "/encryption_jwk"
    ),
    "no answer to a handshake": posted(
        f"/v1/subscriptions/{'0' * 32}/verification", {CANARY: 1}, "/response", ""
    ),
    "a long answer to a handshake": posted(
        f"/v1/subscriptions/{'0' * 32}/verification", {"response": CANARY * 1000}, "/response"
    ),
    "an acknowledgement that is none": posted(
        f"/v1/notifications/{'0' * 32}/acknowledgement", {"acknowledgement": 7}, "/acknowledgement"
    ),
    "a bad query": Bad(
        None, 422, "invalid-input", ("/query",), method="GET", path=f"/v1/cases?{CANARY}=1"
    ),
}


@pytest.fixture(scope="module")
def prison(exchange: Exchange) -> Speaker:
    return exchange.agency("correctional_service")


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the service logs, down to the last word, is looked at for what was sent."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    ours = ("throughcare", "uvicorn.error", "asyncio", "sqlalchemy", "fastapi", "starlette")
    for record in caplog.records:
        if record.name.startswith(ours):
            assert CANARY not in caplog.handler.format(record)
            assert record.levelno < logging.ERROR


def repeats_nothing(answer: httpx.Response) -> None:
    assert {name.decode() for name, _ in HEADERS} <= set(answer.headers)
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_by_name(exchange: Exchange, prison: Speaker, name: str) -> None:
    bad = CASES[name]
    before = exchange.stored()
    answer = prison.call(bad.method, bad.path, content=bad.content, headers=bad.headers)
    is_problem(answer, bad.status, bad.slug)
    assert [one["pointer"] for one in answer.json().get("errors", [])] == list(bad.pointers)
    assert all(one["message"] for one in answer.json().get("errors", []))
    repeats_nothing(answer)
    assert exchange.stored() == before


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", CASES)
def test_without_a_token_nothing_is_read(exchange: Exchange, name: str) -> None:
    bad = CASES[name]
    answer = exchange.world.raw(bad.method, bad.path, content=bad.content, headers=bad.headers)
    # An address may be refused before it is asked who speaks: it says nothing about anybody.
    assert answer.status_code in {401, 404, 405, 422}
    assert answer.status_code != 422 or all(
        one["pointer"].startswith(("/path", "/query")) for one in answer.json()["errors"]
    )
    repeats_nothing(answer)


TOKENS = {
    "no header": [],
    "another scheme": [("Authorization", f"Basic {CANARY}")],
    "no token": [("Authorization", "Bearer")],
    "no JWT": [("Authorization", f"Bearer {CANARY}")],
    "three parts": [("Authorization", f"Bearer {CANARY}.{CANARY}.{CANARY}")],
    "a long token": [("Authorization", f"DPoP {CANARY * 5000}")],
    "bytes": [(b"Authorization", b"DPoP \xff\xfe.\xff.\xff")],
}


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_is_none_is_refused(exchange: Exchange, name: str) -> None:
    answer = exchange.world.raw("GET", "/v1/cases", headers=TOKENS[name])
    is_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("DPoP ")
    repeats_nothing(answer)


@pytest.mark.usefixtures("quiet")
def test_two_tokens_are_none(exchange: Exchange, prison: Speaker) -> None:
    token = prison.credentials()["Authorization"]
    for other in (token, f"Bearer {CANARY}"):
        for pair in ((token, other), (other, token)):
            headers = [("Authorization", one) for one in pair]
            answer = exchange.world.raw("GET", "/v1/cases", headers=headers)
            is_problem(answer, 400, "malformed-body")
            repeats_nothing(answer)


@pytest.mark.usefixtures("quiet")
def test_a_condition_is_not_repeated(exchange: Exchange, prison: Speaker) -> None:
    reference = exchange.person(prison)
    answer = prison.put(reference, {}, if_match=f'"{CANARY}"')
    is_problem(answer, 412, "precondition-failed")
    repeats_nothing(answer)
    repeats_nothing(prison.get(reference, if_none_match=f'"{CANARY}"'))


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(
    exchange: Exchange, prison: Speaker, *, chunked: bool
) -> None:
    limit = exchange.world.settings.body_limit
    before = exchange.stored()
    for size in (limit + 1, 3 * limit):
        body = b'{"sections":{"Quokka":"' + b"x" * size

        def chunks(body: bytes = body) -> Iterator[bytes]:
            for start in range(0, len(body), 50_000):
                yield body[start : start + 50_000]

        answer = prison.call(
            "PUT",
            "/v1/inmate-files/BAD",
            content=chunks() if chunked else body,
            headers={"Content-Type": "application/json"},
        )
        is_problem(answer, 413, "body-too-large")
        assert str(limit) in answer.json()["detail"]
        repeats_nothing(answer)
    assert exchange.stored() == before


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_just_the_limit_is_read(
    exchange: Exchange, prison: Speaker, *, chunked: bool
) -> None:
    limit = exchange.world.settings.body_limit
    body = b'{"sections":{}}' + b" " * (limit - 15)
    assert len(body) == limit
    answer = prison.call(
        "PUT",
        f"/v1/inmate-files/LIMIT-{chunked}",
        content=iter([body[:9], body[9:]]) if chunked else body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 201


def test_a_method_that_does_not_fit_names_those_that_do(prison: Speaker) -> None:
    for method, path, allowed in (
        ("DELETE", "/v1/inmate-files/BAD", "GET, HEAD, PUT"),
        ("DELETE", "/v1/inmate-files/import", "GET, HEAD, POST, PUT"),
        ("GET", "/v1/inmate-files/BAD/sections/needs", "PATCH"),
        ("HEAD", "/v1/inmate-files/BAD/sections/needs", "PATCH"),
        ("PUT", "/v1/case-assignments", "GET, HEAD, POST"),
        ("POST", "/v1/cases", "GET, HEAD"),
    ):
        answer = prison.call(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == allowed
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.usefixtures("quiet")
def test_a_method_that_no_server_knows_is_refused_below_us(prison: Speaker) -> None:
    answer = prison.call("QUOKKA", "/v1/inmate-files/BAD")
    is_problem(answer, 400, "unreadable")
    repeats_nothing(answer)


def test_good_characters_are_brought_to_one_form(exchange: Exchange, prison: Speaker) -> None:
    decomposed = {"family": "Hadz\u030cic\u0301", "given": ["  Arben "]}
    reference = exchange.person(prison, {"identity": {"full_name": {"value": decomposed}}})
    name = prison.get(reference).json()["released"]["identity"]["full_name"]["value"]
    assert name == {"family": "Had\u017ei\u0107", "given": ["Arben"]}


def test_a_content_type_may_have_parameters_and_capitals(prison: Speaker) -> None:
    answer = prison.call(
        "PUT",
        "/v1/inmate-files/TYPED",
        content=b'{"sections":{}}',
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert answer.status_code == 201


def test_a_merge_patch_may_call_itself_one(prison: Speaker) -> None:
    prison.put("MERGED", {})
    answer = prison.call(
        "PATCH",
        "/v1/inmate-files/MERGED/sections/needs",
        content=b'{"employment_need":{"value":"none"}}',
        headers={"Content-Type": "application/merge-patch+json", "If-Match": "*"},
    )
    assert answer.status_code == 200


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*SECTIONS, "value", "nature"]) | st.text(), inner)
    ),
    max_leaves=8,
)
OFTEN = examples(12)


@OFTEN
@given(content=ANY_JSON)
def test_no_json_breaks_the_service(exchange: Exchange, content: object) -> None:
    prison = exchange.some("correctional_service")
    answer = prison.put("ANY", content, if_match="*")
    assert answer.status_code in {403, 412, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@OFTEN
@given(content=st.binary(max_size=200))
def test_no_bytes_break_the_service(exchange: Exchange, content: bytes) -> None:
    prison = exchange.some("correctional_service")
    headers = {"Content-Type": "application/json"}
    answer = prison.call("PUT", "/v1/inmate-files/ANY", content=content, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@OFTEN
@given(reference=st.text(min_size=1, max_size=70))
def test_no_address_breaks_the_service(exchange: Exchange, reference: str) -> None:
    prison = exchange.some("correctional_service")
    escaped = quote(reference.encode("utf-8", "surrogatepass"), safe="")
    answer = prison.call("GET", f"/v1/inmate-files/{escaped}")
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
