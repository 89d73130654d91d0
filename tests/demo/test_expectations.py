"""The table that was written by hand, and how a difference to it is found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.demo.cast import EMPLOYMENT, POLICE, RECIPIENTS
from app.demo.expectations import differences, excess, expected, leaks
from app.demo.report import REASONS
from app.demo.script import CONSENTED, FAMILY_NAME, NEAR, prison_sections
from app.files.catalogue import FIELDS

README = Path(__file__).parent.parent.parent / "README.md"


def view(role: str, **changed: str) -> dict[str, Any]:
    """A view that is as the table has it, but for changed forms (`section__field`)."""
    forms = {path: form for path, form in expected()[role].items() if form is not None}
    forms |= {name.replace("__", "."): form for name, form in changed.items()}
    released: dict[str, dict[str, Any]] = {}
    for path, form in forms.items():
        section, name = path.split(".")
        released.setdefault(section, {})[name] = {"form": form}
    return {"released": released}


def test_the_table_has_every_field_for_every_recipient() -> None:
    table = expected()
    assert set(table) == {player.role for player in RECIPIENTS}
    assert all(set(column) == set(FIELDS) for column in table.values())


def test_nothing_is_found_where_all_is_as_the_table_has_it() -> None:
    for player in RECIPIENTS:
        assert not list(differences(player, view(player.role)))
        assert not list(excess(player, view(player.role)["released"]))


def test_a_higher_form_a_lower_form_and_a_new_field_are_differences() -> None:
    for changed in (
        {"identity__full_name": "full"},
        {"identity__full_name": "existence"},
        {"residence_contact__personal_phone": "full"},
    ):
        found = list(differences(POLICE, view(POLICE.role, **changed)))
        assert len(found) == 1
        assert next(iter(changed)).replace("__", ".") in found[0]


def test_a_notice_may_hold_less_than_a_read_but_nothing_more() -> None:
    less: Mapping[str, Any] = {"identity": {"full_name": {"form": "generalised"}}}
    more: Mapping[str, Any] = {"needs": {"accommodation_need": {"form": "existence"}}}
    assert not list(excess(EMPLOYMENT, less))
    assert len(list(excess(EMPLOYMENT, more))) == 1


def test_a_withheld_value_is_found_wherever_it_stands() -> None:
    from datetime import date

    sections = prison_sections(date(2027, 1, 1), municipality="XK-GJILAN")
    phone = sections["residence_contact"]["personal_phone"]["value"]
    hidden = {"release": {"release_type": {"value": {"note": [f"call {phone}"]}}}}
    assert any("personal_phone" in one for one in leaks(POLICE, sections, hidden))
    assert not list(leaks(EMPLOYMENT, sections, {"identity": {"full_name": FAMILY_NAME}}))


def test_the_consented_fields_are_fields_of_the_catalogue() -> None:
    assert set(CONSENTED) <= set(FIELDS)


def test_the_table_in_the_readme_is_the_table_of_the_demonstration() -> None:
    text = README.read_text(encoding="utf-8").split("```")
    printed = next(part for part in text if f"Person {NEAR.name}: field" in part)
    rows = [line.split() for line in printed.replace("· ", "·").splitlines()[3:] if line.strip()]
    fields = [row for row in rows if len(row) > 1]
    assert [row[0] for row in fields] == [path.split(".")[1] for path in FIELDS]
    reasons = {reason.replace(" ", "") for reason in REASONS.values()}
    for path, row in zip(FIELDS, fields, strict=True):
        for player, cell in zip(RECIPIENTS, row[1:], strict=True):
            form = expected()[player.role][path]
            assert cell == form if form is not None else cell in reasons, path
