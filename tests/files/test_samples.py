from random import Random

import pytest

from app.files.catalogue import FIELDS
from app.files.samples import sample


def test_the_same_seed_gives_the_same_values() -> None:
    for field in FIELDS.values():
        first, second = (field.kind.sample(Random(7)) for _ in range(2))  # noqa: S311 - a test value
        assert first == second


def test_samples_vary() -> None:
    random = Random(1)  # noqa: S311 - a test value
    for field in FIELDS.values():
        assert len({str(field.kind.sample(random)) for _ in range(30)}) > 1


def test_a_type_that_nobody_declared_has_no_sample() -> None:
    with pytest.raises(LookupError):
        sample(complex, Random(1))  # noqa: S311 - a test value
