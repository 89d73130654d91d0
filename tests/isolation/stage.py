"""One person, the custodian's two officers, and an agency of every role: with the case, without.

They speak HTTP, as anybody would who tries the doors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from sqlalchemy import Connection

from app.access_log.vocabulary import Operation
from app.administration import registry
from app.policy.roles import ROLE_PURPOSES
from tests.api.exchange import Exchange, Speaker, sections_of, without_convictions
from tests.world import World, sealing_keys

CUSTODIAN, SECOND = "custodian", "second officer"
NOBODY = "NOBODY-1"  # a reference that no agency has for anybody
FILE = without_convictions(sections_of("correctional_service"))


@dataclass(frozen=True)
class Party:
    """Somebody at a door; `reference` is what it calls the person, or would if it could."""

    label: str
    speaker: Speaker
    reference: str

    @property
    def id(self) -> str:
        """Its agency."""
        return self.speaker.id

    def naming_nobody(self) -> "Party":
        """The same, asking about somebody who does not exist."""
        return replace(self, reference=NOBODY)

    def post(self, path: str, content: object = None) -> dict[str, Any]:
        """Do what this party may do; the answer."""
        answer = self.speaker.post(path, content)
        assert answer.is_success, f"{path}: {answer.text}"
        made: dict[str, Any] = answer.json() if answer.content else {}
        return made


@dataclass
class Stage:
    """Everybody, and numbers that nobody has used."""

    exchange: Exchange = field(repr=False)
    custodian: Party
    second: Party
    sealing_jwk: Mapping[str, Any] = field(repr=False)
    known: dict[str, Party] = field(default_factory=dict)
    strangers: dict[str, Party] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def number(self) -> int:
        """Another one each time."""
        return next(self._numbers)

    def party(self, label: str) -> Party:
        """The custodian, its second officer, or the agency of this role that has the case."""
        return {CUSTODIAN: self.custodian, SECOND: self.second, **self.known}[label]

    def fresh(self) -> Party:
        """The custodian with another file, for what can be done to a file once."""
        return replace(self.custodian, reference=self.exchange.person(self.custodian.speaker))

    @property
    def person_id(self) -> str:
        """The person as the access log names it."""
        [first] = self.exchange.entries(
            agency_id=self.custodian.id, operation=Operation.COLLECTION
        )[:1]
        return str(first.sections["subject"]["person"])


def set_up(exchange: Exchange) -> Stage:
    """An agency of each role in each place. None of them is sent anything sealed."""
    shared = next(sealing_keys())
    prison = exchange.agency("correctional_service", decryption=shared)
    person = exchange.person(prison, FILE)
    stage = Stage(
        exchange,
        Party(CUSTODIAN, prison, person),
        Party(SECOND, second_officer(exchange.world, prison), person),
        shared.public_jwk(),
    )
    for role in ROLE_PURPOSES:
        knows, knows_not = (exchange.agency(role, decryption=shared) for _ in range(2))
        stage.known[role] = Party(role, knows, exchange.refer(prison, person, knows))
        stage.strangers[role] = Party(f"strange {role}", knows_not, person)
    return stage


def second_officer(world: World, agency: Speaker) -> Speaker:
    """Another officer of the same agency."""
    officer = f"{agency.id}-second"

    def work(connection: Connection) -> None:
        registry.register_officer(
            connection,
            world.service.house,
            agency_id=agency.id,
            officer_id=officer,
            function="officer",
            at=world.clock(),
        )

    world.service.database.run_blocking(work)
    configuration = replace(world.agencies[agency.id].configuration, officer=officer)
    return replace(agency, client=world.client(configuration))
