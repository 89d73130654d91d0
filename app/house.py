"""What every door is handed: the bundle in force, keys, profile, randomness; and how it records.

A door is a plain function of a connection, this, and the moment. It returns a value or a
`Refusal`; a refusal is a value and no exception, so that its own entry is committed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from app.access_log import ledger
from app.access_log.canonical_json import JsonObject, Written
from app.access_log.entry import Actor, Entry, Grounds, Subject
from app.access_log.ledger import AppendedEntry
from app.access_log.receipt import PROMISED_WITHIN, Receipt, sign_receipt, to_header
from app.access_log.sealing import LogKeys
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.crypto.key_ring import KeyRing
from app.outbox.planning import Planner
from app.policy.bundle import Bundle
from app.problems import ThroughcareError
from app.releases.profile import Profile
from app.telemetry import tracing

Random = Callable[[int], bytes]
# Enough for waits of hours to differ by less than a second.
FRACTION_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a door needs beside its connection. Made once by `main`."""

    bundle: Bundle
    # Number of the activation by which the bundle took effect.
    activation: int
    ring: KeyRing
    profile: Profile
    issuer: str
    log_origin: str
    random: Random
    require_proven_officers: bool = False

    def new_id(self) -> str:
        """128 random bits as 32 hexadecimal digits."""
        return self.random(16).hex()

    def random_fraction(self) -> float:
        """At random, from 0 to less than 1: spreads what would else be tried all at once."""
        return int.from_bytes(self.random(FRACTION_BYTES)) / (1 << 8 * FRACTION_BYTES)

    def legal_date(self, at: datetime) -> date:
        """The calendar day at a moment, in the profile's legal time zone."""
        return self.profile.local_date(at)

    @property
    def planner(self) -> Planner:
        """What planning of milestones and events needs."""
        return Planner(profile=self.profile, new_id=self.new_id)

    def log_keys(self) -> LogKeys:
        """The keys that seal and index the entries of the access log."""
        return LogKeys.of(self.ring)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a door answers instead of a result, after its entry was written."""

    problem: ThroughcareError


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act that goes on record: what was done, through which channel, how it ended.

    `reference` is the caller's own for the person. `fields` and `payload` are as the access
    log shows them: never a field value. `inputs` is what a decision was made from; the log
    keeps it and shows it to nobody. `emergency` names what opened more than the rule does,
    and whoever stated it.
    """

    operation: Operation
    channel: Channel
    outcome: Outcome
    person_id: str | None = None
    reference: str | None = None
    fields: JsonObject | Written | None = None
    payload: JsonObject | None = None
    inputs: JsonObject | None = None
    emergency: tuple[str, str] | None = None


def record(
    connection: Connection, house: House, caller: Caller, act: Act, *, at: datetime
) -> AppendedEntry:
    """Append the entry of an act to the access log."""
    tracing.note(operation=act.operation, channel=act.channel, outcome=act.outcome)
    override, approver = act.emergency or (None, None)
    entry = Entry(
        operation=act.operation,
        channel=act.channel,
        outcome=act.outcome,
        actor=Actor(
            agency=caller.agency_id,
            client=caller.client_id,
            officer=caller.officer_id,
            function=caller.officer_function,
            assurance=caller.assurance,
        ),
        grounds=Grounds(
            purpose=caller.purpose,
            legal_basis=caller.legal_basis,
            case=caller.case,
            emergency_override=override,
            emergency_approver=approver,
        ),
        subject=None if act.person_id is None else Subject(act.person_id, act.reference),
        fields=act.fields,
        payload=act.payload,
        inputs=act.inputs,
    )
    return ledger.append(
        connection,
        entry,
        keys=house.log_keys(),
        random=house.random,
        at=at,
        origin=house.log_origin,
        policy_digest=house.bundle.digest,
    )


def record_list(
    connection: Connection,
    house: House,
    caller: Caller,
    persons: Iterable[str],
    what: str,
    *,
    at: datetime,
) -> None:
    """Append an entry for each person on a list that is read; `what` names the list."""
    # In one order everywhere: two readers that make persons' first entries cannot deadlock.
    for person_id in sorted(set(persons)):
        act = Act(
            operation=Operation.CONSULTATION,
            channel=Channel.ADMINISTRATION,
            outcome=Outcome.RELEASED,
            person_id=person_id,
            fields={"facts": what},
        )
        record(connection, house, caller, act, at=at)


def receipt_of(house: House, appended: AppendedEntry, digest: bytes, *, at: datetime) -> str:
    """The receipt of a disclosure, as the value of its header: it leaves with the body.

    `digest` is the SHA-256 of that body.
    """
    receipt = Receipt(
        origin=house.log_origin,
        entry_id=appended.id,
        leaf_hash=appended.leaf_hash,
        body_sha256=digest,
        expected_by=at + PROMISED_WITHIN,
    )
    return to_header(sign_receipt(receipt, house.ring.log_signing))
