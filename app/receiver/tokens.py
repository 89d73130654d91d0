"""The access token of a client: asked for when needed, kept until shortly before its end.

OAuth 2.0 client credentials (RFC 6749, section 4.4) with a signed assertion in place of a
secret (RFC 7523), and with the officer, the purpose and the legal basis in it (RFC 9396).
"""

import json
import secrets
import threading
from datetime import datetime, timedelta
from typing import Final

import httpx

from app.crypto.signing_keys import SigningKey
from app.receiver.clock import Clock
from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import UnexpectedAnswer
from app.receiver.exchange import Answer, exchange
from app.receiver.statements import client_assertion

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
        request = self._connections.build_request("POST", f"{issuer}/oauth2/token", data=form)
        return _read_token(exchange(self._connections, request))


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
    if str(members.get("token_type")).lower() != "bearer":
        raise UnexpectedAnswer("the token endpoint gave a token of an unknown type")
    if type(seconds) is not int or not 0 < seconds <= timedelta(days=1).total_seconds():
        raise UnexpectedAnswer("the token endpoint gave no lifetime of its token")
    return token, timedelta(seconds=seconds)
