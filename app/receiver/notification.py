"""A notification: opened, verified, and held to the one form that is agreed. Pure.

Outside a sealed message (JWE, RFC 7516), inside a Security Event Token (RFC 8417) with one
event about one person. The person is named by the reference that only this agency knows, as an
opaque subject identifier (RFC 9493, section 3.2.3). A claim that is not named here is left
alone, so that the service can add one without any agency losing a notice (RFC 7519, section 4);
`exp` is refused, because a statement of fact does not expire (RFC 8417, section 2.2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.crypto.claims import check_claims
from app.crypto.errors import ClaimsRefused, SealRefused, SignatureRefused, UnknownKey
from app.crypto.padding import SIZE_CLASSES
from app.crypto.sealing import unseal
from app.crypto.sealing_keys import DecryptionKey
from app.crypto.signing import verify
from app.crypto.signing_keys import KeySet
from app.receiver.errors import NotificationRefused, UnknownSenderKey

EVENT_TOKEN_TYP = "secevent+jwt"  # noqa: S105 - the media type of RFC 8417, no secret
EVENT_PREFIX = "urn:throughcare:event:"
VERIFICATION = "verification"
"""The event that proves an endpoint; it is about no person."""
HEARTBEAT = "heartbeat"
"""The event that says that the service is there, and its last number; it is about no person."""

CLOCK_SECONDS = 300
"""How far this machine's clock may lag. A notice does not expire, so nothing is gained by
refusing one that seems to come from the near future, and a notice that is refused is lost."""

# Error codes of RFC 8935, section 2.4.
INVALID_REQUEST = "invalid_request"
INVALID_KEY = "invalid_key"
INVALID_ISSUER = "invalid_issuer"
INVALID_AUDIENCE = "invalid_audience"
AUTHENTICATION_FAILED = "authentication_failed"

_CODES = {"iss": INVALID_ISSUER, "aud": INVALID_AUDIENCE}
_REQUIRED: Mapping[str, type] = {"iat": int, "jti": str, "txn": str, "events": dict}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")  # ids become parts of addresses: nothing to escape
_EVENT_TYPE = re.compile(re.escape(EVENT_PREFIX) + r"([a-z][a-z0-9_]{0,63})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """The place of a notification: among all to this subscriber, and about this person."""

    subscriber: int
    person: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification whose sender is proven.

    Attributes:
        jti: names it; the same at every attempt to deliver it.
        txn: what caused it; another value for every recipient.
        issued_at: when this attempt was signed, in UTC.
        reference: of the inmate file; None for the verification of an endpoint.
        event_type: as in the event catalogue, `release_planned` for one.
        event: what is told.
        sequence: None for the verification of an endpoint.
    """

    jti: str
    txn: str
    issued_at: datetime
    reference: str | None
    event_type: str
    event: Mapping[str, Any]
    sequence: Sequence | None


def open_notification(
    sealed: str,
    *,
    decryption_key: DecryptionKey,
    sender_keys: KeySet,
    issuer: str,
    client_id: str,
    at: datetime,
) -> Notification:
    """Open a sealed message and read the notification in it.

    Args:
        sealed: compact serialisation of the JWE.
        decryption_key: of this agency.
        sender_keys: of the service.
        issuer: the one service that may speak.
        client_id: of this agency, which must be the audience.
        at: now, with its time zone.

    Raises:
        UnknownSenderKey: signed with a key that is not among `sender_keys`.
        NotificationRefused: it does not open, is not the service's, is not for us, or does
            not have the agreed form.
    """
    claims = _verified_claims(sealed, decryption_key=decryption_key, sender_keys=sender_keys)
    try:
        check_claims(
            claims,
            issuer=issuer,
            audience=client_id,
            at=at,
            required=_REQUIRED,
            lifetime_s=None,
            leeway_s=CLOCK_SECONDS,
        )
    except ClaimsRefused as error:
        raise NotificationRefused(_CODES.get(error.claim, INVALID_REQUEST), str(error)) from None
    return _notification(claims)


def _verified_claims(
    sealed: str, *, decryption_key: DecryptionKey, sender_keys: KeySet
) -> dict[str, Any]:
    try:
        token = unseal(sealed, decryption_key)
        return verify(token, sender_keys, typ=EVENT_TOKEN_TYP, max_length=max(SIZE_CLASSES))
    except SealRefused as error:
        raise NotificationRefused(INVALID_KEY, str(error)) from None
    except UnknownKey as error:
        raise UnknownSenderKey(INVALID_KEY, error.reason) from None
    except SignatureRefused as error:
        raise NotificationRefused(AUTHENTICATION_FAILED, error.reason) from None


def _notification(claims: Mapping[str, Any]) -> Notification:
    event_type, event = _only_event(claims["events"])
    about_person = event_type not in (VERIFICATION, HEARTBEAT)
    if not about_person:
        _check_about_nobody(claims)
    if event_type == VERIFICATION:
        _check_verification(event)
    return Notification(
        jti=_name(claims["jti"], "jti"),
        txn=claims["txn"],
        issued_at=_instant(claims["iat"]),
        reference=_reference(claims.get("sub_id")) if about_person else None,
        event_type=event_type,
        event=event,
        sequence=_sequence(claims.get("seq")) if about_person else None,
    )


def _only_event(events: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """RFC 8417 allows several events that are one; we agreed on exactly one."""
    if len(events) != 1:
        raise _malformed("events: expected exactly one")
    [(name, event)] = events.items()
    match = _EVENT_TYPE.fullmatch(name)
    if match is None or not isinstance(event, dict):
        raise _malformed(f"events: expected an object named {EVENT_PREFIX}...")
    return match.group(1), event


def _check_about_nobody(claims: Mapping[str, Any]) -> None:
    if "sub_id" in claims or "seq" in claims:
        raise _malformed("it is about no person and has no sequence")


def _check_verification(event: Mapping[str, Any]) -> None:
    for member in ("subscription_id", "nonce"):
        _name(event.get(member), member)


def _reference(subject: object) -> str:
    if (
        not isinstance(subject, dict)
        or subject.keys() != {"format", "id"}
        or subject["format"] != "opaque"
    ):
        raise _malformed("sub_id: expected an opaque subject identifier")
    return _name(subject["id"], "sub_id")


def _sequence(value: object) -> Sequence:
    if not isinstance(value, dict) or value.keys() != {"subscriber", "person"}:
        raise _malformed("seq: expected the numbers subscriber and person")
    if not all(type(number) is int and number >= 0 for number in value.values()):
        raise _malformed("seq: expected whole numbers that are not negative")
    return Sequence(subscriber=value["subscriber"], person=value["person"])


def _name(value: object, what: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _malformed(f"{what}: expected 1 to 128 letters, digits, hyphens or underscores")
    return value


def _instant(seconds: int) -> datetime:
    """`check_claims` has seen that this is not far in the future, so it fits a datetime."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def _malformed(reason: str) -> NotificationRefused:
    return NotificationRefused(INVALID_REQUEST, reason)
