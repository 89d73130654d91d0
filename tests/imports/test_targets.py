"""Values are held against the catalogue before they become part of a record."""

import pytest

from app.imports.outcomes import Unfit
from app.imports.targets import check_value, owner_of


def test_a_value_that_fits_passes() -> None:
    check_value("release.planned_release_date", "2031-01-02")


def test_a_value_that_does_not_fit_is_refused_without_being_repeated() -> None:
    with pytest.raises(Unfit) as refused:
        check_value("release.planned_release_date", "1066-10-14")
    assert "1066" not in str(refused.value)
    assert "1900 to 2199" in str(refused.value)


def test_the_owner_of_a_field_is_its_sections() -> None:
    assert owner_of("release.planned_release_date") == "correctional_service"
    assert owner_of("sentence.legal_status") == "court_panel"
