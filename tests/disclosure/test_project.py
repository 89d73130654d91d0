"""The projection adds what is permitted; what does not stand is as if it were not recorded."""

from datetime import date
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from app.access_log.canonical_json import encode
from app.cases.known import Known
from app.disclosure.persons import Admission
from app.disclosure.project import project, recorded_fields, released_paths
from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.files.store import StoredFile
from app.policy.decision import Decision, FieldDecision, Reason
from tests.api.exchange import Sections, sections_of

TODAY = date(2027, 3, 3)
# Of whoever keeps the file: each nested person shows.
EVERYBODY = Admission(agency="prison", role="", custodian="prison", known=Known())
FORMS = st.fixed_dictionaries({path: st.sampled_from(Form) for path in FIELDS})


def decision(forms: dict[str, Form]) -> Decision:
    fields = {
        path: FieldDecision(form, policies=("P",), legal_bases=("L",))
        if form is not Form.NONE
        else FieldDecision(form, reason=Reason.CONDITIONS_NOT_MET)
        for path, form in forms.items()
    }
    return Decision("digest", fields, frozenset(), may_read_access_log=False, satisfied=frozenset())


def everything(form: Form) -> Decision:
    return decision(dict.fromkeys(FIELDS, form))


def stored(sections: Sections, **more: str) -> StoredFile:
    stamp = {"nature": "fact", "source_agency": "prison", "recorded_at": "2027-01-01T00:00:00Z"}
    return StoredFile(
        person_id="p",
        custodian="prison",
        version=1,
        sections={
            section: {name: {**stamp, **envelope, **more} for name, envelope in fields.items()}
            for section, fields in sections.items()
        },
    )


@cache  # to draw it anew for every example would take most of the time
def whole_file() -> StoredFile:
    roles = dict.fromkeys(field.owner_role for field in FIELDS.values())
    return stored({name: one for role in roles for name, one in sections_of(role).items()})


@given(FORMS)
def test_every_field_is_released_in_its_form_or_withheld_with_a_reason(
    forms: dict[str, Form],
) -> None:
    projection = project(decision(forms), whole_file(), EVERYBODY, today=TODAY)
    released = {one["field"]: one["form"] for one in released_paths(projection)}
    withheld = {one["field"] for one in projection.withheld}
    assert released == {path: form.code for path, form in forms.items() if form is not Form.NONE}
    assert withheld == FIELDS.keys() - released.keys()
    assert projection.empty == (not released)


@given(FORMS)
def test_what_is_withheld_looks_the_same_with_and_without_a_value(forms: dict[str, Form]) -> None:
    empty = project(decision(forms), stored({}), EVERYBODY, today=TODAY)
    full = project(decision(forms), whole_file(), EVERYBODY, today=TODAY)
    assert empty.withheld == full.withheld
    assert list(released_paths(empty)) == list(released_paths(full))


@given(FORMS)
def test_what_the_log_keeps_was_written_once_for_every_file(forms: dict[str, Form]) -> None:
    for file in (stored({}), whole_file()):
        projection = project(decision(forms), file, EVERYBODY, today=TODAY)
        assert projection.on_record is not None
        assert encode(projection.on_record) == encode(recorded_fields(projection))


@given(FORMS)
def test_below_the_summary_no_origin_is_told_and_below_generalised_no_value(
    forms: dict[str, Form],
) -> None:
    projection = project(decision(forms), whole_file(), EVERYBODY, today=TODAY)
    for fields in projection.released.values():
        for field in fields.values():
            told = field.keys() - {"form", "policies", "legal_bases", "recorded"}
            form = next(one for one in Form if one.code == field["form"])
            expected = {"value"} if form > Form.EXISTENCE and field["recorded"] else set()
            if form >= Form.SUMMARY and field["recorded"]:
                expected |= {"nature", "source_agency", "recorded_at"}
            assert told == expected


def test_a_value_holds_through_its_last_day_and_not_longer() -> None:
    need = {"needs": {"employment_need": {"value": "none"}}}
    for until, recorded in (("2027-03-02", False), ("2027-03-03", True), ("2027-03-04", True)):
        file = stored(need, valid_until=until)
        for form in (Form.FULL, Form.EXISTENCE):
            released = project(everything(form), file, EVERYBODY, today=TODAY).released
            field = released["needs"]["employment_need"]
            assert field["recorded"] is recorded
            assert ("value" in field) is (recorded and form is Form.FULL)


def test_what_the_sentence_contradicts_is_as_if_it_were_not_recorded() -> None:
    marks: Sections = {
        "extremism_status": {"veto_status": {"value": "yes"}},
        "risk_assessment": {
            "risk_level_ve": {"value": "high"},
            "risk_level_general": {"value": "low"},
        },
    }
    for status, recorded in (("sentenced", True), ("untried", False), (None, False)):
        sentence = {} if status is None else {"sentence": {"legal_status": {"value": status}}}
        for form in (Form.FULL, Form.EXISTENCE):
            released = project(
                everything(form), stored({**marks, **sentence}), EVERYBODY, today=TODAY
            ).released
            assert released["extremism_status"]["veto_status"]["recorded"] is recorded
            assert released["risk_assessment"]["risk_level_ve"]["recorded"] is recorded
            assert released["risk_assessment"]["risk_level_general"]["recorded"] is True
