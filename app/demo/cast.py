"""Who plays: agencies with one client and one officer each. All of it is made up."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from app.administration import registry
from app.agencies.registry import AgencyRecord, ClientRecord, Ground
from app.house import House
from app.receiver.new_agency import NewAgency, write_configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """An agency of the demonstration."""

    id: str
    name: str
    role: str
    purpose: str
    function: str
    competent: bool = True

    @property
    def heading(self) -> str:
        """What its column is called."""
        return self.id.split("-", maxsplit=1)[0]

    @property
    def legal_basis(self) -> str:
        """A placeholder: a national lawyer has to name the article."""
        return f"illustrative:{self.role}"


PRISON = Player(
    id="prison-north",
    name="Prison North",
    role="correctional_service",
    purpose="release_preparation",
    function="release officer",
)
COURT = Player(
    id="court-first",
    name="First Court",
    role="court_panel",
    purpose="judicial_decision",
    function="registrar",
)
PROBATION = Player(
    id="probation-east",
    name="Probation East",
    role="probation_service",
    purpose="supervision",
    function="probation officer",
)
WELFARE = Player(
    id="welfare-east",
    name="Social Welfare Centre East",
    role="social_welfare_centre",
    purpose="social_support",
    function="case worker",
)
POLICE = Player(
    id="police-east",
    name="Police Station East",
    role="police_local",
    purpose="public_protection_local",
    function="community officer",
)
EMPLOYMENT = Player(
    id="employment-east",
    name="Employment Office East",
    role="employment_service",
    purpose="employment_support",
    function="job counsellor",
)
STRANGER = Player(
    id="police-west",
    name="Police Station West",
    role="police_local",
    purpose="public_protection_local",
    function="community officer",
    competent=False,
)
AUDITOR = Player(
    id="auditor",
    name="Data Protection Authority",
    role="oversight_auditor",
    purpose="lawfulness_verification",
    function="auditor",
)

RECIPIENTS = (PROBATION, WELFARE, POLICE, EMPLOYMENT)
EVERYBODY = (PRISON, COURT, *RECIPIENTS, STRANGER, AUDITOR)


def equip(player: Player, folder: Path, *, issuer: str, log_key: str) -> NewAgency:
    """Keys and configuration of a player, in a folder of its own; it insists on receipts."""
    return write_configuration(
        folder / player.id,
        issuer=issuer,
        client_id=f"{player.id}-1",
        officer=f"{player.id}-officer",
        purpose=player.purpose,
        legal_basis=player.legal_basis,
        log_key=log_key,
    )


def register(
    connection: Connection,
    house: House,
    player: Player,
    equipment: NewAgency,
    *,
    municipalities: frozenset[str],
    at: datetime,
) -> None:
    """Enter a player into the registry, as `throughcare agency|client|officer add` does."""
    agency = AgencyRecord(
        agency_id=player.id,
        name=player.name,
        role=player.role,
        country=house.profile.code,
        municipalities=municipalities if player.competent else frozenset(),
    )
    client = ClientRecord(
        client_id=f"{player.id}-1",
        agency_id=player.id,
        jwks=equipment.jwks,
        grounds=(Ground(player.purpose, player.legal_basis),),
    )
    registry.register_agency(connection, house, agency, at=at)
    registry.register_client(connection, house, client, at=at)
    registry.register_officer(
        connection,
        house,
        agency_id=player.id,
        officer_id=f"{player.id}-officer",
        function=player.function,
        at=at,
    )
