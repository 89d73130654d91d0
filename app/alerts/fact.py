"""A read of a file, or an attempt, as the rules see it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One entry of the log in which an officer read the file of a person, or tried to.

    Attributes:
        index: its place in the log.
        at: when it was recorded.
        agency, officer: who asked; the officer's id is the agency's own.
        refused: nothing was given, as if there were nobody of this reference.
        purpose: what was asked for.
        subject: keyed fingerprint of the person; None where the reference is nobody's, or the
            person has been erased.
        case: keyed fingerprint of the case that the caller named.
        emergency: whether the read rested on emergency access.
    """

    index: int
    at: datetime
    agency: str
    officer: str
    refused: bool = False
    purpose: str | None = None
    subject: str | None = None
    case: str | None = None
    emergency: bool = False


class Past(Protocol):
    """What happened up to the end of a batch, the batch with it."""

    def facts(
        self,
        agency: str,
        *,
        since: datetime,
        until: datetime,
        officer: str | None = None,
        case: str | None = None,
        refused: bool | None = None,
    ) -> Sequence[Fact]:
        """Facts of an agency in [since, until], in the order of the log; narrowed if asked."""

    def persons(
        self, agency: str, officer: str | None, *, first: date, last: date
    ) -> Mapping[date, int]:
        """Of how many persons files were read, by local day in [first, last]; no day with none.

        `officer` None is the whole agency.
        """

    def role(self, agency: str) -> str:
        """The role of an agency; empty where there is no such agency."""
