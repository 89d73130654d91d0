"""The published example of the request, and what must not pass."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log.add_checkpoint import AddCheckpoint, RequestRefused

PROOF = (
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
    "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
    "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
)
NOTE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv"
    "2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6"
    "267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n"
)
PUBLISHED = ("old 20852014\n" + "".join(f"{line}\n" for line in PROOF) + f"\n{NOTE}").encode()


def test_the_published_request_is_read_and_written() -> None:
    proof = tuple(base64.b64decode(line) for line in PROOF)
    request = AddCheckpoint(old_size=20852014, proof=proof, note=NOTE)
    assert AddCheckpoint.from_bytes(PUBLISHED) == request
    assert request.to_bytes() == PUBLISHED


@given(
    old=st.integers(0, 2**62),
    proof=st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
)
def test_what_is_written_is_read(old: int, proof: tuple[bytes, ...]) -> None:
    request = AddCheckpoint(old_size=old, proof=proof, note=NOTE)
    assert AddCheckpoint.from_bytes(request.to_bytes()) == request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1\n",
        PUBLISHED.replace(b"old 20852014", b"old +1"),
        PUBLISHED.replace(b"old 20852014", b"old 1 "),
        PUBLISHED.replace(b"old 20852014", "old ٣".encode()),
        PUBLISHED.replace(b"old 20852014", b"old " + b"9" * 20),
        PUBLISHED.replace(b"kaw=", b"kax="),  # the same bytes, another writing
        PUBLISHED.replace(b"kaw=", b"kaw"),
        b"\n" + PUBLISHED,
    ],
)
def test_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(RequestRefused):
        AddCheckpoint.from_bytes(body)
