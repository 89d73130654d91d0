from dataclasses import replace
from datetime import date

import pytest

from app.policy.actions import of_the_catalogue
from app.policy.bundle import Bundle
from app.policy.decision import FieldDecision
from app.policy.role_table import RoleTable
from app.policy.table import REMEMBERED

DAY = date(2027, 3, 3)


@pytest.fixture
def table(bundle: Bundle) -> RoleTable:
    """A table of its own, with nothing remembered yet."""
    return replace(bundle.span(DAY).table.roles["probation_service"])


def test_equal_questions_share_one_decision(table: RoleTable) -> None:
    assert table.decide(0b111, "supervision") is table.decide(0b111, "supervision")
    assert table.decide(0b111, "supervision") is not table.decide(0b111, "court_report")


def test_decisions_share_the_fields_on_which_they_agree(table: RoleTable) -> None:
    every = sum(1 << n for n, policy in enumerate(table.policies) if not policy.is_forbid)
    one, other = table.decide(every, "supervision"), table.decide(every, "court_report")
    released = one.released.keys()
    assert released
    assert all(one.fields[path] is other.fields[path] for path in released)


def test_what_is_remembered_is_bounded(table: RoleTable) -> None:
    small = replace(table, remembered=2)
    first = small.decide(0, "supervision")
    for held in range(1, 4):
        small.decide(held, "supervision")
    assert small.decide(0, "supervision") is not first
    assert small.decide(0, "supervision") == first


def test_nothing_is_remembered_where_that_is_asked(table: RoleTable) -> None:
    forgetful = replace(table, remembered=0)
    assert forgetful.decide(0, "supervision") is not forgetful.decide(0, "supervision")


def test_every_table_of_a_bundle_is_bounded(bundle: Bundle) -> None:
    for span in bundle.spans:
        assert {table.remembered for table in span.table.roles.values()} == {REMEMBERED}


def test_whom_no_permit_helps_everything_is_withheld_for_a_reason(table: RoleTable) -> None:
    decision = table.decide(0, "supervision")
    assert list(decision.fields) == list(of_the_catalogue().fields)
    assert decision.released == {}
    assert all(
        isinstance(field, FieldDecision) and field.reason for field in decision.fields.values()
    )
