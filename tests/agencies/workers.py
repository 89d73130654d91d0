"""Workers of the service that share nothing but the database: what a test asks each to do.

Plain functions of what can be sent to another process; each opens the database for itself.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from app.agencies import replay, tokens
from app.agencies.oauth import OAuthError
from app.agencies.tokens import Grant, TokenRequest
from app.crypto.possession import Proof
from app.crypto.signing_keys import SigningKey
from app.database import Database, open_database
from app.problems import Unauthenticated

ISSUED, REFUSED = "issued", "refused"
_databases: dict[str, Database] = {}


def database_at(url: str) -> Database:
    """The database of this process, opened once: what it keeps would be kept from call to call."""
    if url not in _databases:
        _databases[url] = open_database(url)
    return _databases[url]


def let_go(url: str) -> None:
    """Close the database of this process."""
    _databases.pop(url).close()


def ask_at_once(url: str, asked: list[TokenRequest], issuer: str, at: datetime) -> list[str]:
    """Ask for tokens, all at once; how each request ended."""
    database, key = database_at(url), SigningKey.generate()

    def attempt(request: TokenRequest) -> str:
        try:
            result = database.run_blocking(
                lambda c: tokens.issue(c, request, key=key, issuer=issuer, at=at, random=bytes)
            )
        except OAuthError as problem:
            return problem.code
        return result.code if isinstance(result, OAuthError) else ISSUED

    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(attempt, asked))


def use_at_once(url: str, proofs: list[Proof]) -> list[bool]:
    """Use proofs up, all at once; which were used for the first time."""
    database = database_at(url)
    with ThreadPoolExecutor(len(proofs)) as threads:
        return list(
            threads.map(
                lambda proof: database.run_blocking(lambda c: replay.use_proof(c, proof)), proofs
            )
        )


def is_known(url: str, grant: Grant) -> bool:
    """Whether somebody calls with this grant."""
    try:
        database_at(url).run_blocking(lambda c: tokens.identify(c, grant))
    except Unauthenticated:
        return False
    return True
