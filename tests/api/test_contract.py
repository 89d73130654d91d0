"""The contract in `openapi/openapi.json` is what the code says."""

from pathlib import Path

from app.api.application import make_application
from app.api.contract import write

CONTRACT = Path(__file__).parent.parent.parent / "openapi" / "openapi.json"


def test_the_contract_is_that_of_the_code() -> None:
    written = CONTRACT.read_text(encoding="utf-8")
    assert written == write(make_application().openapi()), "run `make openapi`"
