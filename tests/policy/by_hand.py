"""Decisions as letters, to be held against tables that were written by hand.

Letters: F full, S summary, G generalised, E existence, - withheld.
"""

from collections.abc import Mapping

from app.files.catalogue import FIELDS, SECTIONS
from app.files.forms import Form
from app.policy.decision import Decision

LETTERS = {
    Form.NONE: "-",
    Form.EXISTENCE: "E",
    Form.GENERALISED: "G",
    Form.SUMMARY: "S",
    Form.FULL: "F",
}


def letters(decision: Decision) -> dict[str, str]:
    return {path: LETTERS[field.form] for path, field in decision.fields.items()}


def nothing() -> dict[str, str]:
    return dict.fromkeys(FIELDS, "-")


def without(table: Mapping[str, str], closed: str) -> dict[str, str]:
    """The table when these sections and fields are withheld."""
    names = closed.split()
    assert all(name in SECTIONS or name in FIELDS for name in names)
    return {
        path: "-" if path in names or path.partition(".")[0] in names else letter
        for path, letter in table.items()
    }


def only(table: Mapping[str, str], opened: str) -> dict[str, str]:
    """The table when everything but these sections and fields is withheld."""
    names = opened.split()
    kept = [path for path in FIELDS if path in names or path.partition(".")[0] in names]
    return without(table, " ".join(path for path in FIELDS if path not in kept))
