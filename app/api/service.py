"""What every route has at hand, and how it opens a door on behalf of a caller."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from fastapi import Request
from sqlalchemy import Connection

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.in_force import InForce, PolicyUnavailable
from app.agencies import tokens
from app.agencies.tokens import Caller, Grant
from app.api.limits import RateLimit
from app.crypto.signing_keys import KeySet
from app.database import Database
from app.house import Act, House, Refusal, record
from app.notifications.addresses import EndpointRules
from app.policy.matrix_documents import MatrixDocuments
from app.problems import MalformedBody, Unauthenticated
from app.settings import Settings

T = TypeVar("T")
Door = Callable[[Connection, House, Caller, datetime], T | Refusal]

SCHEME = "bearer "


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service. Made by `main` alone; routes find it on the application."""

    settings: Settings
    database: Database
    in_force: InForce
    token_keys: KeySet
    endpoint_rules: EndpointRules
    clock: Callable[[], datetime]
    rate_limit: RateLimit
    matrices: MatrixDocuments = field(default_factory=MatrixDocuments)

    @property
    def house(self) -> House:
        """What doors are handed at this moment. A decision takes it from `in_force.run`."""
        return self.in_force.house


def service_of(request: Request) -> Service:
    """The service that this request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101 - `main` put it there
    return service


def grant_of(request: Request) -> Grant:
    """What the request's access token grants; exactly one bearer token is expected."""
    service = service_of(request)
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise MalformedBody("expected one Authorization header")
    if not given or not given[0].lower().startswith(SCHEME):
        raise Unauthenticated("expected a bearer token")
    return tokens.read(
        given[0][len(SCHEME) :],
        keys=service.token_keys,
        issuer=service.settings.issuer,
        at=service.clock(),
    )


async def perform(request: Request, door: Door[T], *, grant: Grant | None = None) -> T:
    """Open a door for the caller, in one transaction with the check that it is one now.

    A refusal is raised only here: its entry is committed by then. `grant` is given where
    the token was read before, as at the start of a long import.
    """
    service = service_of(request)
    granted = grant or grant_of(request)
    service.rate_limit.take(granted.client_id, granted.officer_id)

    def work(connection: Connection, house: House) -> T | Refusal:
        caller = tokens.identify(connection, granted)
        return door(connection, house, caller, service.clock())

    try:
        result = await service.in_force.run(work)
    except PolicyUnavailable as problem:
        await _record_undecided(service, granted, problem)
        raise
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

    await service.database.run(work)
