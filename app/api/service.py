"""What every route has at hand, and how it opens a door on behalf of a caller."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, TypeVar

from fastapi import Request
from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.access_log.witnesses import Witnesses
from app.administration.in_force import InForce, PolicyUnavailable
from app.administration.registry_desk import refuse
from app.agencies import replay, tokens
from app.agencies.known_tokens import KnownTokens
from app.agencies.provider_keys import ProviderKeys
from app.agencies.registrars import opens_registry
from app.agencies.tokens import Caller, Grant
from app.api.head import asked_method
from app.api.limits import RateLimit
from app.crypto.errors import CryptoError
from app.crypto.possession import Proof, read_proof
from app.crypto.signing_keys import KeySet
from app.database import Database
from app.house import Act, House, Refusal, record
from app.monitoring.readiness import Readiness
from app.notifications.addresses import EndpointRules
from app.policy.matrix_documents import MatrixDocuments
from app.problems import Forbidden, MalformedBody, Unauthenticated, Unavailable
from app.settings import Settings

T = TypeVar("T")
Door = Callable[[Connection, House, Caller, datetime], T | Refusal]

DPOP = "dpop"
BEARER = "bearer"
OTHER_PURPOSE = "the purpose of the token does not open this address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service. Made by `main` alone; routes find it on the application."""

    settings: Settings
    database: Database
    in_force: InForce
    token_keys: KeySet
    known_tokens: KnownTokens
    provider_keys: ProviderKeys
    endpoint_rules: EndpointRules
    clock: Callable[[], datetime]
    rate_limit: RateLimit
    witnesses: Witnesses
    readiness: Readiness
    matrices: MatrixDocuments = field(default_factory=MatrixDocuments)
    # Subscriptions whose poll waits for something: one each, a second one is answered at once.
    waiting_polls: set[str] = field(default_factory=set)
    # Set once this process is to end: nothing that lasts is begun any more.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def house(self) -> House:
        """What doors are handed at this moment. A decision takes it from `in_force.run`."""
        return self.in_force.house


class ProofRefused(Unauthenticated):
    """The proof of possession is not one for this request (RFC 9449, section 7.1)."""

    reason: ClassVar[str] = "invalid_dpop_proof"


@dataclass(slots=True)
class Credential:
    """What came with one request: its token, and the proof, which works once.

    `counted`: the request has had its place within the limit of its caller.
    """

    grant: Grant
    proof: Proof | None
    spent: bool = False
    counted: bool = False


def service_of(request: Request) -> Service:
    """The service that this request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101 - `main` put it there
    return service


def grant_of(request: Request) -> Grant:
    """What the request's access token grants, shown with a proof where it is bound to a key."""
    return _credential_of(request).grant


def proof_of(request: Request, access_token: str | None = None) -> Proof | None:
    """The proof of possession that came with a request; None where none did. ProofRefused.

    The address is that of the settings and not of the Host header, which anybody can send.
    """
    service = service_of(request)
    given = request.headers.getlist("dpop")
    if not given:
        return None
    if len(given) > 1:
        raise ProofRefused("expected one DPoP header")
    try:
        return read_proof(
            given[0],
            method=asked_method(request.scope),
            address=service.settings.issuer + request.scope["raw_path"].decode("ascii"),
            at=service.clock(),
            access_token=access_token,
        )
    except (CryptoError, UnicodeDecodeError) as error:
        raise ProofRefused("the proof of possession is not valid for this request") from error


async def perform(
    request: Request,
    door: Door[T],
    *,
    grant: Grant | None = None,
    registry: bool = False,
    urgent: bool = False,
) -> T:
    """Open a door for the caller, in one transaction with the check that it is one now.

    A refusal is raised only here: its entry is committed by then. `grant` is given where
    the token was read before, as at the start of a long import. `registry` says that the door
    is one of the registry's, which one purpose opens, and that purpose nothing else. `urgent` lets
    it have the capacity that is kept for what cannot be put off.
    """
    service = service_of(request)
    credential = _credential_of(request)
    granted = grant or credential.grant
    _count(service, credential)

    def work(connection: Connection, house: House) -> T | Refusal:
        _spend(connection, credential)
        caller, at = tokens.identify(connection, granted), service.clock()
        if opens_registry(caller) is not registry:
            return refuse(connection, house, caller, "registry", Forbidden(OTHER_PURPOSE), at=at)
        return door(connection, house, caller, at)

    try:
        if registry:
            # No policy decides here: somebody can be ended even when none is usable.
            result = await service.database.run(
                lambda c: work(c, service.house), client=granted.client_id
            )
        else:
            result = await service.in_force.run(work, client=granted.client_id, urgent=urgent)
    except PolicyUnavailable as problem:
        await _record_undecided(service, granted, problem)
        raise
    credential.spent = True
    if isinstance(result, Refusal):
        raise result.problem
    return result


async def _record_undecided(service: Service, grant: Grant, problem: PolicyUnavailable) -> None:
    """Record that a caller was refused because nothing can be decided."""
    act = Act(
        operation=Operation.CONSULTATION,
        channel=Channel.READ,
        outcome=Outcome.REFUSED,
        fields={"released": [], "withheld": [], "reason": problem.slug},
    )

    def work(connection: Connection) -> None:
        caller = tokens.identify(connection, grant)
        record(connection, service.house, caller, act, at=service.clock())

    await service.database.run(work, client=grant.client_id)


async def begin(request: Request) -> Grant:
    """What the token of a request grants that is many transactions: it is counted, and spent, once.

    The lines of an import follow one another, so none is refused for the speed of the others.
    """
    credential = _credential_of(request)
    _count(service_of(request), credential)
    await spend(request)
    return credential.grant


def _count(service: Service, credential: Credential) -> None:
    """Hold a request to the limit of its caller. TooManyRequests."""
    if not credential.counted:
        service.rate_limit.take(credential.grant.client_id, credential.grant.officer_id)
        credential.counted = True


async def spend(request: Request) -> None:
    """Use the proof of a request up by itself, where it does not ride with what it lets through.

    ProofRefused: it was used before.
    """
    credential = _credential_of(request)
    if credential.proof is not None and not credential.spent:
        client = credential.grant.client_id
        await service_of(request).database.run(lambda c: _spend(c, credential), client=client)
        credential.spent = True


async def spend_after_failure(request: Request) -> None:
    """Use up the proof of a request that failed.

    What failed was rolled back with the use of its proof, or came before it; and a proof says
    nothing of query and body, so that somebody else might send it along with others.
    """
    if "authorization" in request.headers:
        with suppress(Unauthenticated, MalformedBody, Unavailable):
            await spend(request)


def _spend(connection: Connection, credential: Credential) -> None:
    """Use the proof up, with the first transaction of its request."""
    if credential.proof is None or credential.spent:
        return
    if not replay.use_proof(connection, credential.proof):
        raise ProofRefused("the proof of possession was used before")


def _credential_of(request: Request) -> Credential:
    """The credential of a request, read once."""
    known = getattr(request.state, "credential", None)
    if isinstance(known, Credential):
        return known
    request.state.credential = credential = _read_credential(request)
    return credential


def _read_credential(request: Request) -> Credential:
    service = service_of(request)
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise MalformedBody("expected one Authorization header")
    scheme, _, token = given[0].partition(" ") if given else ("", "", "")
    if scheme.lower() not in (DPOP, BEARER):
        raise Unauthenticated("expected an access token")
    grant = service.known_tokens.read(token, at=service.clock())
    # A stolen token is worth nothing: a bound one never passes as a bearer token (RFC 9449, 7.2).
    if (scheme.lower() == DPOP) != (not grant.bearer):
        raise Unauthenticated("the access token is of the other kind")
    if grant.bearer:
        return Credential(grant, None)
    proof = proof_of(request, token)
    if proof is None or proof.thumbprint != grant.bound_to:
        raise ProofRefused("expected a proof by the key that the token is bound to")
    return Credential(grant, proof)
