"""Nested persons are decided one by one: each with a ground of its own, or as if not there."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cases.known import Known
from app.disclosure.persons import POINTED_AT, Admission
from app.disclosure.project import project
from app.files.catalogue import FIELDS
from app.files.forms import Form
from tests.disclosure.test_project import everything, stored

TODAY = date(2027, 3, 3)
CHILDREN, CONTACT = "children.child_identities", "custody.emergency_contact"
PROHIBITIONS = "supervision.contact_prohibitions"
REFERENCES = ("c-1", "c-2", "c-3")
# A machine that is busy is no finding.
EXAMPLES = settings(max_examples=50, deadline=None)


def child(reference: str | None, given: str = "Besa") -> dict[str, Any]:
    born = {"category": "child", "family": "Krasniqi", "given": [given]}
    named = {} if reference is None else {"reference": reference}
    return {**born, "date_of_birth": "2015-01-01", **named}


def contact(reference: str | None, category: str = "relative") -> dict[str, Any]:
    named = {} if reference is None else {"reference": reference}
    said = {"category": category, "name": "Teuta", "relation": "sibling", "phone": "+38344000000"}
    return {**said, **named}


def prohibition(reference: str, category: str = "child") -> dict[str, Any]:
    protected = {"category": category, "holder": "holder-1", "reference": reference}
    return {"prohibition": "no_contact", "zone": "XK-PEJA", "protected_person": protected}


def admission(role: str = "somebody", agency: str = "reader", **known: Any) -> Admission:  # noqa: ANN401 - members of Known
    return Admission(agency=agency, role=role, custodian="prison", known=Known(**known))


def shown(path: str, value: object, to: Admission, *, form: Form = Form.FULL) -> dict[str, Any]:
    """The field as it leaves. What is stored comes from the prison."""
    section, name = path.split(".")
    file = stored({section: {name: {"value": value}}})
    released = project(everything(form), file, to, today=TODAY).released[section][name]
    return dict(released)


@EXAMPLES
@given(st.sets(st.sampled_from(REFERENCES)), st.sets(st.sampled_from(REFERENCES)))
def test_of_a_list_exactly_those_with_a_link_travel(there: set[str], linked: set[str]) -> None:
    value = [child(one, given=f"Child {one}") for one in sorted(there)]
    field = shown(CHILDREN, value, admission(children=frozenset(linked)))
    named = [one["reference"] for one in field.get("value", [])]
    assert named == sorted(there & linked)
    assert field["recorded"] is bool(there & linked)


@pytest.mark.parametrize("form", [Form.EXISTENCE, Form.GENERALISED, Form.SUMMARY, Form.FULL])
def test_where_nobody_may_be_named_it_looks_as_if_nobody_were_recorded(form: Form) -> None:
    for path, value in (
        (CHILDREN, [child("c-1"), child(None)]),
        (CONTACT, contact("r-1")),
        (CONTACT, contact(None, "third_party")),
    ):
        section, name = path.split(".")
        empty = project(everything(form), stored({}), admission(), today=TODAY)
        assert shown(path, value, admission(), form=form) == empty.released[section][name]


def test_a_relative_is_named_by_their_own_consent_to_this_very_field() -> None:
    mine = admission(relatives=frozenset({(CONTACT, "r-1")}))
    assert shown(CONTACT, contact("r-1"), mine)["value"]["name"] == "Teuta"
    assert not shown(CONTACT, contact("r-2"), mine)["recorded"]
    elsewhere = admission(relatives=frozenset({("family.family_contact_person", "r-1")}))
    assert not shown(CONTACT, contact("r-1"), elsewhere)["recorded"]


def test_a_childs_link_says_nothing_about_a_relative_nor_the_other_way() -> None:
    assert not shown(CONTACT, contact("c-1"), admission(children=frozenset({"c-1"})))["recorded"]
    relative = admission(relatives=frozenset({(CHILDREN, "c-1")}))
    assert not shown(CHILDREN, [child("c-1")], relative)["recorded"]


def test_who_keeps_the_file_or_wrote_the_value_sees_everybody() -> None:
    for agency in ("prison", "author"):
        reader = admission(agency=agency)
        file = stored({"children": {"child_identities": {"value": [child(None)]}}})
        envelope = {**file.sections["children"]["child_identities"], "source_agency": "author"}
        assert reader.of(CHILDREN, envelope) == envelope
    assert admission(agency="other").of(CHILDREN, envelope) is None


def test_in_an_emergency_whoever_is_recorded_can_be_called() -> None:
    reader = admission(vital_interest=frozenset({CONTACT}))
    assert shown(CONTACT, contact(None, "third_party"), reader)["value"]["name"] == "Teuta"
    assert not shown(CHILDREN, [child("c-1")], reader)["recorded"]


def test_child_protection_has_the_prohibitions_that_protect_the_child_in_its_care() -> None:
    value = [
        prohibition("c-1"),
        {**prohibition("c-2"), "zone": "XK-GJILAN"},
        {**prohibition("c-1", "victim"), "prohibition": "no_entry"},
    ]
    protection = admission("child_protection_authority", children=frozenset({"c-1"}))
    told = shown(PROHIBITIONS, value, protection, form=Form.SUMMARY)["value"]
    assert told == [{"prohibition": "no_contact", "zone": "XK-PEJA"}]
    stranger = admission("child_protection_authority")
    assert not shown(PROHIBITIONS, value, stranger, form=Form.SUMMARY)["recorded"]


@pytest.mark.parametrize("role", ["probation_service", "court_panel", "police_local"])
def test_who_enforces_a_prohibition_has_all_of_them(role: str) -> None:
    value = [prohibition("c-1"), prohibition("v-1", "victim")]
    assert shown(PROHIBITIONS, value, admission(role))["value"] == value


def test_every_field_that_holds_persons_is_decided_here() -> None:
    holding = {path for path, field in FIELDS.items() if field.kind.person_of is not None}
    assert holding == {CHILDREN, CONTACT, "family.family_contact_person", *POINTED_AT}
