"""Two workers, each a process of its own, on one database: once is once, and an end is an end."""

import multiprocessing
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import Connection

from app.agencies import registry
from app.agencies.registry import ProviderRecord
from app.agencies.tables import RevokedToken
from app.crypto.possession import Proof
from app.database import Database
from app.rows import insert_new
from tests.agencies import workers
from tests.agencies.test_tokens import AT, GRANT, ISSUER, assertion, fill, request

TIMES = 10  # of each worker
Ask = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def pools() -> Iterator[list[ProcessPoolExecutor]]:
    """Two processes that were started anew and know nothing of this one."""
    fresh = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, mp_context=fresh) for _ in range(2)]
    yield pools
    for pool in pools:
        pool.shutdown()


@pytest.fixture
def each(pools: list[ProcessPoolExecutor], database_url: str, database: Database) -> Iterator[Ask]:
    """Ask both workers at once, the same or each something else; both answers."""
    database.run_blocking(fill)

    def ask(work: Callable[..., Any], *given: tuple[Any, ...]) -> list[Any]:
        both = given if len(given) == len(pools) else given * len(pools)
        answers = [
            pool.submit(work, database_url, *one) for pool, one in zip(pools, both, strict=True)
        ]
        return [answer.result(60) for answer in answers]

    yield ask
    ask(workers.let_go, ())


def new_proof() -> Proof:
    return Proof(
        thumbprint="thumbprint", jti=secrets.token_hex(8), expires_at=AT + timedelta(seconds=65)
    )


def test_of_twenty_uses_at_once_of_one_assertion_one_gets_a_token(each: Ask) -> None:
    asked = [replace(request(assertion()), proof=new_proof()) for _ in range(TIMES)]
    told = chain(*each(workers.ask_at_once, (asked, ISSUER, AT)))
    assert sorted(told) == ["invalid_client"] * (2 * TIMES - 1) + ["issued"]


def test_of_twenty_uses_at_once_of_one_proof_one_gets_a_token(each: Ask) -> None:
    one = new_proof()
    # Every request has an assertion of its own: it is the proof alone that is used again.
    asked = [
        [replace(request(assertion(jti=f"{worker}-{turn}")), proof=one) for turn in range(TIMES)]
        for worker in range(2)
    ]
    told = chain(*each(workers.ask_at_once, *((one, ISSUER, AT) for one in asked)))
    assert sorted(told) == ["invalid_dpop_proof"] * (2 * TIMES - 1) + ["issued"]


def test_of_twenty_calls_at_once_with_one_proof_one_is_let_in(each: Ask) -> None:
    answers = chain(*each(workers.use_at_once, ([new_proof()] * TIMES,)))
    assert sorted(answers) == [False] * (2 * TIMES - 1) + [True]


def provider(connection: Connection) -> None:
    record = ProviderRecord(
        issuer="https://provider.example",
        agency_id="police-1",
        audience="exchange",
        jwks_uri="https://provider.example/keys",
        acr_values=("strong",),
        max_age=600,
    )
    registry.add_provider(connection, record, at=AT)


def take_back(connection: Connection) -> None:
    insert_new(connection, RevokedToken, token_id=GRANT.token_id, expires_at=AT)


ENDS: dict[str, Callable[[Connection], object]] = {
    "client": lambda c: registry.revoke_client(c, GRANT.client_id),
    "officer": lambda c: registry.revoke_officer(
        c, agency_id="police-1", officer_id=GRANT.officer_id
    ),
    "token": take_back,
    "identity provider": lambda c: registry.revoke_provider(c, "https://provider.example"),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_end_holds_at_the_next_call_of_every_worker(
    each: Ask, database: Database, name: str
) -> None:
    database.run_blocking(provider)
    proven = replace(GRANT, proven_by="https://provider.example")
    for _ in range(2):  # the second time would come from a memory, were there one
        assert each(workers.is_known, (proven,)) == [True, True]
    database.run_blocking(ENDS[name])
    assert each(workers.is_known, (proven,)) == [False, False]
    asserted_holds = name == "identity provider"
    assert each(workers.is_known, (GRANT,)) == [asserted_holds] * 2
