from typing import Any

import pytest

from app.files.consistency import check_consistency
from app.problems import InvalidInput

VETO = {"extremism_status": {"veto_status": {"value": "no"}}}
LEVEL = {"risk_assessment": {"risk_level_ve": {"value": "not_assessed"}}}


def status(value: str) -> dict[str, Any]:
    return {"sentence": {"legal_status": {"value": value}}}


def test_of_a_sentenced_person_both_may_be_recorded() -> None:
    check_consistency({**status("sentenced"), **VETO, **LEVEL})


@pytest.mark.parametrize(
    "sections", [{}, status("untried"), status("sentenced_not_final"), status("other")]
)
def test_of_an_untried_person_neither_can_be_recorded(sections: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as error:
        check_consistency({**sections, **VETO, **LEVEL})
    assert [finding.pointer for finding in error.value.errors] == [
        "/sections/extremism_status/veto_status",
        "/sections/risk_assessment/risk_level_ve",
    ]


@pytest.mark.parametrize("sections", [{}, status("untried"), {"extremism_status": {}}])
def test_without_them_every_status_is_consistent(sections: dict[str, Any]) -> None:
    check_consistency(sections)
