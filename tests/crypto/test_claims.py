from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.claims import LEEWAY_SECONDS, MAX_LIFETIME_SECONDS, check_claims
from app.crypto.errors import ClaimsRefused

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
ISSUER = "https://as.example"
AUDIENCE = "https://api.example"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 60,
    "iat": NOW,
    "jti": "f" * 24,
}


def _check(claims: dict[str, Any], **expected: Any) -> None:  # noqa: ANN401 - passed on as it is
    check_claims(claims, issuer=ISSUER, audience=AUDIENCE, at=AT, **expected)


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


def test_expected_claims_are_accepted() -> None:
    _check(CLAIMS, required={"jti": str})


@pytest.mark.parametrize("name", ["iss", "aud", "exp"])
def test_a_token_without_issuer_audience_or_expiry_is_refused(name: str) -> None:
    with pytest.raises(ClaimsRefused, match=rf"^{name}: is missing$"):
        _check(_without(name))


@pytest.mark.parametrize(
    "exp",
    [
        str(NOW + 60),
        1e30,
        float(NOW + 60),
        float("inf"),
        float("nan"),
        True,
        None,
        [NOW + 60],
        {},
        -1,
        10**400,
    ],
)
def test_an_expiry_that_is_no_plain_number_of_seconds_is_refused(exp: object) -> None:
    with pytest.raises(ClaimsRefused, match=r"^exp: "):
        _check({**CLAIMS, "exp": exp})


@pytest.mark.parametrize(
    ("exp", "accepted"),
    [
        (NOW - LEEWAY_SECONDS, False),
        (NOW - LEEWAY_SECONDS + 1, True),
        (NOW + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS, True),
        (NOW + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS + 1, False),
    ],
)
def test_an_expiry_is_accepted_to_the_second(exp: int, *, accepted: bool) -> None:
    if accepted:
        _check({**CLAIMS, "exp": exp})
    else:
        with pytest.raises(ClaimsRefused, match=r"^exp: "):
            _check({**CLAIMS, "exp": exp})


@given(st.integers(-(10**9), 10**9))
def test_an_expired_token_is_never_accepted(seconds: int) -> None:
    at = AT + timedelta(seconds=seconds)
    try:
        check_claims(_without("iat"), issuer=ISSUER, audience=AUDIENCE, at=at)
    except ClaimsRefused:
        return
    assert -MAX_LIFETIME_SECONDS - LEEWAY_SECONDS <= seconds - 60 < LEEWAY_SECONDS


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize("value", [NOW + LEEWAY_SECONDS + 1, "0", 1.5, True, -1])
def test_a_token_from_the_future_or_from_no_time_at_all_is_refused(
    name: str, value: object
) -> None:
    with pytest.raises(ClaimsRefused, match=rf"^{name}: "):
        _check({**CLAIMS, name: value})


@pytest.mark.parametrize("name", ["iss", "aud"])
@pytest.mark.parametrize(
    "value", ["", "https://other.example", "https://api.example/", [AUDIENCE], [], None, 7]
)
def test_another_issuer_or_audience_is_refused(name: str, value: object) -> None:
    with pytest.raises(ClaimsRefused, match=rf"^{name}: "):
        _check({**CLAIMS, name: value})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, 7),
        (str, ""),
        (int, True),
        (int, 1.0),
        (list, {}),
        (list, []),
        (dict, []),
        (dict, {}),
        (bool, 1),
    ],
)
def test_a_required_claim_must_have_exactly_its_type_and_not_be_empty(
    kind: type, value: object
) -> None:
    with pytest.raises(ClaimsRefused, match=r"^extra: "):
        _check({**CLAIMS, "extra": value}, required={"extra": kind})


@pytest.mark.parametrize(
    ("kind", "value"), [(str, "a"), (int, 0), (bool, False), (list, [1]), (dict, {"a": 1})]
)
def test_a_required_claim_of_its_type_is_accepted(kind: type, value: object) -> None:
    _check({**CLAIMS, "extra": value}, required={"extra": kind})


def test_a_missing_required_claim_is_named() -> None:
    with pytest.raises(ClaimsRefused) as refusal:
        _check(_without("jti"), required={"jti": str})
    assert (refusal.value.claim, refusal.value.reason) == ("jti", "is missing")


def test_a_statement_of_fact_has_a_time_and_no_expiry() -> None:
    _check(_without("exp"), lifetime_s=None)
    with pytest.raises(ClaimsRefused, match=r"^exp: must be absent"):
        _check(CLAIMS, lifetime_s=None)
    without_either = {name: CLAIMS[name] for name in ("iss", "aud")}
    with pytest.raises(ClaimsRefused, match=r"^iat: is missing"):
        _check(without_either, lifetime_s=None)


def test_a_refusal_never_repeats_a_value() -> None:
    with pytest.raises(ClaimsRefused) as refusal:
        _check({**CLAIMS, "aud": "planted-value"})
    assert "planted-value" not in str(refusal.value)


def test_a_time_without_a_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        check_claims(CLAIMS, issuer=ISSUER, audience=AUDIENCE, at=AT.replace(tzinfo=None))
