"""How an agency is reached: units with an address, never a person's name."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.agencies.oauth import is_text
from app.problems import FieldError, InvalidInput

EMAIL: Final = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,4}"
PHONE: Final = r"\+[1-9][0-9]{6,14}"
MAX_CONTACTS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """A unit that answers, such as a duty desk, by e-mail, by phone (E.164) or by both."""

    unit: str
    email: str | None = None
    phone: str | None = None

    def to_json(self) -> dict[str, str]:
        """As it is stored and shown; what it has not is left out."""
        members = {"unit": self.unit, "email": self.email, "phone": self.phone}
        return {name: text for name, text in members.items() if text is not None}


def from_json(members: Mapping[str, str]) -> ContactPoint:
    """The contact point that `to_json` wrote."""
    return ContactPoint(**members)


def columns(points: Iterable[ContactPoint], second: ContactPoint | None) -> dict[str, Any]:
    """The contacts of an agency as its row has them."""
    return {
        "contact_points": [one.to_json() for one in points],
        "second_contact": None if second is None else second.to_json(),
    }


def check(points: Iterable[ContactPoint], second: ContactPoint | None) -> None:
    """Refuse what reaches nobody: InvalidInput, without repeating it."""
    points = tuple(points)
    if len(points) > MAX_CONTACTS or len({one.unit for one in points}) != len(points):
        raise _invalid("contact_points", f"at most {MAX_CONTACTS}, each unit once")
    for one in points:
        _check("contact_points", one)
    if second is not None:
        _check("second_contact", second)


def _check(member: str, one: ContactPoint) -> None:
    reachable = one.email is not None or one.phone is not None
    email = one.email is None or re.fullmatch(EMAIL, one.email)
    phone = one.phone is None or re.fullmatch(PHONE, one.phone)
    if not (is_text(one.unit) and reachable and email and phone):
        raise _invalid(member, "a unit with an e-mail address, a phone number as E.164, or both")


def _invalid(member: str, expected: str) -> InvalidInput:
    return InvalidInput(
        "a contact point cannot be used", errors=(FieldError(f"/{member}", f"expected {expected}"),)
    )
