"""What the oracle says that a party of the stage may see: its request, written down by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.policy.request import Request
from tests.api.exchange import MUNICIPALITY, RELEASE
from tests.isolation import oracle
from tests.isolation.readings import as_the_policies_read
from tests.isolation.stage import Party, Stage
from tests.world import START

LETTERS = {"full": "F", "summary": "S", "generalised": "G", "existence": "E"}


def request_of(stage: Stage, party: Party, **facts: Any) -> Request:  # noqa: ANN401 - as the facts are
    """What the exchange knows of this party before this person, and no more."""
    house = stage.exchange.world.service.house
    configuration = stage.exchange.world.agencies[party.id].configuration
    asked = Request(
        role=party.speaker.role,
        agency=party.id,
        client=configuration.client_id,
        purpose=configuration.purpose,
        custodian=stage.custodian.id,
        municipalities=frozenset({MUNICIPALITY}),
        return_municipality=MUNICIPALITY,
        days_to_release=(RELEASE - START.date()).days,
        support_open=True,
        assigned=party.label in stage.known,
        legal_authorities=house.bundle.legal_authorities(
            role=party.speaker.role,
            agency=party.id,
            purpose=configuration.purpose,
            at=house.legal_date(stage.exchange.world.clock()),
        ),
    )
    return replace(asked, **facts)


def letters(stage: Stage, party: Party, **facts: Any) -> dict[str, str]:  # noqa: ANN401 - as the facts are
    """The letter of each field, as the oracle gives it."""
    request = request_of(stage, party, **facts)
    return as_the_policies_read(request, oracle.expected(request))


def sees(stage: Stage, party: Party) -> bool:
    """Whether the party may have anything of the person."""
    return set(letters(stage, party).values()) != {"-"}


def letters_of(view: Mapping[str, Any]) -> dict[str, str]:
    """The letter of each field in the answer to a read. Each field is in one of its two parts."""
    withheld = {one["field"]: "-" for one in view["withheld"]}
    released = {
        f"{section}.{name}": LETTERS[one["form"]]
        for section, fields in view["released"].items()
        for name, one in fields.items()
    }
    assert not withheld.keys() & released.keys()
    return withheld | released
