"""Small requests: what is no value of its type is refused by name, and no error of the service."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from app.api.models import Moment


class Asked(BaseModel):
    at: Moment | None = None


@pytest.mark.parametrize(
    "value",
    [{}, [], 0, 1.5, True, "", "now", "2027-03-03", "2027-03-03T09:00:00", "2027-03-03 09:00Z"],
    ids=repr,
)
def test_what_is_no_moment_is_refused(value: Any) -> None:  # noqa: ANN401 - whatever is sent
    with pytest.raises(ValidationError) as refused:
        Asked(at=value)
    assert {error["loc"][0] for error in refused.value.errors()} == {"at"}


def test_a_moment_has_its_offset() -> None:
    assert Asked(at="2027-03-03T10:00:00+01:00").at == datetime(2027, 3, 3, 9, tzinfo=UTC)
