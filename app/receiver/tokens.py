"""The access token of a client: asked for when needed, kept until shortly before its end.

OAuth 2.0 client credentials (RFC 6749, section 4.4) with a signed assertion in place of a
secret (RFC 7523), and with the officer, the purpose and the legal basis in it (RFC 9396). The
token is bound to a key, which signs a proof for each request (RFC 9449).
"""

import json
import secrets
import threading
from datetime import datetime, timedelta
from typing import Final

import httpx

from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import UnexpectedAnswer
from app.receiver.exchange import Answer, exchange
from throughcare_receiver.keys import SigningKey
from throughcare_receiver.possession import prove
from throughcare_receiver.receiver import Clock
from throughcare_receiver.statements import client_assertion

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DETAILS_TYPE: Final = "inmate-file"

RENEW_BEFORE: Final = timedelta(seconds=30)
"""A token is not used in its last seconds: it could end on its way."""


class TokenSource:
    """Gives the present access token. Safe to use from several threads."""

    def __init__(
        self,
        configuration: AgencyConfiguration,
        key: SigningKey,
        connections: httpx.Client,
        *,
        clock: Clock,
    ) -> None:
        self._configuration = configuration
        self._key = key
        self._connections = connections
        self._clock = clock
        # A key of this run: a token is worth nothing to whoever does not have it (RFC 9449).
        self._possessed = SigningKey.generate()
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at: datetime | None = None

    def current(self) -> str:
        """A token that is good for a while.

        Raises:
            ServiceError: the service gave none.
        """
        with self._lock:
            now = self._clock()
            if self._token is None or self._renew_at is None or now >= self._renew_at:
                self._token, lifetime = self._obtain(now)
                self._renew_at = now + lifetime - RENEW_BEFORE
            return self._token

    def credentials(self, token: str, *, method: str, address: str) -> dict[str, str]:
        """The headers that go with one request: the token, and a proof made for just that."""
        proof = self._proof(method, address, token)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def forget(self, token: str) -> None:
        """Drop a token that the service no longer takes; a newer one stays."""
        with self._lock:
            if self._token == token:
                self._token = None

    def _obtain(self, now: datetime) -> tuple[str, timedelta]:
        issuer = self._configuration.issuer
        assertion = client_assertion(
            self._key,
            client_id=self._configuration.client_id,
            issuer=issuer,
            jti=secrets.token_urlsafe(16),
            at=now,
        )
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            "authorization_details": json.dumps([_details(self._configuration)]),
        }
        address = f"{issuer}/oauth2/token"
        headers = {"DPoP": self._proof("POST", address)}
        request = self._connections.build_request("POST", address, data=form, headers=headers)
        return _read_token(exchange(self._connections, request))

    def _proof(self, method: str, address: str, token: str | None = None) -> str:
        return prove(
            self._possessed,
            method=method,
            address=address,
            jti=secrets.token_urlsafe(16),
            at=self._clock(),
            access_token=token,
        )


def _details(configuration: AgencyConfiguration) -> dict[str, str]:
    details = {
        "type": DETAILS_TYPE,
        "officer": configuration.officer,
        "purpose": configuration.purpose,
        "legal_basis": configuration.legal_basis,
    }
    return details if configuration.case is None else {**details, "case": configuration.case}


def _read_token(answer: Answer) -> tuple[str, timedelta]:
    """The token and how long it is good for (RFC 6749, section 5.1)."""
    members = answer.json()
    token, seconds = members.get("access_token"), members.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise UnexpectedAnswer("the token endpoint gave no access token")
    if str(members.get("token_type")).lower() != "dpop":
        raise UnexpectedAnswer("the token endpoint gave a token of an unknown type")
    if type(seconds) is not int or not 0 < seconds <= timedelta(days=1).total_seconds():
        raise UnexpectedAnswer("the token endpoint gave no lifetime of its token")
    return token, timedelta(seconds=seconds)
