import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.crypto.encoding import encoded_length, write_json
from app.crypto.errors import SealRefused
from app.crypto.padding import SIZE_CLASSES, is_padded, pad_claims, sign_padded, size_class
from app.crypto.signing import SigningKey, verify

TYP = "secevent+jwt"


@pytest.mark.parametrize(
    ("length", "size"), [(0, 2048), (2048, 2048), (2049, 4096), (65_536, 65_536)]
)
def test_the_smallest_class_that_holds_the_length_is_taken(length: int, size: int) -> None:
    assert size_class(length) == size


def test_what_no_class_holds_is_refused() -> None:
    with pytest.raises(SealRefused, match="largest size class"):
        size_class(65_537)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=600), max_size=4))
def test_a_padded_token_fills_a_class_whatever_it_says(
    signing_key: SigningKey, claims: dict[str, str]
) -> None:
    claims.pop("pad", None)
    token = sign_padded(claims, signing_key, typ=TYP)
    assert is_padded(len(token))
    keys = {signing_key.kid: signing_key.verifying_key}
    read = verify(token, keys, typ=TYP, max_length=SIZE_CLASSES[-1])
    assert {name: value for name, value in read.items() if name != "pad"} == claims


@given(st.integers(90, 400), st.integers(0, 600))
def test_the_length_depends_on_the_overhead_and_the_class_alone(overhead: int, length: int) -> None:
    padded = pad_claims({"a": "b" * length}, overhead=overhead)
    empty = pad_claims({}, overhead=overhead)
    assert len(write_json(padded)) == len(write_json(empty))
    assert is_padded(overhead + encoded_length(len(write_json(empty))))


def test_every_key_of_one_curve_gives_the_same_length(signing_key: SigningKey) -> None:
    other = SigningKey.generate()
    assert len(sign_padded({"a": 1}, signing_key, typ=TYP)) == len(
        sign_padded({"b": "c" * 500}, other, typ=TYP)
    )


def test_a_token_that_just_fits_is_not_pushed_into_the_next_class(
    signing_key: SigningKey,
) -> None:
    lengths = {
        len(sign_padded({"a": "b" * count}, signing_key, typ=TYP)) for count in range(1000, 1800)
    }
    assert len(lengths) == 2
    assert {size_class(length) for length in lengths} == {2048, 4096}


def test_a_length_beside_a_class_is_not_padded() -> None:
    assert [length for length in range(2040, 2060) if is_padded(length)] == [2047, 2048]


def test_the_name_of_the_padding_is_reserved() -> None:
    with pytest.raises(SealRefused, match="reserved"):
        pad_claims({"pad": "mine"}, overhead=200)


def test_claims_that_no_class_holds_are_refused(signing_key: SigningKey) -> None:
    with pytest.raises(SealRefused, match="largest size class"):
        sign_padded({"a": "b" * 50_000}, signing_key, typ=TYP)
