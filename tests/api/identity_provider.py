"""Where an agency's officers sign in: a small issuer on a real port, written with joserfc."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.receiver.service_stand_in import served

AUDIENCE = "throughcare-exchange"
STRONG = "urn:example:two-factors"


@dataclass
class IdentityProvider:
    """What it signs with now, and how often somebody asked for its keys."""

    issuer: str = ""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", private=True))
    published: list[ECKey] = field(default_factory=list)
    asked: int = 0
    status: int = 200
    body: bytes | None = None

    def __post_init__(self) -> None:
        self.published = [self.key]

    @property
    def jwks_uri(self) -> str:
        return f"{self.issuer}/keys"

    def of(self, agency_id: str) -> str:
        """The issuer of one agency, where several sign in here with the same keys."""
        return f"{self.issuer}/{agency_id}"

    def rotate(self, *, publish: bool = True) -> None:
        """Sign with a new key from now on."""
        self.key = ECKey.generate_key("P-256", private=True)
        if publish:
            self.published = [self.key]

    def claims(self, officer: str, now: int, **changes: object) -> dict[str, Any]:
        """What a token says of an officer who signed in a minute ago."""
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": officer,
            "iat": now,
            "exp": now + 600,
            "acr": STRONG,
            "auth_time": now - 60,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def header(self) -> dict[str, Any]:
        return {"alg": "ES256", "typ": "JWT", "kid": self.key.thumbprint()}

    def token(self, officer: str, now: int, **changes: object) -> str:
        """A token of an officer, signed by joserfc."""
        claims = json.dumps(self.claims(officer, now, **changes)).encode()
        return jws.serialize_compact(self.header(), claims, self.key, algorithms=["ES256"])

    async def _keys(self, _: Request) -> Response:
        self.asked += 1
        if self.body is not None or self.status != 200:
            return Response(self.body, status_code=self.status)
        keys = [{**k.as_dict(private=False), "kid": k.thumbprint()} for k in self.published]
        return JSONResponse({"keys": keys})


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """An identity provider that answers until the block ends."""
    provider = IdentityProvider()
    app = Starlette(routes=[Route("/keys", provider._keys)])  # noqa: SLF001 - its own route
    with served(app) as address:
        provider.issuer = address
        yield provider
