"""The other side of the wire, written with other libraries: joserfc signs and seals.

`Sender` makes notifications, right and wrong ones; `ServiceStandIn` is a small service on a real
port of the loopback address, which checks what agencies send it as the real one would.
"""

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from joserfc import jwe, jws
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

RELEASE = "urn:throughcare:event:release_planned"
VERIFICATION = "urn:throughcare:event:verification"


def wait_until(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    """Come back as soon as the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextmanager
def served(app: ASGIApp, *, port: int = 0) -> Iterator[str]:
    """Run an application on the loopback address; its base address."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class Sender:
    """Signs and seals with joserfc; every part of the envelope can be made wrong."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", private=True)
        self.kid = self.key.thumbprint()

    def jwks(self) -> dict[str, Any]:
        return {"keys": [{**self.key.as_dict(private=False), "kid": self.kid}]}

    def sign(self, claims: dict[str, Any], **header: str) -> str:
        full = {"alg": "ES256", "typ": "secevent+jwt", "kid": self.kid, **header}
        return jws.serialize_compact(
            full, json.dumps(claims).encode(), self.key, algorithms=["ES256"]
        )

    def seal(self, token: str, recipient: dict[str, str], **header: str) -> str:
        full = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "kid": recipient["kid"]}
        return jwe.encrypt_compact(
            {**full, **header},
            token,
            RSAKey.import_key({**recipient}),
            algorithms=["RSA-OAEP-256", "RSA-OAEP", "A256GCM", "A128GCM", "DEF"],
        )

    def notification(self, claims: dict[str, Any], recipient: dict[str, str]) -> str:
        return self.seal(self.sign(claims), recipient)


@dataclass
class ServiceStandIn:
    """What the service was told, and how it is to answer next.

    `refusals` holds, by the beginning of a path, the statuses that are answered first; `held`,
    by a path, what stands there.
    """

    sender: Sender
    client_id: str
    client_jwks: dict[str, Any]
    issuer: str = ""
    details: list[dict[str, str]] = field(default_factory=list)
    assertions: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)
    proofs: set[str] = field(default_factory=set)
    withdrawn: set[str] = field(default_factory=set)
    acknowledgements: dict[str, dict[str, Any]] = field(default_factory=dict)
    verifications: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    subscription_status: str = "pending"
    held: dict[str, bytes] = field(default_factory=dict)
    key_fetches: int = 0
    refusals: dict[str, list[int]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    token_lifetime: Any = 300
    token_type: Any = "DPoP"

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/oauth2/token", self._token, methods=["POST"]),
                Route("/.well-known/jwks.json", self._keys),
                Route("/v1/cases", self._cases),
                Route("/v1/inmate-files/{reference}", self._file),
                Route("/v1/disclosures/{entry}", self._what_is_held),
                Route("/log/proof/{entry}", self._what_is_held),
                Route("/v1/subscriptions", self._subscribe, methods=["POST"]),
                Route("/v1/subscriptions/{name}", self._subscription, methods=["GET", "PATCH"]),
                Route("/v1/subscriptions/{name}/verification", self._verify, methods=["POST"]),
                Route("/v1/notifications/{name}/acknowledgement", self._take, methods=["POST"]),
            ]
        )

    def claims(self, jti: str, **changes: object) -> dict[str, Any]:
        """Claims of a release notice of now; a member changed to None is left out."""
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": int(time.time()),
            "jti": jti,
            "txn": "txn-1",
            "sub_id": {"format": "opaque", "id": "ref-1"},
            "events": {RELEASE: {"planned_release_date": "2027-01-15"}},
            "seq": {"subscriber": 1, "person": 1},
            "pad": "0" * 100,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def verification_claims(self, jti: str) -> dict[str, Any]:
        event = {"subscription_id": "sub-1", "nonce": "nonce-1"}
        return self.claims(jti, events={VERIFICATION: event}, sub_id=None, seq=None)

    def _signed_by_client(self, token: str, typ: str) -> dict[str, Any]:
        key = ECKey.import_key(self.client_jwks["keys"][0])
        signed = jws.deserialize_compact(token, key, algorithms=["ES256"])
        assert signed.headers()["typ"] == typ
        claims: dict[str, Any] = json.loads(signed.payload)
        assert (claims["iss"], claims["aud"]) == (self.client_id, self.issuer)
        return claims

    def _refusal(self, request: Request) -> Response | None:
        for prefix, statuses in self.refusals.items():
            if request.url.path.startswith(prefix) and statuses:
                problem: dict[str, Any] = {"title": "Not now", "detail": "The service says no."}
                errors = [{"pointer": "/endpoint", "message": "expected https"}]
                problem |= {"errors": errors} if statuses[0] == 422 else {}
                return JSONResponse(
                    problem, status_code=statuses.pop(0), media_type="application/problem+json"
                )
        if not request.url.path.startswith("/v1/"):
            return None
        token = request.headers.get("authorization", "").removeprefix("DPoP ")
        if token not in set(self.tokens) - self.withdrawn:
            return JSONResponse({"title": "Unauthenticated"}, status_code=401)
        assert self._proven(request, token) == self.bound[token]
        return None

    def _proven(self, request: Request, token: str | None = None) -> str:
        """The thumbprint of the key that signed the proof of a request (RFC 9449)."""
        [proof] = request.headers.getlist("dpop")
        jwk = jws.extract_compact(proof.encode()).headers()["jwk"]
        assert "d" not in jwk
        key = ECKey.import_key(jwk)
        signed = jws.deserialize_compact(proof, key, algorithms=["ES256"])
        assert signed.headers()["typ"] == "dpop+jwt"
        claims: dict[str, Any] = json.loads(signed.payload)
        assert (claims["htm"], claims["htu"]) == (request.method, str(request.url).split("?")[0])
        assert claims["jti"] not in self.proofs
        self.proofs.add(claims["jti"])
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            assert claims["ath"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return key.thumbprint()

    async def _token(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        form = dict(parse_qsl((await request.body()).decode()))
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"].endswith(":jwt-bearer")
        assertion = self._signed_by_client(form["client_assertion"], "JWT")
        assert assertion["sub"] == self.client_id
        assert 0 < assertion["exp"] - assertion["iat"] <= 300
        assert assertion["jti"] not in [earlier["jti"] for earlier in self.assertions]
        self.assertions.append(assertion)
        [details] = json.loads(form["authorization_details"])
        self.details.append(details)
        token = f"token-{len(self.tokens)}"
        self.tokens.append(token)
        self.bound[token] = self._proven(request)
        return JSONResponse(
            {
                "access_token": token,
                "token_type": self.token_type,
                "expires_in": self.token_lifetime,
            }
        )

    async def _keys(self, _: Request) -> Response:
        self.key_fetches += 1
        return JSONResponse(self.sender.jwks())

    async def _cases(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        pages = {
            None: {"cases": [{"reference": "ref-1"}, {"reference": "ref-2"}], "next": "ref-2"},
            "ref-2": {"cases": [{"reference": "ref-3"}], "next": None},
        }
        return JSONResponse(pages[request.query_params.get("after")])

    async def _file(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        if request.url.path in self.held:
            return Response(self.held[request.url.path], headers=self.headers)
        content = {"reference": request.path_params["reference"], "sections": {}}
        return JSONResponse(content, headers=self.headers)

    async def _what_is_held(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        found = self.held.get(request.url.path)
        return Response(status_code=404) if found is None else Response(found)

    async def _subscribe(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        self.subscriptions.append(await request.json())
        return JSONResponse(self._shown("sub-1"), status_code=201)

    async def _subscription(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        if request.method == "PATCH":
            self.changes.append(await request.json())
        return JSONResponse(self._shown(request.path_params["name"]))

    def _shown(self, subscription_id: str) -> dict[str, str]:
        is_polled = [one.get("delivery") for one in self.subscriptions] == ["poll"]
        delivery = "poll" if is_polled and not self.changes else "push"
        status = self.subscription_status
        return {"subscription_id": subscription_id, "status": status, "delivery": delivery}

    async def _verify(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        response = (await request.json())["response"]
        claims = self._signed_by_client(response, "throughcare-verification+jwt")
        self.verifications[request.path_params["name"]] = claims
        return Response(status_code=204)

    async def _take(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        statement = (await request.json())["acknowledgement"]
        claims = self._signed_by_client(statement, "throughcare-acknowledgement+jwt")
        self.acknowledgements[request.path_params["name"]] = claims
        return Response(status_code=204)
