"""The forms in which a field may travel, from nothing to everything. Pure."""

from enum import IntEnum


class Form(IntEnum):
    """A total order: a higher form says at least as much as every lower one."""

    NONE = 0
    EXISTENCE = 1
    GENERALISED = 2
    SUMMARY = 3
    FULL = 4

    @property
    def code(self) -> str:
        """The form as policies and answers write it: `none`, `existence`, ... `full`."""
        return _CODES[self]

    @classmethod
    def from_code(cls, code: str) -> "Form":
        """The form of a code; ValueError for any other text."""
        for form in cls:
            if form.code == code:
                return form
        raise ValueError("not the code of a form")


# By the value of each: a read names a form for every field.
_CODES = tuple(form.name.lower() for form in Form)
# What may leave at all: everything above `none`, lowest first.
DISCLOSED_FORMS = (Form.EXISTENCE, Form.GENERALISED, Form.SUMMARY, Form.FULL)
