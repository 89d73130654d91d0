"""Makes the published test vectors anew: `python -m tests.throughcare_receiver.make_vectors`.

Every message is put together by hand, below any JOSE library, so that each part of it can be
made wrong; nothing here is the library's. What the log signs is made with the server's own
code. The keys are drawn anew each time, and kept in the vectors where a reader needs them.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from app.access_log import merkle
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.note import Verifier, sign_note
from app.access_log.receipt import Receipt, from_header, sign_receipt, to_header
from app.crypto.log_signing import LogSigningKey

FOLDER = Path(__file__).parent.parent.parent / "throughcare_receiver" / "vectors"
TEST_ONLY = "TEST ONLY: these keys are published. They protect nothing and must never be used."

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SECOND = int(NOW.timestamp())
ISSUER = "https://exchange.example"
CLIENT = "welfare-centre-1"
ORIGIN = "exchange.example/log"
EVENT = "urn:throughcare:event:"
SMALLEST_CLASS, NEXT_CLASS = 2_048, 4_096

Case = dict[str, Any]

CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": CLIENT,
    "iat": SECOND - 2,
    "jti": "0f0e0d0c0b0a09080706050403020100",
    "txn": "101112131415161718191a1b1c1d1e1f",
    "sub_id": {"format": "opaque", "id": "202122232425262728292a2b2c2d2e2f"},
    "events": {
        EVENT + "release_planned": {
            "milestones": ["T-90"],
            "priority": "routine",
            "released": {"release": {"planned_release_date": {"value": "2027-01-31"}}},
        }
    },
    "seq": {"subscriber": 7, "person": 2},
}
VERIFICATION: dict[str, Any] = {
    **{name: value for name, value in CLAIMS.items() if name not in ("sub_id", "seq")},
    "events": {EVENT + "verification": {"subscription_id": "sub-1", "nonce": "bm9uY2U"}},
}
HEARTBEAT: dict[str, Any] = {
    **VERIFICATION,
    "events": {EVENT + "heartbeat": {"subscription_id": "sub-1", "last_sequence": 7}},
}
OUTER = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"}
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def standard(data: bytes) -> str:
    return base64.b64encode(data).decode()


def as_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def without(members: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in names}


def padded(claims: Mapping[str, Any], size: int) -> dict[str, Any]:
    """The claims with zeros that bring their token to this size class, as the service does."""
    header = {"alg": "ES256", "typ": "secevent+jwt", "kid": "x" * 43}
    around = len(encoded(as_json(header))) + len(encoded(bytes(64))) + len("..")
    room = (size - around) * 3 // 4 - len(as_json(claims)) - len(',"pad":""')
    return {**claims, "pad": "0" * room}


class Keys:
    """All keys of the vectors."""

    def __init__(self) -> None:
        self.agency = RSAKey.generate_key(2048, private=True)
        self.agency_new = RSAKey.generate_key(2048, private=True)
        self.stranger_rsa = RSAKey.generate_key(2048, private=True)
        self.agency_signing = ECKey.generate_key("P-256", private=True)
        self.sender = ECKey.generate_key("P-256", private=True)
        self.sender_new = ECKey.generate_key("P-256", private=True)
        self.stranger = ECKey.generate_key("P-256", private=True)
        self.log = LogSigningKey.from_seed(os.urandom(32))

    @property
    def vkey(self) -> str:
        return Verifier.of(ORIGIN, self.log).to_vkey()

    def published(self) -> dict[str, Any]:
        return {
            "warning": TEST_ONLY,
            "issuer": ISSUER,
            "client_id": CLIENT,
            "decryption_keys": [_jwk(key, use="enc") for key in (self.agency, self.agency_new)],
            "signing_key": _jwk(self.agency_signing, use="sig"),
            "sender_jwks": {
                "keys": [
                    _jwk(key, use="sig", private=False) for key in (self.sender, self.sender_new)
                ]
            },
            "log": self.vkey,
        }


def _jwk(key: RSAKey | ECKey, *, use: str, private: bool = True) -> dict[str, Any]:
    alg = {"enc": "RSA-OAEP-256", "sig": "ES256"}[use]
    return {**key.as_dict(private=private), "kid": key.thumbprint(), "use": use, "alg": alg}


@dataclass
class Workshop:
    """Signs and seals, right or wrong."""

    keys: Keys

    @cached_property
    def inner(self) -> dict[str, Any]:
        return {"alg": "ES256", "typ": "secevent+jwt", "kid": self.keys.sender.thumbprint()}

    @cached_property
    def outer(self) -> dict[str, Any]:
        return {**OUTER, "kid": self.keys.agency.thumbprint()}

    def sign(
        self,
        claims: Mapping[str, Any] | bytes,
        header: Mapping[str, Any] | None = None,
        *,
        key: ECKey | None = None,
    ) -> str:
        """A token under any header at all, with a real ES256 signature."""
        payload = claims if isinstance(claims, bytes) else as_json(claims)
        parts = f"{encoded(as_json(header or self.inner))}.{encoded(payload)}"
        # joserfc signs under a header that it accepts; only the signature is wanted.
        real = jws.JWSRegistry.algorithms["ES256"].sign(parts.encode(), key or self.keys.sender)
        return f"{parts}.{encoded(real)}"

    def seal(
        self,
        token: str,
        header: Mapping[str, Any] | bytes | None = None,
        *,
        key: RSAKey | None = None,
    ) -> str:
        """A message under any header at all, sealed with the agreed pair."""
        written = header if isinstance(header, bytes) else as_json(header or self.outer)
        protected, content_key, nonce = encoded(written), os.urandom(32), os.urandom(12)
        sealed = AESGCM(content_key).encrypt(nonce, token.encode(), protected.encode())
        wrapped = (key or self.keys.agency).public_key.encrypt(content_key, OAEP)
        parts = (wrapped, nonce, sealed[:-16], sealed[-16:])
        return ".".join([protected, *map(encoded, parts)])

    def notice(self, claims: Mapping[str, Any], *, size: int = SMALLEST_CLASS) -> str:
        return self.seal(self.sign(padded(claims, size)))


def told(claims: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader has to find in a notification."""
    [(name, event)] = claims["events"].items()
    return {
        "jti": claims["jti"],
        "txn": claims["txn"],
        "issued_at": claims["iat"],
        "reference": claims.get("sub_id", {}).get("id"),
        "event_type": name.removeprefix(EVENT),
        "event": event,
        "sequence": claims.get("seq"),
    }


def good(name: str, why: str, sealed: str, claims: Mapping[str, Any]) -> Case:
    return {"name": name, "why": why, "sealed": sealed, "opens": told(claims)}


def bad(name: str, why: str, sealed: str, error: str, code: str, **more: str) -> Case:
    return {
        "name": name,
        "why": why,
        "sealed": sealed,
        "refused": {"error": error, "code": code, **more},
    }


def opening(shop: Workshop) -> Iterator[Case]:
    """What must open."""
    keys = shop.keys
    yield good("notice", "a release notice", shop.notice(CLAIMS), CLAIMS)
    by_new = {**shop.inner, "kid": keys.sender_new.thumbprint()}
    token = shop.sign(padded(CLAIMS, SMALLEST_CLASS), by_new, key=keys.sender_new)
    yield good("sender-rotates", "signed with the sender's second key", shop.seal(token), CLAIMS)
    to_new = {**shop.outer, "kid": keys.agency_new.thumbprint()}
    token = shop.sign(padded(CLAIMS, SMALLEST_CLASS))
    yield good(
        "recipient-rotates",
        "sealed to the recipient's second key",
        shop.seal(token, to_new, key=keys.agency_new),
        CLAIMS,
    )
    yield good(
        "handshake", "a verification is about nobody", shop.notice(VERIFICATION), VERIFICATION
    )
    yield good("heartbeat", "a heartbeat is about nobody", shop.notice(HEARTBEAT), HEARTBEAT)
    more = {**CLAIMS, "toe": 1}
    yield good("unknown-claim", "a claim of tomorrow is left alone", shop.notice(more), CLAIMS)
    other = {**CLAIMS, "events": {EVENT + "released": {"place": "Gjilan, Prishtinë, Подгорица"}}}
    yield good("not-ascii", "texts are UTF-8", shop.notice(other), other)
    yield good(
        "next-size-class",
        "more padding, the same content",
        shop.notice(CLAIMS, size=NEXT_CLASS),
        CLAIMS,
    )
    ahead = {**CLAIMS, "iat": SECOND + 299}
    yield good("lagging-clock", "our clock may lag five minutes", shop.notice(ahead), ahead)


def envelopes(shop: Workshop) -> Iterator[Case]:
    """What must be refused before a key is used, or does not open."""
    token = shop.sign(CLAIMS)
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("rsa-oaep-sha1", "another key encryption", {"alg": "RSA-OAEP"}),
        ("rsa1-5", "another key encryption, long broken", {"alg": "RSA1_5"}),
        ("dir", "no key encryption", {"alg": "dir"}),
        ("a128gcm", "another content encryption", {"enc": "A128GCM"}),
        ("a256cbc-hs512", "another content encryption", {"enc": "A256CBC-HS512"}),
        ("zip", "compressed", {"zip": "DEF"}),
        ("outer-crit", "demands an extension", {"crit": ["exp"], "exp": SECOND}),
        ("outer-jku", "names where keys are", {"jku": "https://keys.example/jwks.json"}),
        ("outer-x5u", "names where a certificate is", {"x5u": "https://keys.example/c.pem"}),
        ("outer-x5c", "brings a certificate", {"x5c": ["AAAA"]}),
        ("outer-jwk", "brings a key", {"jwk": {"kty": "oct", "k": "AAAA"}}),
        ("outer-typ", "has a member that was not agreed", {"typ": "JOSE"}),
        ("other-content", "holds no token", {"cty": "text/plain"}),
    ]
    for name, why, change in changes:
        sealed = shop.seal(token, {**shop.outer, **change})
        yield bad(name, why, sealed, "EnvelopeRefused", "invalid_key")
    for member in ("alg", "enc", "cty", "kid"):
        sealed = shop.seal(token, without(shop.outer, member))
        why = f"the header lacks {member}"
        yield bad(f"no-outer-{member}", why, sealed, "EnvelopeRefused", "invalid_key")
    twice = b'{"alg":"dir",' + as_json(shop.outer)[1:]
    malformed = [
        ("outer-twice", "a member of the header stands twice", shop.seal(token, twice)),
        ("outer-no-json", "the header is no JSON", shop.seal(token, b"{")),
        ("not-sealed", "a token that nobody sealed", token),
        ("padded-base64", "base64url with its padding", shop.seal(token) + "=="),
        ("empty", "nothing at all", ""),
    ]
    for name, why, sealed in malformed:
        yield bad(name, why, sealed, "EnvelopeRefused", "invalid_key")
    yield from unopened(shop, token)


def unopened(shop: Workshop, token: str) -> Iterator[Case]:
    """Of the agreed form, and not to be opened."""
    stranger = shop.keys.stranger_rsa
    named = {**shop.outer, "kid": stranger.thumbprint()}
    yield bad(
        "other-recipient",
        "sealed to a key that is not ours",
        shop.seal(token, named, key=stranger),
        "UnknownRecipientKey",
        "invalid_key",
    )
    yield bad(
        "lying-kid",
        "sealed to another key under the name of ours",
        shop.seal(token, key=stranger),
        "NotOpened",
        "invalid_key",
    )
    for place, part in enumerate(("encrypted key", "nonce", "ciphertext", "tag"), start=1):
        segments = shop.seal(token).split(".")
        segments[place] = ("B" if segments[place][0] == "A" else "A") + segments[place][1:]
        name = f"altered-{part.replace(' ', '-')}"
        yield bad(name, f"one bit of the {part}", ".".join(segments), "NotOpened", "invalid_key")
    segments = shop.seal(token).split(".")
    segments[4] = encoded(base64.urlsafe_b64decode(segments[4] + "==")[:12])
    yield bad("short-tag", "the tag is cut", ".".join(segments), "NotOpened", "invalid_key")


def signatures(shop: Workshop) -> Iterator[Case]:
    """What opens and is not the sender's."""
    keys, refused = shop.keys, ("SignatureRefused", "authentication_failed")
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("none", "says that it is not signed", {"alg": "none"}),
        ("es384", "another algorithm", {"alg": "ES384"}),
        ("access-token", "a token for something else", {"typ": "at+jwt"}),
        (
            "acknowledgement",
            "a token for something else",
            {"typ": "throughcare-acknowledgement+jwt"},
        ),
        ("inner-crit", "demands an extension", {"crit": ["b64"], "b64": False}),
        ("inner-jku", "names where keys are", {"jku": "https://keys.example/jwks.json"}),
        ("inner-x5u", "names where a certificate is", {"x5u": "https://keys.example/c.pem"}),
        ("inner-jwk", "brings its own key", {"jwk": keys.stranger.as_dict(private=False)}),
        ("inner-cty", "has a member that was not agreed", {"cty": "JWT"}),
    ]
    for name, why, change in changes:
        token = shop.sign(CLAIMS, {**shop.inner, **change})
        yield bad(name, why, shop.seal(token), *refused)
    for member in ("alg", "typ", "kid"):
        token = shop.sign(CLAIMS, without(shop.inner, member))
        yield bad(f"no-inner-{member}", f"the header lacks {member}", shop.seal(token), *refused)
    made: dict[str, tuple[str, Callable[[], str]]] = {
        "unsigned": ("the signature is empty", lambda: shop.sign(CLAIMS).rpartition(".")[0] + "."),
        "shared-secret": ("the public key as the secret of an HMAC", lambda: _by_hmac(shop)),
        "lying-sender": (
            "a stranger's signature under the sender's kid",
            lambda: shop.sign(CLAIMS, key=keys.stranger),
        ),
        "altered-claims": ("other claims than were signed", lambda: _altered(shop)),
        "cut-signature": ("a byte of the signature is missing", lambda: _cut(shop)),
        "no-token": ("something else was sealed", lambda: as_json(CLAIMS).decode()),
        "claims-twice": (
            "a claim stands twice",
            lambda: shop.sign(b'{"aud":"police-1",' + as_json(CLAIMS)[1:]),
        ),
        "claims-no-json": ("the claims are no JSON", lambda: shop.sign(b"[")),
    }
    for name, (why, make) in made.items():
        yield bad(name, why, shop.seal(make()), *refused)
    stranger = {**shop.inner, "kid": keys.stranger.thumbprint()}
    yield bad(
        "unknown-sender",
        "signed with a key that is not the sender's",
        shop.seal(shop.sign(CLAIMS, stranger, key=keys.stranger)),
        "UnknownSenderKey",
        "invalid_key",
    )


def _by_hmac(shop: Workshop) -> str:
    parts = shop.sign(CLAIMS, {**shop.inner, "alg": "HS256"}).rpartition(".")[0]
    secret = shop.keys.sender.as_pem(private=False)
    return f"{parts}.{encoded(hmac.digest(secret, parts.encode(), 'sha256'))}"


def _altered(shop: Workshop) -> str:
    header, _, signature = shop.sign(CLAIMS).split(".")
    return f"{header}.{encoded(as_json({**CLAIMS, 'txn': 'other'}))}.{signature}"


def _cut(shop: Workshop) -> str:
    parts, _, signature = shop.sign(CLAIMS).rpartition(".")
    return f"{parts}.{encoded(base64.urlsafe_b64decode(signature + '==')[:-1])}"


def claims(shop: Workshop) -> Iterator[Case]:
    """What the sender signed and must not have said so."""
    for member in ("iss", "aud", "iat", "jti", "txn", "sub_id", "events", "seq"):
        yield claim(shop, f"no-{member}", "is missing", member, without(CLAIMS, member))
    event: dict[str, Any] = {"released": {}}
    wrong: list[tuple[str, str, str, object]] = [
        ("other-issuer", "another service", "iss", "https://other.example"),
        ("issuer-with-slash", "compared character by character", "iss", f"{ISSUER}/"),
        ("other-audience", "for another agency", "aud", "welfare-centre-2"),
        ("several-audiences", "for us and others", "aud", [CLIENT, "welfare-centre-2"]),
        ("expires", "a fact does not expire", "exp", SECOND + 60),
        ("from-the-future", "more than five minutes ahead", "iat", SECOND + 301),
        ("time-as-text", "a time is a number", "iat", str(SECOND)),
        ("time-in-parts", "a time is in whole seconds", "iat", SECOND + 0.5),
        ("time-as-truth", "true is no number", "iat", True),
        ("jti-as-path", "an id becomes part of addresses", "jti", "../../admin"),
        ("jti-as-number", "an id is text", "jti", 7),
        ("empty-txn", "a text is not empty", "txn", ""),
        ("subject-by-mail", "no other kind of subject", "sub_id",
         {"format": "email", "email": "a@agency.example"}),
        ("subject-with-name", "a subject has nothing else", "sub_id",
         {"format": "opaque", "id": "ref-1", "name": "x"}),
        ("no-event", "nothing happened", "events", {}),
        ("two-events", "exactly one event", "events",
         {EVENT + "released": event, EVENT + "escaped": event}),
        ("foreign-event", "an event of somebody else", "events",
         {"https://other.example/event": event}),
        ("event-as-text", "an event is an object", "events", {EVENT + "released": "today"}),
        ("sequence-as-number", "two numbers are agreed", "seq", 7),
        ("negative-sequence", "a sequence counts up", "seq", {"subscriber": 7, "person": -1}),
        ("sequence-as-truth", "true is no number", "seq", {"subscriber": 7, "person": True}),
        ("more-sequences", "two numbers are agreed", "seq",
         {"subscriber": 7, "person": 1, "agency": 1}),
    ]  # fmt: skip
    for name, why, member, value in wrong:
        yield claim(shop, name, why, member, {**CLAIMS, member: value})
    nonce = {EVENT + "verification": {"nonce": "bm9uY2U"}}
    yield claim(
        shop,
        "handshake-without-subscription",
        "names no subscription",
        "events",
        {**VERIFICATION, "events": nonce},
    )
    for member in ("sub_id", "seq"):
        yield claim(
            shop,
            f"handshake-with-{member}",
            "a verification is about nobody",
            member,
            {**VERIFICATION, member: CLAIMS[member]},
        )
        yield claim(
            shop,
            f"heartbeat-with-{member}",
            "a heartbeat is about nobody",
            member,
            {**HEARTBEAT, member: CLAIMS[member]},
        )
    silent = {EVENT + "heartbeat": {"subscription_id": "sub-1"}}
    yield claim(
        shop,
        "heartbeat-without-number",
        "names no last number",
        "events",
        {**HEARTBEAT, "events": silent},
    )


def claim(shop: Workshop, name: str, why: str, member: str, said: Mapping[str, Any]) -> Case:
    codes = {"iss": "invalid_issuer", "aud": "invalid_audience"}
    code = codes.get(member, "invalid_request")
    sealed = shop.seal(shop.sign(said))
    return bad(f"claim-{name}", f"{member}: {why}", sealed, "ClaimRefused", code, claim=member)


def notifications(keys: Keys) -> dict[str, Any]:
    shop = Workshop(keys)
    cases = [*opening(shop), *envelopes(shop), *signatures(shop), *claims(shop)]
    return {"now": SECOND, "cases": cases}


def statements(keys: Keys) -> dict[str, Any]:
    """What an agency signs."""
    shared = {"iss": CLIENT, "aud": ISSUER, "iat": SECOND}
    kinds = ("accepted", "accepted_not_ready", "not_competent", "need_more_detail")
    told_of: list[tuple[str, str, dict[str, Any]]] = [
        (kind, "throughcare-acknowledgement+jwt", {"jti": CLAIMS["jti"], "kind": kind})
        for kind in kinds
    ]
    [verification] = VERIFICATION["events"].values()
    told_of.append(("handshake", "throughcare-verification+jwt", verification))
    kid = keys.agency_signing.thumbprint()
    cases = []
    for name, typ, members in told_of:
        header, said = {"alg": "ES256", "typ": typ, "kid": kid}, {**shared, **members}
        token = Workshop(keys).sign(said, header, key=keys.agency_signing)
        cases.append({"name": name, "header": header, "claims": said, "token": token})
    return {"now": SECOND, "cases": cases}


def order() -> dict[str, Any]:
    """What came, in which order, and what has to be told about it; ranges as [first, last]."""
    none: list[int] = []

    def came(jti: str, about: str, place: tuple[int, int], *expected: object) -> Case:
        is_new, skipped, skipped_about, is_late = expected
        return {
            "jti": jti,
            "reference": about,
            "sequence": {"subscriber": place[0], "person": place[1]},
            "is_new": is_new,
            "skipped": skipped,
            "skipped_about_person": skipped_about,
            "is_late": is_late,
        }

    return {
        "cases": [
            {
                "name": "in-order",
                "arrivals": [
                    came("a", "p", (1, 1), True, none, none, False),
                    came("b", "q", (2, 1), True, none, none, False),
                    came("c", "p", (3, 2), True, none, none, False),
                ],
                "gaps": {"of_subscription": [], "about_person": {}},
            },
            {
                "name": "repeated",
                "arrivals": [
                    came("a", "p", (1, 1), True, none, none, False),
                    came("a", "p", (1, 1), False, none, none, False),
                ],
                "gaps": {"of_subscription": [], "about_person": {}},
            },
            {
                "name": "people-may-overtake-each-other",
                "arrivals": [
                    came("b", "q", (2, 1), True, [1, 1], none, False),
                    came("a", "p", (1, 1), True, none, none, False),
                ],
                "gaps": {"of_subscription": [], "about_person": {}},
            },
            {
                "name": "late-and-missing",
                "arrivals": [
                    came("a", "p", (1, 1), True, none, none, False),
                    came("e", "p", (5, 4), True, [2, 4], [2, 3], False),
                    came("c", "p", (3, 2), True, none, none, True),
                ],
                "gaps": {"of_subscription": [[2, 2], [4, 4]], "about_person": {"p": [[3, 3]]}},
            },
        ]
    }


def inclusion(keys: Keys) -> dict[str, Any]:
    """Proofs that an entry is in the log."""
    entries = [f"entry {number}".encode() for number in range(11)]
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    root = merkle.root(leaves)
    note = sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root), keys.log)
    checkpoint = {"origin": ORIGIN, "size": len(leaves), "root": standard(root)}

    def proof(index: int, path: list[bytes], signed: str = note, extra: str = "") -> str:
        hashes_ = "".join(f"{standard(node)}\n" for node in path)
        return f"c2sp.org/tlog-proof@v1\n{extra}index {index}\n{hashes_}\n{signed}"

    paths = [list(merkle.inclusion_proof(leaves, index)) for index in range(len(leaves))]
    leaf = leaves[4].hex()
    cases: list[Case] = [
        {
            "name": f"entry-{index}",
            "proof": proof(index, paths[index]),
            "leaf_hash": leaves[index].hex(),
            "checkpoint": checkpoint,
        }
        for index in (0, 4, 7, 10)
    ]
    extra = "extra YW55dGhpbmc=\n"
    cases.append(
        {"name": "extra", "proof": proof(4, paths[4], extra=extra), "leaf_hash": leaf,
         "checkpoint": checkpoint}
    )  # fmt: skip
    strangers = LogSigningKey.from_seed(bytes(32))
    # The log changes its key: another one signs beside it.
    two = replace(keys.log, successor=strangers)
    by_both = sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root), two)
    cases.append(
        {"name": "two-keys", "proof": proof(4, paths[4], by_both), "leaf_hash": leaf,
         "checkpoint": checkpoint}
    )  # fmt: skip
    by_stranger = sign_checkpoint(Checkpoint(ORIGIN, len(leaves), root), strangers)
    of_other = sign_note(
        Checkpoint("other.example/log", len(leaves), root).to_text(), name=ORIGIN, key=keys.log
    )
    grown = note.replace(f"\n{len(leaves)}\n", "\n12\n")
    refused: list[tuple[str, str, str, str]] = [
        ("other-entry", leaves[5].hex(), proof(4, paths[4]), "InclusionRefused"),
        ("other-place", leaf, proof(5, paths[4]), "InclusionRefused"),
        ("outside", leaf, proof(11, paths[4]), "InclusionRefused"),
        ("too-short", leaf, proof(4, paths[4][:-1]), "InclusionRefused"),
        ("too-long", leaf, proof(4, [*paths[4], root]), "InclusionRefused"),
        ("other-form", leaf, proof(4, paths[4]).replace("@v1", "@v2"), "InclusionRefused"),
        ("no-index", leaf, proof(4, paths[4]).replace("index 4\n", ""), "InclusionRefused"),
        ("leading-zero", leaf, proof(4, paths[4]).replace("index 4", "index 04"), "NoteRefused"),
        ("short-hash", leaf, proof(4, [b"x" * 31]), "NoteRefused"),
        ("stranger", leaf, proof(4, paths[4], by_stranger), "NoteRefused"),
        ("other-log", leaf, proof(4, paths[4], of_other), "NoteRefused"),
        ("altered-size", leaf, proof(4, paths[4], grown), "NoteRefused"),
        ("not-signed", leaf, proof(4, paths[4], note.rpartition("\n\n")[0] + "\n"), "NoteRefused"),
    ]
    cases += [
        {"name": name, "proof": text, "leaf_hash": which, "refused": error}
        for name, which, text, error in refused
    ]
    return {"log": keys.vkey, "cases": cases}


BODY = as_json({"reference": "ref-1", "released": {"release": {"planned_release_date": {}}}})
ENTRY = "000102030405060708090a0b0c0d0e0f"
DUE = NOW + timedelta(hours=1)
SECTIONS: dict[str, Any] = {
    "circumstances": {
        "time": "2026-11-02T09:00:00.000000Z",
        "operation": "disclosure",
        "channel": "read",
        "outcome": "released",
    },
    "actor": {"agency": "welfare-centre", "client": CLIENT, "officer": "officer-17"},
    "reference": {"reference": "ref-1"},
    "grounds": {"purpose": "resettlement", "legal_basis": "xk-law-1"},
    "fields": {"released": [{"field": "release.planned_release_date", "form": "full"}]},
    "payload": {
        "media_type": "application/json",
        "length": len(BODY),
        "sha256": hashlib.sha256(BODY).hexdigest(),
    },
}
DISCLOSED = {
    "client_id": CLIENT,
    "reference": "ref-1",
    "purpose": "resettlement",
    "body": standard(BODY),
    "released": ["release.planned_release_date"],
}


@dataclass
class Office:
    """Writes entries and signs receipts for them, right or wrong."""

    log: LogSigningKey

    def entry(
        self,
        sections: Mapping[str, Any] = SECTIONS,
        *,
        opened: Mapping[str, Any] | None = None,
        hidden: tuple[str, ...] = ("subject",),
        **of_leaf: object,
    ) -> dict[str, Any]:
        """An entry as its recipient sees it; it also commits to a subject that is not shown."""
        held = {**sections, "subject": {"person": "p-1"}}
        salts = {name: os.urandom(32) for name in held}
        commitments = {
            name: standard(hmac.digest(salts[name], as_json(content), "sha256"))
            for name, content in sorted(held.items())
        }
        leaf = {"commitments": commitments, "id": ENTRY, "origin": ORIGIN, "version": 1, **of_leaf}
        shown = {**held, **(opened or {})}
        return {
            "entry": ENTRY,
            "leaf": as_json(leaf).decode(),
            "openings": {
                name: {"content": as_json(shown[name]).decode(), "salt": standard(salt)}
                for name, salt in salts.items()
                if name not in hidden
            },
        }

    def receipt(self, entry: Mapping[str, Any], *, body: bytes = BODY, due: datetime = DUE) -> str:
        """The server's own receipt for an entry."""
        receipt = Receipt(
            origin=ORIGIN,
            entry_id=ENTRY,
            leaf_hash=merkle.leaf_hash(entry["leaf"].encode()),
            body_sha256=hashlib.sha256(body).digest(),
            expected_by=due,
        )
        return to_header(sign_receipt(receipt, self.log))


def receipts(keys: Keys) -> dict[str, Any]:
    """Receipts of one disclosure, and what the log shows of its entry."""
    office, stranger = Office(keys.log), Office(LogSigningKey.from_seed(bytes(32)))
    right = office.entry()
    header = office.receipt(right)
    circumstances = {**SECTIONS["circumstances"], "channel": "push", "outcome": "attempted"}
    pushed = office.entry({**SECTIONS, "circumstances": circumstances})
    note = from_header(header)

    def holds(entry: Mapping[str, Any]) -> dict[str, Any]:
        leaf_hash = merkle.leaf_hash(entry["leaf"].encode()).hex()
        return {"entry_id": ENTRY, "leaf_hash": leaf_hash, "due_at": int(DUE.timestamp())}

    under_own_name = sign_note(note.rpartition("\n\n")[0] + "\n", name=ORIGIN, key=keys.log)

    def signed(text: str) -> str:
        return to_header(sign_note(text, name=f"{ORIGIN}/receipts", key=keys.log))

    text = note.rpartition("\n\n")[0] + "\n"
    headers: list[tuple[str, str, str]] = [
        ("other-body", office.receipt(right, body=b"{}"), "ReceiptRefused"),
        ("passed", office.receipt(right, due=NOW - timedelta(seconds=301)), "ReceiptRefused"),
        ("endless", office.receipt(right, due=NOW + timedelta(days=2)), "ReceiptRefused"),
        ("stranger", stranger.receipt(right), "NoteRefused"),
        ("name-of-the-log", to_header(under_own_name), "NoteRefused"),
        ("altered", to_header(note.replace("09:00", "09:01").replace("10:00", "10:01")),
         "NoteRefused"),
        ("other-version", signed(text.replace("v1", "v2")), "ReceiptRefused"),
        ("other-log", signed(text.replace(ORIGIN, "other.example/log")), "ReceiptRefused"),
        ("more-lines", signed(text + "more\n"), "ReceiptRefused"),
        ("other-id", signed(text.replace(ENTRY, "1")), "ReceiptRefused"),
        ("other-time", signed(text.replace("Z\n", "+00:00\n")), "ReceiptRefused"),
        ("no-base64url", header + "=", "ReceiptRefused"),
        ("nothing", "", "NoteRefused"),
    ]  # fmt: skip

    def changed(section: str, **members: object) -> dict[str, Any]:
        return office.entry({**SECTIONS, section: {**SECTIONS[section], **members}})

    entries: list[tuple[str, dict[str, Any]]] = [
        ("entry-of-other-body", changed("payload", sha256="0" * 64)),
        ("entry-of-other-length", changed("payload", length=1)),
        ("entry-of-other-client", changed("actor", client="police-1")),
        ("entry-of-other-person", changed("reference", reference="ref-2")),
        ("entry-of-other-purpose", changed("grounds", purpose="supervision")),
        ("entry-of-other-fields", changed("fields", released=[])),
        ("entry-of-a-refusal", changed("circumstances", outcome="refused")),
        ("entry-edited", office.entry(opened={"reference": {"reference": "ref-1", "x": 1}})),
        *((f"entry-without-{name}", office.entry(hidden=("subject", name))) for name in SECTIONS),
        ("entry-of-another-version", office.entry(version=2)),
        ("entry-of-another-log", office.entry(origin="other.example/log")),
    ]
    cases: list[Case] = [
        *(
            {
                "name": name,
                "receipt": office.receipt(entry),
                "entry": as_json(entry).decode(),
                "holds": holds(entry),
            }
            for name, entry in (("receipt", right), ("receipt-of-a-push", pushed))
        ),
        {
            "name": "receipt-of-two-keys",
            "receipt": Office(replace(keys.log, successor=stranger.log)).receipt(right),
            "entry": as_json(right).decode(),
            "holds": holds(right),
        },
        *({"name": name, "receipt": value, "refused": error} for name, value, error in headers),
        *(
            {
                "name": name,
                "receipt": office.receipt(entry),
                "entry": as_json(entry).decode(),
                "refused": "ReceiptRefused",
            }
            for name, entry in entries
        ),
        {
            "name": "entry-of-another-receipt",
            "receipt": header,
            "entry": as_json(office.entry()).decode(),
            "refused": "ReceiptRefused",
        },
        {"name": "entry-no-json", "receipt": header, "entry": "{", "refused": "ReceiptRefused"},
    ]
    return {"log": keys.vkey, "now": SECOND, "disclosed": DISCLOSED, "cases": cases}


def all_vectors() -> dict[str, dict[str, Any]]:
    """The content of each file by name, with new keys."""
    keys = Keys()
    return {
        "keys": keys.published(),
        "notifications": notifications(keys),
        "statements": statements(keys),
        "order": order(),
        "inclusion": inclusion(keys),
        "receipts": receipts(keys),
    }


if __name__ == "__main__":
    for name, content in all_vectors().items():
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}.json: {len(content.get('cases', ()))} cases\n")
