"""Two addresses that mean the same have one form (RFC 3986, sections 6.2.2 and 6.2.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.crypto.addresses import normal_address
from app.crypto.errors import Malformed


@pytest.mark.parametrize(
    ("address", "normal"),
    [
        # The examples of RFC 3986, section 6.2.2, and section 6.2.3.
        ("http://example.com", "http://example.com/"),
        ("http://example.com/", "http://example.com/"),
        ("http://example.com:/", "http://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("HTTPS://Example.COM:443/a", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com/a/./b/../b/%63/%7bfoo%7d", "https://example.com/a/b/c/%7Bfoo%7D"),
        ("https://example.com/%7Esmith", "https://example.com/~smith"),
        ("https://example.com/a?b=c#d", "https://example.com/a"),
        ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
        # RFC 3986, section 5.2.4.
        ("https://example.com/a/b/c/./../../g", "https://example.com/a/g"),
        ("https://example.com/../../a/", "https://example.com/a/"),
        ("https://example.com/a/..", "https://example.com/"),
        ("https://example.com/a/.", "https://example.com/a/"),
        # An escaped slash is no slash, and an empty segment is one.
        ("https://example.com/a%2fb//c", "https://example.com/a%2Fb//c"),
        ("https://example.com/%2e%2e/a", "https://example.com/a"),
        ("https://example.com/100%", "https://example.com/100%"),
    ],
)
def test_an_address_has_one_form(address: str, normal: str) -> None:
    assert normal_address(address) == normal
    assert normal_address(normal) == normal


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/v1/cases",
        "//example.com/",
        "ftp://example.com/",
        "https://",
        "https:///a",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://example.com:x/",
        "https://example.com:99999/",
        "https://[::1/",
        "https://example.com/a b",
        "https://example.com/a\nb",
        "https://example.com/\x00",
        "https://exámple.com/",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_what_is_no_address_of_a_request_is_refused(address: str) -> None:
    with pytest.raises(Malformed):
        normal_address(address)


@given(st.text(alphabet="ab./%2eEF~", max_size=30))
@settings(max_examples=60)
def test_the_form_is_stable_and_has_no_dots_left(path: str) -> None:
    normal = normal_address(f"https://example.com/{path}")
    assert normal_address(normal) == normal
    assert not {".", ".."} & set(normal.removeprefix("https://example.com").split("/"))
