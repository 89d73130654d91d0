"""What a verified token must say: issuer, audience, time and typed members (RFC 7519 section 4.1).

A missing claim is refused like a wrong one. Times are whole seconds: a text, a fraction or
a number in exponent form is refused, because other readers disagree about them.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from app.crypto.errors import ClaimsRefused

MAX_LIFETIME_SECONDS = 300
"""Longest time from now to `exp` of an access token or an assertion."""

LEEWAY_SECONDS = 5
"""Clocks of two agencies under time synchronisation differ by less."""

_NONE_REQUIRED: Mapping[str, type] = MappingProxyType({})


def check_claims(
    claims: Mapping[str, object],
    *,
    issuer: str,
    audience: str,
    at: datetime,
    required: Mapping[str, type] = _NONE_REQUIRED,
    lifetime_s: int | None = MAX_LIFETIME_SECONDS,
    leeway_s: int = LEEWAY_SECONDS,
) -> None:
    """Hold the claims of a verified token to what the caller expects.

    Args:
        claims: as `verify` returned them.
        issuer: the one accepted `iss`.
        audience: the one accepted `aud`, which must be a single text (RFC 9068 section 2.2).
        at: now, with a time zone.
        required: further claims by name, with the exact type each must have
            (str, int, bool, list or dict); a text or a collection must not be empty.
        lifetime_s: how far ahead `exp` may lie, in seconds. None for a statement of fact
            that does not expire (RFC 8417 section 2.2): then `exp` must be absent, and
            `iat` is required instead.
        leeway_s: how far the clocks may differ, in seconds.

    Raises:
        ClaimsRefused: naming the claim and why.
        ValueError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("the time of the check must have a time zone")
    _check_text(claims, "iss", expected=issuer)
    _check_text(claims, "aud", expected=audience)
    now = at.timestamp()
    if lifetime_s is None:
        _check_no_expiry(claims)
    else:
        _check_expiry(claims, now=now, lifetime_s=lifetime_s, leeway_s=leeway_s)
    for name in ("iat", "nbf"):
        if name in claims and _seconds(claims, name) > now + leeway_s:
            raise ClaimsRefused(name, "lies in the future")
    for name, kind in required.items():
        _check_present(claims, name, kind)


def _check_text(claims: Mapping[str, object], name: str, *, expected: str) -> None:
    _check_present(claims, name, str)
    if claims[name] != expected:
        raise ClaimsRefused(name, "is not the one expected here")


def _check_present(claims: Mapping[str, object], name: str, kind: type) -> None:
    if name not in claims:
        raise ClaimsRefused(name, "is missing")
    value = claims[name]
    # The exact type: a truth value is an int to isinstance.
    if type(value) is not kind:
        raise ClaimsRefused(name, f"must be of type {kind.__name__}")
    if value in ("", [], {}):
        raise ClaimsRefused(name, "is empty")


def _check_no_expiry(claims: Mapping[str, object]) -> None:
    if "exp" in claims:
        raise ClaimsRefused("exp", "must be absent")
    _seconds(claims, "iat")


def _check_expiry(
    claims: Mapping[str, object], *, now: float, lifetime_s: int, leeway_s: int
) -> None:
    expires = _seconds(claims, "exp")
    if expires + leeway_s <= now:
        raise ClaimsRefused("exp", "has passed")
    if expires > now + lifetime_s + leeway_s:
        raise ClaimsRefused("exp", f"lies more than {lifetime_s} seconds ahead")


def _seconds(claims: Mapping[str, object], name: str) -> int:
    """A NumericDate in whole seconds (RFC 7519 section 2)."""
    _check_present(claims, name, int)
    value = claims[name]
    if not isinstance(value, int) or value < 0:
        raise ClaimsRefused(name, "must be a number of seconds since 1970")
    return value
