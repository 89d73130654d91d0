"""The contract in `openapi/openapi.json` is what the code says."""

from pathlib import Path
from typing import Any

import pytest

from app.api.application import make_application
from app.api.contract import write
from app.problems import TooManyRequests, Unavailable

CONTRACT = Path(__file__).parent.parent.parent / "openapi" / "openapi.json"


def test_the_contract_is_that_of_the_code() -> None:
    written = CONTRACT.read_text(encoding="utf-8")
    assert written == write(make_application().openapi()), "run `make openapi`"


def operation(method: str, path: str) -> dict[str, Any]:
    contract: dict[str, Any] = make_application().openapi()["paths"][path][method]
    return contract


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
def test_a_body_that_is_no_form_is_in_the_contract(path: str) -> None:
    """The framework knows nothing of what our own reader refuses."""
    assert {"408", "413", "415"} <= operation("post", path)["responses"].keys()


def test_a_line_of_an_import_has_a_reference() -> None:
    content = operation("post", "/v1/inmate-files/import")["requestBody"]["content"]
    assert content["application/x-ndjson"]["schema"]["$ref"].endswith("/ImportLine")


def test_every_operation_may_fail_and_says_how() -> None:
    for operations in make_application().openapi()["paths"].values():
        for one in operations.values():
            assert "application/problem+json" in one["responses"]["500"]["content"]


def test_a_status_is_named_by_the_widest_error_that_has_it() -> None:
    answers = operation("get", "/v1/cases")["responses"]
    assert answers["429"]["description"] == TooManyRequests.title
    assert answers["503"]["description"] == Unavailable.title
