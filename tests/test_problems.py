"""Problems: the tree in the docstring is the tree in the code, and a document tells no more."""

import importlib
import pkgutil
import re

import pytest

import app
from app import problems
from app.problems import FieldError, ThroughcareError, document

CLASSES = [
    member
    for member in vars(problems).values()
    if isinstance(member, type) and issubclass(member, ThroughcareError)
]


def test_the_drawn_tree_names_every_error_with_its_status() -> None:
    assert problems.__doc__ is not None
    drawn = dict(re.findall(r"── (\w+) +(\d{3}) ", problems.__doc__))
    built = {c.__name__: str(c.status) for c in CLASSES if c is not ThroughcareError}
    assert drawn == built


def test_each_error_is_made_when_it_happens() -> None:
    """One that is raised again and again keeps the frames of all who were refused before."""
    places = [place.name for place in pkgutil.walk_packages(app.__path__, "app.")]
    kept = {
        f"{place}.{name}"
        for place in places
        if not place.endswith("__main__")
        for name, value in vars(importlib.import_module(place)).items()
        if isinstance(value, BaseException)
    }
    assert kept == set()


def test_no_two_errors_share_a_type() -> None:
    assert len({kind.slug for kind in CLASSES}) == len(CLASSES)
    assert len({kind.title for kind in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_document_has_the_members_of_rfc_9457(kind: type[ThroughcareError]) -> None:
    assert document(kind("expected something else")) == {
        "type": f"urn:throughcare:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": "expected something else",
    }


def test_findings_come_as_pointer_and_message_in_their_order() -> None:
    findings = (FieldError("/b", "expected a date"), FieldError("line 7", "expected a value"))
    error = problems.InvalidInput("it does not fit", errors=findings)
    assert document(error)["errors"] == [
        {"pointer": "/b", "message": "expected a date"},
        {"pointer": "line 7", "message": "expected a value"},
    ]


def test_the_cause_of_an_error_stays_inside() -> None:
    error = problems.Unavailable("nothing was recorded")
    error.__cause__ = ValueError("Planted Name")
    assert "Planted Name" not in str(document(error))


def test_what_is_unmapped_is_an_internal_error() -> None:
    assert ThroughcareError.status == 500
