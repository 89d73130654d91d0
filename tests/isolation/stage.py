"""One person, the custodian's two officers, and an agency of every role: with the case, without.

Beside them stand who look after the registry: the operator, and an agency's own registrars.

They speak HTTP, as anybody would who tries the doors.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from sqlalchemy import Connection

from app.access_log.vocabulary import Operation
from app.administration import registry
from app.agencies.registry import OPERATOR_ROLE, ProviderRecord
from app.policy.roles import ROLE_PURPOSES
from tests.api.exchange import Exchange, Speaker, sections_of, without_convictions
from tests.api.identity_provider import AUDIENCE, STRONG, IdentityProvider
from tests.isolation.in_person import InPerson
from tests.world import World, sealing_keys

CUSTODIAN, SECOND = "custodian", "second officer"
OPERATOR, REGISTRAR = "operator", "registrar"
# The agency that has both a registrar and the case.
REGISTRARS_ROLE = "social_welfare_centre"
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

    def in_person(self, stage: "Stage") -> "Party":
        """The same, by an officer who has signed in at the agency's identity provider."""
        return replace(self, speaker=InPerson(**vars(self.speaker), provider=stage.provider))

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
    provider: IdentityProvider = field(repr=False)
    desk: dict[str, Party] = field(default_factory=dict)
    known: dict[str, Party] = field(default_factory=dict)
    strangers: dict[str, Party] = field(default_factory=dict)
    # Ids of exports that the auditor has.
    exports: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def number(self) -> int:
        """Another one each time."""
        return next(self._numbers)

    def party(self, label: str) -> Party:
        """Whoever is on the stage by this label: an agency of a role is the one with the case."""
        officers = {CUSTODIAN: self.custodian, SECOND: self.second}
        return {**officers, **self.desk, **self.known}[label]

    def everybody(self) -> list[Party]:
        """All of them."""
        groups = (self.desk, self.known, self.strangers)
        return [self.custodian, self.second, *(one for group in groups for one in group.values())]

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


def set_up(exchange: Exchange, provider: IdentityProvider) -> Stage:
    """An agency of each role in each place. None of them is sent anything sealed."""
    shared = next(sealing_keys())
    prison = exchange.agency("correctional_service", decryption=shared)
    person = exchange.person(prison, FILE)
    stage = Stage(
        exchange,
        Party(CUSTODIAN, prison, person),
        Party(SECOND, second_officer(exchange.world, prison), person),
        shared.public_jwk(),
        provider,
    )
    for role in ROLE_PURPOSES:
        knows, knows_not = (exchange.agency(role, decryption=shared) for _ in range(2))
        stage.known[role] = Party(role, knows, exchange.refer(prison, person, knows))
        stage.strangers[role] = Party(f"strange {role}", knows_not, person)
    office = exchange.registrar("exchange-office", OPERATOR_ROLE)
    stage.desk[OPERATOR] = Party(OPERATOR, office, person)
    stage.desk[REGISTRAR] = _registrar(exchange, stage.known[REGISTRARS_ROLE], REGISTRAR)
    strange = _registrar(exchange, stage.strangers[REGISTRARS_ROLE], f"strange {REGISTRAR}")
    stage.strangers[REGISTRAR] = strange
    for agency_id in sorted({one.id for one in stage.everybody()}):
        _register_provider(exchange.world, agency_id, provider)
    return stage


def _register_provider(world: World, agency_id: str, provider: IdentityProvider) -> None:
    """Let the agency's officers sign in, under an issuer of its own."""
    record = ProviderRecord(
        issuer=provider.of(agency_id),
        agency_id=agency_id,
        audience=AUDIENCE,
        jwks_uri=provider.jwks_uri,
        acr_values=(STRONG,),
        max_age=900,
    )
    house, at = world.service.house, world.clock()
    world.owner.run_blocking(lambda c: registry.register_provider(c, house, record, at=at))


def _registrar(exchange: Exchange, of: Party, label: str) -> Party:
    """Who looks after this agency's own entries, by a client for just that."""
    speaker = replace(exchange.registrar(of.id), role=of.speaker.role)
    return replace(of, label=label, speaker=speaker)


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
