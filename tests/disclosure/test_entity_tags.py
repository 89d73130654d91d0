"""Entity tags and the conditions that name them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.disclosure.entity_tags import etag_of, names

ETAG = etag_of(b"a view")
OTHER = etag_of(b"another view")


def test_a_tag_is_strong_and_made_of_the_bytes_alone() -> None:
    assert f'"{hashlib.sha256(b"a view").hexdigest()[:32]}"' == ETAG


@pytest.mark.parametrize("condition", [ETAG, f" {ETAG} ", f"{OTHER},{ETAG}", f"{OTHER} , {ETAG}"])
def test_a_condition_names_each_tag_of_its_list(condition: str) -> None:
    assert names(condition, ETAG)
    assert names(condition, ETAG, weak=True)


@pytest.mark.parametrize(
    "condition", ["", OTHER, ETAG.strip('"'), ETAG[:-1], "W/", "**", f"{ETAG[:9]}*"]
)
def test_anything_else_names_nothing(condition: str) -> None:
    assert not names(condition, ETAG)
    assert not names(condition, ETAG, weak=True)


def test_a_weak_tag_counts_for_caches_alone() -> None:
    assert names(f"W/{ETAG}", ETAG, weak=True)
    assert not names(f"W/{ETAG}", ETAG)


def test_the_star_names_any_state_but_none_at_all() -> None:
    assert names("*", ETAG)
    assert names(" * ", OTHER)
    assert not names("*", None)
    assert not names(ETAG, None)


@given(st.text())
def test_no_condition_is_an_error_and_no_other_names_the_tag(condition: str) -> None:
    assert not names(condition, ETAG, weak=True) or ETAG in condition or condition.strip() == "*"


@given(st.binary(), st.lists(st.binary()))
def test_a_list_names_what_it_was_made_of(body: bytes, others: list[bytes]) -> None:
    condition = ", ".join(etag_of(one) for one in [*others, body])
    assert names(condition, etag_of(body))
