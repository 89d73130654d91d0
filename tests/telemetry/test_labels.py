"""The labels that are written down are those that there are, and tell nothing of anybody."""

import json
from pathlib import Path

import pytest

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.access_log.witnesses import Standing
from app.outbox import deliveries
from app.policy.roles import ROLE_PURPOSES
from app.releases.event_types import Kind
from app.releases.events import EVENTS
from app.telemetry.labels import LABELS, allowed, is_allowed

CONTRACT = Path(__file__).parent.parent.parent / "openapi" / "openapi.json"
UNDELIVERED = (deliveries.QUEUED, deliveries.HELD, deliveries.DEAD, deliveries.QUARANTINED)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("operation", Operation),
        ("channel", Channel),
        ("outcome", Outcome),
        ("kind", Kind),
        ("standing", Standing),
        ("state", UNDELIVERED),
        ("route", json.loads(CONTRACT.read_text(encoding="utf-8"))["paths"]),
    ],
)
def test_every_word_that_a_label_may_have_to_say_is_written_down(
    label: str, words: list[str]
) -> None:
    assert [word for word in words if not is_allowed(label, word)] == []


@pytest.mark.parametrize(
    "word",
    [
        *ROLE_PURPOSES,
        *(name for name in EVENTS if name != "released"),
        *("probation-1", "probation-1-officer", "P-17", "XK-GJILAN", "social_support"),
        *("0af7651916cd43dd8448eb211c80319c", "Testor Wexample", "extremism_status"),
        *("/v1/inmate-files/P-17", "/v1/inmate-files/0af7651916cd43dd8448eb211c80319C"),
    ],
)
def test_no_label_may_name_a_person_an_agency_a_role_a_place_or_an_event(word: str) -> None:
    assert [label for label in LABELS if is_allowed(label, word)] == []


def test_what_is_not_written_down_does_not_leave() -> None:
    given = {"outcome": "released", "agency": "released", "operation": "P-17"}
    assert allowed(given) == {"outcome": "released"}
