"""An exchange at its daily work: who takes part, and what each of them keeps of it.

What is kept is what came over the wire: answers with their entries, notices as they were opened.
Nothing here is read from the database.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from random import Random
from time import perf_counter
from typing import Any

import httpx
from sqlalchemy import Connection

from app.administration import registry
from app.agencies.registry import ClientRecord, on_basis
from app.main import log_verifier, make_house, opened
from app.policy.roles import ROLE_PURPOSES
from tests.faults.colleagues import BearerSystem, Gate, Proxy, SecondOfficer
from tests.faults.installation import Installation
from tests.notifications.agency import HEARTBEAT, VERIFICATION, Agency, Notice
from tests.notifications.mailroom import Mailroom, mailroom, wait_until
from tests.notifications.play import enrol
from throughcare_receiver import LogKey, check_receipt

PLACE, ELSEWHERE = "XK-GJILAN", "XK-PEJA"
UNAVAILABLE = 503
SERVER_ERROR = 500
# Of each person, with a number behind it.
NAME = "Wexample-"
RECEIPT, ENTRY = "disclosure-receipt", "disclosure-entry"


class NotAvailable(Exception):
    """The service said 503: what was asked for may be asked for again."""


@dataclass
class File:
    """A person as the prison knows it: what was acknowledged, and what may have been stored."""

    reference: str
    # Released soon and announced; far off, and somebody who may escape; to be erased.
    life: str
    # What the service has acknowledged, None before the first time; and what it may hold since.
    known: dict[str, str] | None = None
    asked: dict[str, str] | None = None
    etag: str = ""
    # Acknowledged events, and one of which it is not known.
    events: list[str] = field(default_factory=list)
    maybe: str | None = None
    # Whether somebody has asked for the erasure, and whether it was answered as carried out.
    leaving: bool = False
    erased: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Answered:
    """A disclosure as its recipient keeps it."""

    entry: str
    digest: str
    length: int
    agency_id: str
    reference: str
    receipt: str


@dataclass
class Recipient:
    """An agency that is told, and what it has opened so far, in the order in which it came."""

    agency: Agency
    notices: list[Notice] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)
    # What was polled and is to be confirmed with the next poll.
    unread: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: int = 0

    def collect(self) -> list[Notice]:
        """Open what has come to the endpoint, and what came before."""
        with self.lock:
            letters = self.agency.box.taken[self._seen :]
            self._seen += len(letters)
            for letter in letters:
                self.keep(self.agency.open(letter))
            return list(self.notices)

    def keep(self, notice: Notice) -> None:
        if notice.event_type not in (VERIFICATION, HEARTBEAT):
            self.notices.append(notice)

    def references(self) -> list[str]:
        return list({notice.reference: None for notice in self.collect()})


@dataclass
class Exchange:
    """Everybody, and what they keep."""

    installation: Installation
    random: Random
    # Of the agreement between the agencies.
    log_key: str
    prison: Agency
    # Another officer at another system, who looks after what the first one does.
    second: Agency
    probation: Recipient
    welfare: Recipient
    police: Recipient
    # It hosts no endpoint and polls.
    district: Recipient
    # Subscribed, and competent somewhere else: nothing here is for it.
    strangers: Recipient
    bearer: Agency
    auditor: Agency
    # The police have a mailroom of their own, which is away for a time.
    away: Mailroom
    gate: Gate = field(default_factory=Gate)
    # Somebody answers, or soon will.
    up: threading.Event = field(default_factory=threading.Event)
    files: dict[str, File] = field(default_factory=dict)
    disclosed: list[Answered] = field(default_factory=list)
    # Answers 404 to whoever asked for what it may not know of.
    refused: Counter[str] = field(default_factory=Counter)
    checkpoints: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    # Where exports are that were asked for, one after the other, and those that are done with.
    exports: list[str] = field(default_factory=list)
    fetched: set[str] = field(default_factory=set)
    exporting: threading.Lock = field(default_factory=threading.Lock)
    # How often a feed was held, and let go.
    holds: int = 0
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def log(self) -> list[LogKey]:
        """What receipts are held to."""
        return [LogKey.from_vkey(self.log_key)]

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Those who are told of releases in the place."""
        return (self.probation, self.welfare, self.police, self.district)

    def of_life(self, life: str) -> list[File]:
        return [file for file in list(self.files.values()) if file.life == life]

    def ask(self, agency: Agency, method: str, path: str, body: Any = None, **headers: str) -> Any:  # noqa: ANN401 - JSON, and an answer
        """A request and its answer, which is kept. NotAvailable, or httpx.TransportError."""
        begun = perf_counter()
        answer = agency.call(method, path, body, **headers)
        self.seconds[method].append(perf_counter() - begun)
        self.answers[str(answer.status_code)] += 1
        if answer.status_code == UNAVAILABLE:
            raise NotAvailable(answer.text)
        assert answer.status_code < SERVER_ERROR, answer.text
        if ENTRY in answer.headers:
            self._keep(agency, path.split("/")[3], answer)
        return answer

    def _keep(self, agency: Agency, reference: str, answer: httpx.Response) -> None:
        """Nothing about a person is taken without a receipt that holds."""
        header, at = answer.headers[RECEIPT], self.installation.clock()
        receipt = check_receipt(header, body=answer.content, log=self.log, at=at)
        assert receipt.entry_id == answer.headers[ENTRY]
        digest = sha256(answer.content).hexdigest()
        self.disclosed.append(
            Answered(
                entry=receipt.entry_id,
                digest=digest,
                length=len(answer.content),
                agency_id=agency.agency_id,
                reference=reference,
                receipt=receipt.note,
            )
        )

    def settle(self, file: File) -> None:
        """Where an answer did not come, see what became of what was asked for."""
        if file.asked is None:
            return
        shown = self.ask(self.prison, "GET", f"/v1/inmate-files/{file.reference}")
        if shown.status_code == 404:
            assert file.known is None, f"{file.reference} was acknowledged and is not there"
        else:
            state = state_of(shown.json())
            assert state in (file.known, file.asked), (state, file.known, file.asked)
            file.known, file.etag = state, shown.headers["etag"]
        file.asked = None

    def keep_checkpoint(self) -> None:
        """What anybody may fetch, and hold the log to."""
        answer = self.prison.http.get(f"{self.prison.issuer}/log/checkpoint")
        if answer.is_success:
            self.checkpoints.add(answer.text)


def sections_of(reference: str, state: dict[str, str]) -> dict[str, Any]:
    """The sections of a file that say a state."""
    return {
        "identity": {"full_name": {"value": {"family": reference, "given": ["Testor"]}}},
        "residence_contact": {
            "return_municipality_code": {"value": PLACE},
            "personal_phone": {"value": phone_of(reference)},
        },
        "custody": {"conduct_summary": {"value": state["conduct"]}},
        "release": {"planned_release_date": {"value": state["release"]}},
    }


def phone_of(reference: str) -> str:
    """The telephone number of a person, by which those know it who are told no name."""
    return f"+3834{reference.removeprefix(NAME):0>8}"


def state_of(file: dict[str, Any]) -> dict[str, str]:
    """The state that a file says to its owner."""
    released = file["released"]
    return {
        "conduct": released["custody"]["conduct_summary"]["value"],
        "release": released["release"]["planned_release_date"]["value"],
    }


@contextmanager
def founded(installation: Installation, seed: str) -> Iterator[Exchange]:
    """An exchange in a fresh installation; whatever runs at its end is killed."""
    with ExitStack() as stack:
        room, away = stack.enter_context(mailroom()), stack.enter_context(mailroom())
        http = stack.enter_context(
            httpx.Client(transport=Proxy(installation.ports), trust_env=False, timeout=30)
        )

        def agency(kind: type[Agency], name: str, role: str, at: Mailroom, client: str) -> Agency:
            return kind(
                agency_id=name,
                issuer=installation.settings.issuer,
                purpose=ROLE_PURPOSES[role][0],
                legal_basis=f"illustrative:{role}",
                box=at.box(f"{name}-{client}"),
                clock=installation.clock,
                http=http,
                client=client,
            )

        def recipient(name: str, role: str, at: Mailroom = room) -> Recipient:
            return Recipient(agency(Agency, name, role, at, "1"))

        custodian = agency(Agency, "prison", CUSTODIAN, room, "1")
        second = agency(SecondOfficer, "prison", CUSTODIAN, room, "2")
        settings = installation.settings
        house = make_house(settings, at=installation.clock())
        exchange = Exchange(
            installation=installation,
            random=Random(seed),  # noqa: S311 - a play of chance
            log_key=log_verifier(settings, house.ring).to_vkey(),
            prison=custodian,
            second=second,
            probation=recipient("probation", "probation_service"),
            welfare=recipient("welfare", "social_welfare_centre"),
            police=recipient("police", "police_local", away),
            district=recipient("district", "probation_service"),
            strangers=recipient("strangers", "police_local"),
            bearer=agency(BearerSystem, "welfare", "social_welfare_centre", room, "2"),
            auditor=agency(Agency, "auditor", AUDITOR, room, "1"),
            away=away,
        )
        _register(exchange)
        try:
            yield exchange
        finally:
            installation.kill_all()


CUSTODIAN, AUDITOR = "correctional_service", "oversight_auditor"
ROLES = {
    "prison": CUSTODIAN,
    "probation": "probation_service",
    "welfare": "social_welfare_centre",
    "police": "police_local",
    "district": "probation_service",
    "auditor": AUDITOR,
}


def _register(exchange: Exchange) -> None:
    settings, at = exchange.installation.settings, exchange.installation.clock()
    house = make_house(settings, at=at)
    at_home = (exchange.prison, exchange.auditor, *(one.agency for one in exchange.recipients))

    def work(connection: Connection) -> None:
        for one in at_home:
            enrol(connection, house, one, ROLES[one.agency_id], (PLACE,), at=at)
        strangers = exchange.strangers.agency
        enrol(connection, house, strangers, ROLES["police"], (ELSEWHERE,), at=at)
        registry.register_officer(
            connection,
            house,
            agency_id="prison",
            officer_id=exchange.second.officer,
            function="officer",
            at=at,
        )
        for one in (exchange.second, exchange.bearer):
            client = ClientRecord(
                client_id=one.client_id,
                agency_id=one.agency_id,
                jwks=one.jwks(),
                grounds=on_basis(one.legal_basis, *ROLE_PURPOSES[ROLES[one.agency_id]]),
                bearer_allowed=one is exchange.bearer,
            )
            registry.register_client(connection, house, client, at=at)

    with opened(settings) as database:
        database.run_blocking(work)


def subscribe(exchange: Exchange) -> None:
    """Everybody asks for notices and proves that they can be read."""
    for one in (exchange.probation, exchange.welfare, exchange.police, exchange.strangers):
        agency = one.agency
        agency.subscribe()
        wait_until(agency.nonces)
        assert agency.answer_handshake(agency.nonces()[0]).status_code == 204
    exchange.district.agency.subscribe_to_inbox()
