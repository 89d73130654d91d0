"""The notices in the contract: every type that is posted, as it is posted."""

from typing import Any

import pytest

from app.api.application import make_application
from app.api.webhooks import (
    POSTED,
    SecurityEvent,
    example,
    example_claims,
    facts_of,
    notice_model,
    title_of,
)
from app.releases.events import EVENTS, Kind


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return make_application().openapi()


def references(part: object) -> set[str]:
    """Every schema that a part of the contract refers to."""
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(one) for one in part.values()))
    if isinstance(part, list):
        return set().union(*(references(one) for one in part))
    return set()


def test_every_event_that_is_posted_is_a_webhook_and_no_other(contract: dict[str, Any]) -> None:
    internal = {name for name, event in EVENTS.items() if event.kind is Kind.INTERNAL}
    assert contract["webhooks"].keys() == {"verification", *EVENTS} - internal
    assert internal == {"consent_given", "consent_withdrawn", "consent_expired"}


def test_what_the_contract_says_of_an_event_is_its_row_of_the_table(
    contract: dict[str, Any],
) -> None:
    for name, event in POSTED.items():
        post = contract["webhooks"][name]["post"]
        assert post["x-event"] == facts_of(event)
        assert post["summary"] == event.meaning
        schema = post["requestBody"]["content"]["application/jose"]["schema"]["contentSchema"]
        assert f"#/components/schemas/{title_of(name)}" in references(schema)


def test_every_schema_that_a_webhook_refers_to_is_there(contract: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in contract["components"]["schemas"]}
    assert references(contract["webhooks"]) <= known
    assert references(contract["components"]["schemas"]) <= known


def test_a_notice_carries_the_sections_of_its_event_and_no_other(contract: dict[str, Any]) -> None:
    schemas = contract["components"]["schemas"]
    for name, event in POSTED.items():
        if event.kind in (Kind.CONTROL, Kind.OVERSIGHT):
            assert "released" not in schemas[title_of(name)]["properties"]
            continue
        [reference] = references(schemas[title_of(name)]["properties"]["released"])
        released = schemas[reference.rpartition("/")[2]]
        assert released.get("properties", {}).keys() == set(event.carries)
        assert released["additionalProperties"] is False


@pytest.mark.parametrize("name", sorted(POSTED))
def test_the_example_of_an_event_fits_its_schema(name: str, contract: dict[str, Any]) -> None:
    notice_model(name).model_validate(example(name))
    SecurityEvent.model_validate(example_claims(name))
    assert contract["components"]["schemas"][title_of(name)]["examples"] == [example(name)]
