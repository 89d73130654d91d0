"""A notification: opened, verified, and held to the one form that is agreed. Pure.

Outside a sealed message (JWE, RFC 7516), inside a Security Event Token (RFC 8417) with one
event about one person. The person is named by the reference that only this agency knows, as an
opaque subject identifier (RFC 9493, section 3.2.3). A claim that is not named here, the padding
among them, is left alone, so that the service can add one without any agency losing a notice
(RFC 7519, section 4); `exp` is refused, because a statement of fact does not expire (RFC 8417,
section 2.2).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from throughcare_receiver.errors import ClaimRefused
from throughcare_receiver.keys import DecryptionKey, VerifyingKey
from throughcare_receiver.sealed import unseal
from throughcare_receiver.signed import verify

EVENT_TOKEN_TYP: Final = "secevent+jwt"  # noqa: S105 - the media type of RFC 8417, no secret
EVENT_PREFIX: Final = "urn:throughcare:event:"
VERIFICATION: Final = "verification"
"""The event that proves an endpoint; it is about no person."""
HEARTBEAT: Final = "heartbeat"
"""The event that says that the service is there, and its last number; it is about no person."""

CLOCK_SECONDS: Final = 300
"""How far this machine's clock may lag. A notice does not expire, so nothing is gained by
refusing one that seems to come from the near future, and a notice that is refused is lost."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")  # ids become parts of addresses
_EVENT_TYPE: Final = re.compile(re.escape(EVENT_PREFIX) + r"([a-z][a-z0-9_]{0,63})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """The place of a notification: among all of its subscription, and of those about this person.

    Both count from 1 without gaps; each notification keeps its numbers over all attempts.
    """

    subscriber: int
    person: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification whose sender is proven.

    Attributes:
        jti: names it; the same at every attempt to deliver it.
        txn: what caused it; another value for every recipient and attempt.
        issued_at: when this attempt was signed, in UTC.
        reference: of the inmate file; None for a verification and a heartbeat.
        event_type: as in the event catalogue, `release_planned` for one.
        event: what is told.
        sequence: None for a verification and a heartbeat.
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
    decryption_keys: Mapping[str, DecryptionKey],
    sender_keys: Mapping[str, VerifyingKey],
    issuer: str,
    client_id: str,
    at: datetime,
) -> Notification:
    """Open a sealed message and read the notification in it.

    Args:
        sealed: compact serialisation of the JWE.
        decryption_keys: of this agency, by `kid`.
        sender_keys: of the service, by `kid`.
        issuer: the one service that may speak.
        client_id: of this agency, which must be the audience.
        at: now, with its time zone.

    Raises:
        NotificationRefused: the type says at which step (see `errors`).
        ValueError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("the time of the check must have a time zone")
    token = unseal(sealed, decryption_keys)
    claims = verify(token, sender_keys, typ=EVENT_TOKEN_TYP)
    _expect_text(claims, "iss", issuer)
    _expect_text(claims, "aud", client_id)
    if "exp" in claims:
        raise ClaimRefused("exp", "must be absent")
    return _notification(claims, at=at)


def _notification(claims: Mapping[str, Any], *, at: datetime) -> Notification:
    event_type, event = _only_event(claims.get("events"))
    about_person = event_type not in (VERIFICATION, HEARTBEAT)
    if not about_person:
        _check_about_nobody(claims)
    if event_type == VERIFICATION:
        _check_verification(event)
    if event_type == HEARTBEAT:
        _check_heartbeat(event)
    return Notification(
        jti=_name(claims.get("jti"), "jti"),
        txn=_text(claims.get("txn"), "txn"),
        issued_at=_instant(claims.get("iat"), at=at),
        reference=_reference(claims.get("sub_id")) if about_person else None,
        event_type=event_type,
        event=event,
        sequence=_sequence(claims.get("seq")) if about_person else None,
    )


def _expect_text(claims: Mapping[str, Any], name: str, expected: str) -> None:
    if _text(claims.get(name), name) != expected:
        raise ClaimRefused(name, "is not the one expected here")


def _text(value: object, claim: str) -> str:
    if not isinstance(value, str) or not value:
        raise ClaimRefused(claim, "expected one text that is not empty")
    return value


def _instant(value: object, *, at: datetime) -> datetime:
    """A NumericDate in whole seconds (RFC 7519, section 2) that is not in the future."""
    # The exact type: a truth value is an int to isinstance.
    if type(value) is not int or value < 0:
        raise ClaimRefused("iat", "expected whole seconds since 1970")
    if value > at.timestamp() + CLOCK_SECONDS:
        raise ClaimRefused("iat", "lies in the future", for_now=True)
    return datetime.fromtimestamp(value, tz=UTC)


def _only_event(events: object) -> tuple[str, dict[str, Any]]:
    """RFC 8417 allows several events that are one; we agreed on exactly one."""
    if not isinstance(events, dict) or len(events) != 1:
        raise ClaimRefused("events", "expected exactly one")
    [(name, event)] = events.items()
    match = _EVENT_TYPE.fullmatch(name)
    if match is None or not isinstance(event, dict):
        raise ClaimRefused("events", f"expected an object named {EVENT_PREFIX}...")
    return match.group(1), event


def _check_about_nobody(claims: Mapping[str, Any]) -> None:
    for claim in ("sub_id", "seq"):
        if claim in claims:
            raise ClaimRefused(claim, "it is about no person and has no sequence")


def _check_verification(event: Mapping[str, Any]) -> None:
    for member in ("subscription_id", "nonce"):
        _name(event.get(member), "events")


def _check_heartbeat(event: Mapping[str, Any]) -> None:
    _name(event.get("subscription_id"), "events")
    last = event.get("last_sequence")
    if type(last) is not int or last < 0:
        raise ClaimRefused("events", "expected the last number there is")


def _reference(subject: object) -> str:
    if (
        not isinstance(subject, dict)
        or subject.keys() != {"format", "id"}
        or subject["format"] != "opaque"
    ):
        raise ClaimRefused("sub_id", "expected an opaque subject identifier")
    return _name(subject["id"], "sub_id")


def _sequence(value: object) -> Sequence:
    if not isinstance(value, dict) or value.keys() != {"subscriber", "person"}:
        raise ClaimRefused("seq", "expected the numbers subscriber and person")
    if not all(type(number) is int and number >= 0 for number in value.values()):
        raise ClaimRefused("seq", "expected whole numbers that are not negative")
    return Sequence(subscriber=value["subscriber"], person=value["person"])


def _name(value: object, claim: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ClaimRefused(claim, "expected 1 to 128 letters, digits, hyphens or underscores")
    return value
