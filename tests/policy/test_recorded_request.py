"""What a decision was made from, kept and read again: whole, whatever facts a request has."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any, get_type_hints

import pytest

from app.policy.recorded_request import RecordedRequest, from_record, to_record
from app.policy.request import OfficerAssurance, Request
from app.policy.roles import ROLE_PURPOSES
from app.problems import InvalidInput

DAY = date(2027, 3, 3)


# Of each type of fact a value that is not what it is when nothing is known.
SOME: Mapping[Any, Any] = {
    str: "some",
    str | None: "some",
    int | None: -3,
    bool: True,
    frozenset[str]: frozenset({"identity.full_name", "release"}),
    OfficerAssurance: "proven",
}


def test_every_fact_comes_back_whatever_facts_there_are() -> None:
    facts = {name: SOME[kind] for name, kind in get_type_hints(Request).items()}
    request = Request(**{**facts, "role": "police_local", "purpose": "welfare_check"})
    record = json.loads(json.dumps(to_record(RecordedRequest(request, DAY))))
    assert record["facts"].keys() == {one.name for one in fields(Request)}
    assert from_record(record) == RecordedRequest(request, DAY)


@pytest.mark.parametrize("role", ROLE_PURPOSES)
def test_an_older_record_has_the_facts_that_it_lacks_absent(role: str) -> None:
    known = Request(
        role=role, agency="a", client="c", purpose=ROLE_PURPOSES[role][0], custodian="p"
    )
    record = to_record(RecordedRequest(known, DAY))
    assert record["facts"].keys() == {"role", "agency", "client", "purpose", "custodian"}
    assert from_record(record).request == known


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"version": 2, "day": "2027-03-03", "facts": {}},
        {"version": 1, "day": "tomorrow", "facts": {}},
        {"version": 1, "day": "2027-03-03"},
        {"version": 1, "day": "2027-03-03", "facts": []},
        {"version": 1, "day": "2027-03-03", "facts": {"role": "Markword"}},
    ],
)
def test_what_cannot_be_read_is_refused_and_not_repeated(record: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as refused:
        from_record(record)
    assert "Markword" not in f"{refused.value} {refused.value.errors}"
