"""Referral codes: 80 bits, noticed when mistyped, good once, and stored as a digest alone."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select

from app.agencies.tables import Client
from app.cases import referral_codes
from app.cases.fact import FactAltered
from app.cases.referral_codes import (
    CHECKS,
    CODE,
    FAILURES,
    LIFETIME,
    RANDOM_BYTES,
    WITHIN,
    Made,
    Mistyped,
    NewCode,
    canonical,
    new_text,
)
from app.database import Database
from app.rows import table_of
from tests.keys import RING

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
TEXT = new_text(lambda count: bytes(range(count)))
NEW = NewCode(
    person_id="person-1", purpose="social_support", by_agency="prison-1", by_officer="o-1"
)
BYTES = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
# A machine that is busy is no finding.
EXAMPLES = settings(max_examples=50, deadline=None)


def redeem(
    connection: Connection, *, agency: str = "welfare-1", purpose: str = "social_support",
    at: datetime = AT, text: str = TEXT,
) -> Made | None:  # fmt: skip
    return referral_codes.redeem(connection, text, ring=RING, agency=agency, purpose=purpose, at=at)


def store(connection: Connection) -> None:
    assert referral_codes.store(connection, TEXT, NEW, ring=RING, at=AT) == AT + LIFETIME


@EXAMPLES
@given(BYTES)
def test_a_code_is_printed_in_groups_and_read_back_however_it_is_typed(random: bytes) -> None:
    text = new_text(lambda _: random)
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z*~$=U]", text)
    body = text[:-2].replace("-", "")
    assert canonical(text) == body
    typed = text.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert canonical(typed) == body


@EXAMPLES
@given(BYTES, BYTES)
def test_two_codes_are_the_same_only_if_their_bits_are(first: bytes, second: bytes) -> None:
    same = new_text(lambda _: first) == new_text(lambda _: second)
    assert same is (first == second)


@EXAMPLES
@given(BYTES, st.integers(0, 15), st.integers(0, 14), st.sampled_from(CHECKS[:32]))
def test_one_wrong_symbol_or_two_that_were_exchanged_are_noticed(
    random: bytes, place: int, pair: int, other: str
) -> None:
    code = new_text(lambda _: random).replace("-", "")
    wrong = code[:place] + other + code[place + 1 :]
    swapped = code[:pair] + code[pair + 1] + code[pair] + code[pair + 2 :]
    for typed in {wrong, swapped} - {code}:
        with pytest.raises(Mistyped):
            canonical(typed)


@pytest.mark.parametrize("text", ["", "0", "0" * 16, "0" * 18, "é" * 17, "0" * 15 + "!0", TEXT * 2])
def test_what_is_no_code_is_mistyped(text: str) -> None:
    with pytest.raises(Mistyped):
        canonical(text)


def test_a_code_is_good_once_for_its_purpose_until_it_expires(filled: Connection) -> None:
    store(filled)
    assert redeem(filled, purpose="family_support") is None
    assert redeem(filled, agency="prison-1") is None
    assert redeem(filled, at=AT + LIFETIME) is None
    assert redeem(filled, text=new_text(bytes)) is None
    last = AT + LIFETIME - timedelta(seconds=1)
    assert redeem(filled, at=last) == Made(
        person_id="person-1", by_agency="prison-1", by_officer="o-1"
    )
    assert redeem(filled, at=last) is None
    assert redeem(filled, at=last, agency="police-1") is None


def test_of_many_who_redeem_at_once_one_has_it(filled_database: Database) -> None:
    filled_database.run_blocking(store)

    def attempt(number: int) -> Made | None:
        return filled_database.run_blocking(lambda c: redeem(c, agency=f"agency-{number}"))

    with ThreadPoolExecutor(8) as threads:
        outcomes = [one for one in threads.map(attempt, range(8)) if one is not None]
    assert len(outcomes) == 1


def test_a_code_stands_nowhere_in_its_row(filled: Connection) -> None:
    store(filled)
    row = filled.execute(select(CODE)).one()
    assert canonical(TEXT) not in repr(row)
    assert TEXT not in repr(row)


@pytest.mark.parametrize(
    "values",
    [
        {"person_id": "person-2"},
        {"purpose": "family_support"},
        {"made_by_agency": "police-1"},
        {"expires_at": AT + LIFETIME * 2},
        {"authentication_code": None},
    ],
    ids=str,
)
def test_a_row_that_was_altered_opens_nobodys_case(
    filled: Connection, values: dict[str, object]
) -> None:
    store(filled)
    filled.execute(CODE.update().values(**values))
    with pytest.raises(FactAltered):
        redeem(filled)


def test_a_client_may_guess_so_often_and_then_not_for_a_while(filled: Connection) -> None:
    for client in ("guesser", "other"):
        filled.execute(
            insert(table_of(Client)).values(
                client_id=client,
                agency_id="welfare-1",
                jwks={},
                bearer_allowed=False,
                status="active",
                created_at=AT,
            )
        )
    for number in range(FAILURES):
        assert referral_codes.may_try(filled, "guesser", at=AT)
        referral_codes.count_failure(filled, "guesser", failure_id=str(number), at=AT)
    assert not referral_codes.may_try(filled, "guesser", at=AT)
    assert referral_codes.may_try(filled, "other", at=AT)
    assert not referral_codes.may_try(filled, "guesser", at=AT + WITHIN - timedelta(seconds=1))
    assert referral_codes.may_try(filled, "guesser", at=AT + WITHIN)


def test_another_code_is_another_row(filled: Connection) -> None:
    store(filled)
    another = new_text(lambda count: bytes(range(7, 7 + count)))
    referral_codes.store(filled, another, replace(NEW, person_id="person-2"), ring=RING, at=AT)
    found = redeem(filled, text=another)
    assert found is not None
    assert found.person_id == "person-2"
