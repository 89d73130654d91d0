"""The actions that a policy may speak of, in the order of their bits. Pure.

Releasing one field in one form is one action, `section.field#form`. It stands in groups:

- `grant:section.field:form` holds that form and all below it; permits name these;
- `block:section.field:form` and `block:section:form` hold that form and all above it;
  forbids name these.

Forms are therefore monotone by construction. There is no grant group of a whole section:
a field that is added to the catalogue is withheld from everybody until a permit names it,
and is blocked wherever a forbid names its section.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from app.files.catalogue import FIELDS, SECTIONS
from app.files.forms import DISCLOSED_FORMS, Form

READ_ACCESS_LOG = "read_access_log"


@dataclass(frozen=True)
class Vocabulary:
    """Sections with their owner roles and the field paths of each, in the catalogue's order."""

    owners: Mapping[str, str]
    fields: tuple[str, ...]

    @cached_property
    def actions(self) -> tuple[str, ...]:
        """Every action; its place is its bit. Releases come first, the lowest form first."""
        releases = [release(path, form) for form in DISCLOSED_FORMS for path in self.fields]
        return (*releases, *map(contribute, self.owners), READ_ACCESS_LOG)

    @cached_property
    def bits(self) -> Mapping[str, int]:
        """The mask of each action: one bit set."""
        return {action: 1 << place for place, action in enumerate(self.actions)}

    @cached_property
    def field_masks(self) -> tuple[int, ...]:
        """For each field the bits of all its forms."""
        return tuple(
            sum(self.bits[release(path, form)] for form in DISCLOSED_FORMS) for path in self.fields
        )


def of_the_catalogue() -> Vocabulary:
    """The vocabulary of the shipped inmate file."""
    owners = {name: str(section.owner_role) for name, section in SECTIONS.items()}
    return Vocabulary(owners=owners, fields=tuple(FIELDS))


def release(path: str, form: Form) -> str:
    """The action of releasing a field in a form."""
    return f"{path}#{form.code}"


def contribute(section: str) -> str:
    """The action of writing a section."""
    return f"contribute:{section}"


def grant(path: str, form: Form) -> str:
    """The group that permits name: the form and all below it."""
    return f"grant:{path}:{form.code}"


def block(subject: str, form: Form) -> str:
    """The group that forbids name, of a field or a section: the form and all above it."""
    return f"block:{subject}:{form.code}"


def parents_of_release(path: str, form: Form) -> tuple[str, ...]:
    """The groups in which the release of a field in a form stands directly."""
    return (grant(path, form), block(path, form))


def parents_of_grant(path: str, form: Form) -> tuple[str, ...]:
    """A grant group stands in the one of the next higher form."""
    return () if form is Form.FULL else (grant(path, Form(form + 1)),)


def parents_of_block(subject: str, form: Form) -> tuple[str, ...]:
    """A block group stands in the one of the next lower form, a field's also in its section's."""
    lower = () if form is Form.EXISTENCE else (block(subject, Form(form - 1)),)
    section, dot, _ = subject.partition(".")
    return (*lower, block(section, form)) if dot else lower
