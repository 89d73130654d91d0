"""The type of a code list: its codes, where they come from, and how they group."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from app.files.rules import StringRule, refuse

# A message names the codes of a list up to this many; a longer list is named itself.
NAMED_IN_A_MESSAGE = 20


class Origin(StrEnum):
    """Whose list it is."""

    DICTIONARY = "the data dictionary"
    PUBLISHED = "a published list"
    PROPOSED = "a proposal of this project"


@dataclass(frozen=True, eq=False)
class CodeList(StringRule):
    """A closed list of codes. With `groups`, each code is in exactly one group of several codes.

    `usual` are the codes that samples draw from, where the list is long.
    """

    title: str
    codes: tuple[str, ...]
    origin: Origin
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    usual: tuple[str, ...] = ()
    _group_of: dict[str, str] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if len(set(self.codes)) != len(self.codes):
            raise ValueError(f"{self.title}: a code stands twice")
        for group, members in self.groups.items():
            # INVARIANT: a group of one code would tell the code.
            if len(members) < 2:  # noqa: PLR2004 - two is what "several" means
                raise ValueError(f"{self.title}: the group {group} holds fewer than two codes")
            self._group_of.update(dict.fromkeys(members, group))
        grouped = sorted(code for members in self.groups.values() for code in members)
        if grouped and grouped != sorted(self.codes):
            raise ValueError(f"{self.title}: each code belongs to exactly one group")

    def group_of(self, code: str) -> str:
        """The group of a code of this list; KeyError where the list has no groups."""
        return self._group_of[code]

    def check(self, text: str) -> str:
        """See StringRule."""
        if text in self.codes:
            return text
        if len(self.codes) <= NAMED_IN_A_MESSAGE:
            raise refuse("code", f"Expected one of: {', '.join(self.codes)}")
        raise refuse("code", f"Expected a code of the list: {self.title}")

    def json_schema(self) -> dict[str, Any]:
        """See StringRule."""
        return {"enum": list(self.codes), "description": f"{self.title} ({self.origin})"}

    def sample(self, random: Random) -> str:
        """See StringRule."""
        return random.choice(self.usual or self.codes)


def listed(title: str, codes: str, origin: Origin = Origin.PROPOSED) -> CodeList:
    """A list without groups; the codes stand in one string, with spaces between them."""
    return CodeList(title, tuple(codes.split()), origin)


def grouped(title: str, groups: Mapping[str, str], origin: Origin = Origin.PROPOSED) -> CodeList:
    """A list whose groups are all that the generalised form tells."""
    members = {group: tuple(codes.split()) for group, codes in groups.items()}
    codes = tuple(code for group in members.values() for code in group)
    return CodeList(title, codes, origin, members)
