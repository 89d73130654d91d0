import pytest

from app.files.forms import DISCLOSED_FORMS, Form


def test_the_forms_are_totally_ordered() -> None:
    assert Form.NONE < Form.EXISTENCE < Form.GENERALISED < Form.SUMMARY < Form.FULL
    assert sorted(DISCLOSED_FORMS) == [form for form in Form if form is not Form.NONE]


@pytest.mark.parametrize("form", Form)
def test_a_code_names_its_form(form: Form) -> None:
    assert Form.from_code(form.code) is form
    assert form.code == form.code.lower()


def test_another_text_is_no_form() -> None:
    with pytest.raises(ValueError, match="not the code of a form"):
        Form.from_code("FULL")
