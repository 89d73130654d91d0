"""An agency with a system of its own: nothing here is ours, joserfc and jwcrypto do the work.

It asks for tokens, opens what comes (jwcrypto), and signs what it says (joserfc). What comes is
held to our contract.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from jwcrypto.jwe import JWE  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jwk import JWK  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jws import JWS  # type: ignore[import-untyped] # it ships no types

from app.api.webhooks import POSTED, notice_model
from tests.notifications.mailroom import Box, Letter

EVENT = "urn:throughcare:event:"
VERIFICATION = "verification"
HEARTBEAT = "heartbeat"

# RSA keys are slow to make, and who holds which is not what these tests are about.
SEALING_KEY = RSAKey.generate_key(2048, private=True)


@cache
def opening_key(private: str) -> JWK:
    """A key to open with. Read once: it is checked each time, which takes longer than opening."""
    return JWK.from_json(private)


@dataclass(frozen=True)
class Notice:
    """One opened notification."""

    claims: Mapping[str, Any]
    headers: Mapping[str, Any]
    sealed: bytes

    @property
    def jti(self) -> str:
        return str(self.claims["jti"])

    @property
    def event_type(self) -> str:
        [name] = self.claims["events"]
        return str(name.removeprefix(EVENT))

    @property
    def event(self) -> dict[str, Any]:
        [event] = self.claims["events"].values()
        assert isinstance(event, dict)
        return event

    @property
    def reference(self) -> str:
        assert self.claims["sub_id"]["format"] == "opaque"
        return str(self.claims["sub_id"]["id"])

    @property
    def sequence(self) -> tuple[int, int]:
        return self.claims["seq"]["subscriber"], self.claims["seq"]["person"]


@dataclass
class Agency:
    """One agency with one client and one officer, as far as HTTP and post go."""

    agency_id: str
    issuer: str
    purpose: str
    legal_basis: str
    box: Box
    clock: Callable[[], datetime]
    http: httpx.Client
    signing_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", private=True))
    # The key that tokens are bound to need not be the one that says who we are.
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", private=True))
    sealing_key: RSAKey = field(default_factory=lambda: SEALING_KEY)
    client: str = "1"
    subscription_id: str = ""
    # What a prison stated for us in a test: consents, and cases that we took on.
    consents: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    _token: str = ""
    _token_at: datetime | None = None
    # What was opened once need not be opened again.
    _opened: dict[bytes, Notice] = field(default_factory=dict)
    _sender_keys: dict[str, JWK] = field(default_factory=dict)

    @property
    def client_id(self) -> str:
        return f"{self.agency_id}-{self.client}"

    @property
    def officer(self) -> str:
        return f"{self.agency_id}-officer"

    def jwks(self) -> dict[str, Any]:
        public = self.signing_key.as_dict(private=False)
        return {"keys": [{**public, "kid": self.signing_key.thumbprint()}]}

    def encryption_jwk(self) -> dict[str, Any]:
        public = SEALING_KEY.as_dict(private=False)
        return {**public, "kid": SEALING_KEY.thumbprint(), "use": "enc"}

    def sign(self, claims: Mapping[str, Any], typ: str, *, key: ECKey | None = None) -> str:
        """A JWS over claims, with our key or with another."""
        with_key = key or self.signing_key
        header = {"alg": "ES256", "typ": typ, "kid": with_key.thumbprint()}
        return jws.serialize_compact(
            header, json.dumps(claims).encode(), with_key, algorithms=["ES256"]
        )

    def statement(self, **claims: object) -> dict[str, Any]:
        """The members that every statement of ours has."""
        now = int(self.clock().timestamp())
        return {"iss": self.client_id, "aud": self.issuer, "iat": now, **claims}

    def token(self) -> str:
        """An access token; a new one as soon as time has passed."""
        now = self.clock()
        if self._token_at != now:
            self._token = self._new_token()
            self._token_at = now
        return self._token

    def _new_token(self) -> str:
        claims = self.statement(sub=self.client_id, jti=secrets.token_hex(8))
        details = {
            "type": "inmate-file",
            "officer": self.officer,
            "purpose": self.purpose,
            "legal_basis": self.legal_basis,
        }
        endpoint = f"{self.issuer}/oauth2/token"
        answer = self.http.post(
            endpoint,
            headers=self.proven("POST", endpoint),
            data={
                "grant_type": "client_credentials",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": self.sign({**claims, "exp": claims["iat"] + 60}, "JWT"),
                "authorization_details": json.dumps([details]),
            },
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,  # noqa: ANN401 - JSON
        **headers: str,
    ) -> httpx.Response:
        """A request with our token, whatever is answered."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        address = f"{self.issuer}{path}"
        given |= self.credentials(method, address)
        return self.http.request(method, address, json=body, headers=given)

    def credentials(self, method: str, address: str) -> dict[str, str]:
        """What shows who asks."""
        token = self.token()
        return {"Authorization": f"DPoP {token}", **self.proven(method, address, token)}

    def proven(self, method: str, address: str, token: str | None = None) -> dict[str, str]:
        """What shows that the key of a token is ours."""
        return {"DPoP": self.proof(method, address, token)}

    def proof(self, method: str, address: str, token: str | None = None) -> str:
        """A proof of possession for one request (RFC 9449)."""
        claims = {
            "jti": secrets.token_hex(8),
            "htm": method,
            "htu": address,
            "iat": int(self.clock().timestamp()),
        }
        if token is not None:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self.key.as_dict(private=False)}
        return jws.serialize_compact(
            header, json.dumps(claims).encode(), self.key, algorithms=["ES256"]
        )

    def subscribe(self, *, endpoint: str | None = None) -> str:
        """Ask for notifications; the handshake is still to be answered."""
        body = {"endpoint": endpoint or self.box.url, "encryption_jwk": self.encryption_jwk()}
        answer = self.call("POST", "/v1/subscriptions", body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["status"] == "pending"
        self.subscription_id = answer.json()["subscription_id"]
        return self.subscription_id

    def subscribe_to_inbox(self) -> str:
        """Ask for notifications that we poll, and prove our key."""
        body = {"delivery": "poll", "encryption_jwk": self.encryption_jwk()}
        answer = self.call("POST", "/v1/subscriptions", body)
        assert answer.status_code == 201, answer.text
        self.subscription_id = answer.json()["subscription_id"]
        [verification] = self.poll()
        assert self.answer_handshake(verification.event["nonce"]).status_code == 204
        return self.subscription_id

    def ask_inbox(self, *read: str, most: int = 50, **members: object) -> httpx.Response:
        """A poll that does not wait; `read` is confirmed with it."""
        body = {"maxEvents": most, "returnImmediately": True, "ack": list(read), **members}
        subscription = {"subscription_id": self.subscription_id}
        return self.call("POST", "/v1/inbox/poll", {**subscription, **body})

    def poll(self, *read: str, most: int = 50, **members: object) -> list[Notice]:
        """What such a poll brings, opened, in the order of its numbers."""
        answer = self.ask_inbox(*read, most=most, **members)
        assert answer.status_code == 200, answer.text
        notices = [self.opened_from(sealed) for sealed in answer.json()["sets"].values()]
        return sorted(notices, key=lambda one: one.claims.get("seq", {}).get("subscriber", 0))

    def opened_from(self, sealed: str) -> Notice:
        """What was polled, opened."""
        return self.open(Letter(sealed.encode(), {"content-type": "application/jose"}))

    def shown(self) -> dict[str, Any]:
        """Our subscription as the service shows it."""
        answer = self.call("GET", f"/v1/subscriptions/{self.subscription_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def change(self, **members: object) -> httpx.Response:
        """Change our subscription."""
        return self.call("PATCH", f"/v1/subscriptions/{self.subscription_id}", members)

    def replay(self, since: int, **members: object) -> int:
        """Ask for everything after a number again; how many."""
        path = f"/v1/subscriptions/{self.subscription_id}/replay"
        answer = self.call("POST", path, {"since": since, **members})
        assert answer.status_code == 202, answer.text
        return int(answer.json()["replayed"])

    def listed(self, status: str) -> list[dict[str, Any]]:
        """Our deliveries of a status."""
        path = f"/v1/subscriptions/{self.subscription_id}/deliveries?status={status}"
        return list(self.call("GET", path).json()["deliveries"])

    def answer_handshake(
        self,
        nonce: str,
        *,
        subscription_id: str | None = None,
        key: ECKey | None = None,
        **claims: object,
    ) -> httpx.Response:
        """Give a nonce back, signed; or something that is wrong."""
        told = {"subscription_id": self.subscription_id, "nonce": nonce, **claims}
        response = self.sign(self.statement(**told), "throughcare-verification+jwt", key=key)
        path = f"/v1/subscriptions/{subscription_id or self.subscription_id}/verification"
        return self.call("POST", path, {"response": response})

    def acknowledge(
        self, jti: str, kind: str = "accepted", *, key: ECKey | None = None, **claims: object
    ) -> httpx.Response:
        """Our signed word on a notification; or something that is wrong."""
        told = self.statement(**{"jti": jti, "kind": kind, **claims})
        signed = self.sign(told, "throughcare-acknowledgement+jwt", key=key)
        path = f"/v1/notifications/{jti}/acknowledgement"
        return self.call("POST", path, {"acknowledgement": signed})

    @staticmethod
    def kid(letter: Letter) -> str:
        """The key that a letter is sealed to, as it says."""
        header = letter.body.partition(b".")[0]
        return str(json.loads(base64.urlsafe_b64decode(header + b"=="))["kid"])

    def opened(self) -> list[Notice]:
        """All that has come, in the order in which it came."""
        return [self.open(letter) for letter in list(self.box.letters)]

    def nonces(self) -> list[str]:
        return [n.event["nonce"] for n in self.opened() if n.event_type == VERIFICATION]

    def notices(self) -> list[Notice]:
        """The notices among it."""
        greetings = (VERIFICATION, HEARTBEAT)
        return [notice for notice in self.opened() if notice.event_type not in greetings]

    def heartbeats(self) -> list[Notice]:
        """The heartbeats among it."""
        return [notice for notice in self.opened() if notice.event_type == HEARTBEAT]

    def told(self) -> list[str]:
        """The types of the notices."""
        return [notice.event_type for notice in self.notices()]

    def open(self, letter: Letter) -> Notice:
        """What a letter says."""
        if letter.body not in self._opened:
            self._opened[letter.body] = self._open(letter)
        return self._opened[letter.body]

    def _open(self, letter: Letter) -> Notice:
        """Unseal and verify with jwcrypto; hold the envelope to what was agreed."""
        token = JWE(algs=["RSA-OAEP-256", "A256GCM"])
        token.deserialize(
            letter.body.decode(), opening_key(json.dumps(self.sealing_key.as_dict(private=True)))
        )
        outer = json.loads(token.objects["protected"])
        assert outer == {
            "alg": "RSA-OAEP-256",
            "enc": "A256GCM",
            "cty": "JWT",
            "kid": self.sealing_key.thumbprint(),
        }
        assert letter.headers["content-type"] == "application/jose"
        signed = JWS()
        signed.allowed_algs = ["ES256"]
        signed.deserialize(token.payload.decode())
        header = json.loads(signed.objects["protected"])
        signed.verify(self._sender_key(header["kid"]))
        claims = json.loads(signed.payload)
        assert (claims["iss"], claims["aud"]) == (self.issuer, self.client_id)
        _hold_to_contract(claims["events"])
        return Notice(claims=claims, headers=header, sealed=letter.body)

    def _sender_key(self, kid: str) -> JWK:
        if kid not in self._sender_keys:
            keys = self.http.get(f"{self.issuer}/.well-known/jwks.json").json()["keys"]
            self._sender_keys = {one["kid"]: JWK(**one) for one in keys}
        return self._sender_keys[kid]


def _hold_to_contract(events: Mapping[str, Any]) -> None:
    """A recipient that reads strictly what the contract says can read them."""
    for name, event in events.items():
        posted = name.removeprefix(EVENT)
        if posted in POSTED:
            notice_model(posted).model_validate_json(json.dumps(event))
