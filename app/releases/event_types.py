"""What the table of events says of each type. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Priority(StrEnum):
    """Priority class of a notice. An immediate one is never held for batching."""

    ROUTINE = "routine"
    URGENT = "urgent"
    IMMEDIATE = "immediate"


class Kind(StrEnum):
    """What a message of a type is for.

    News tells something, a request asks for something. A control message carries the `jti` of
    what was sent and what to do with it, and no field; its ground is the past receipt. What is of
    oversight tells whoever keeps a file, and whoever watches over it, what was done with it, and
    no field either. What is internal is for the exchange itself: an event stands, and nobody is
    told.
    """

    NEWS = "news"
    REQUEST = "request"
    CONTROL = "control"
    OVERSIGHT = "oversight"
    INTERNAL = "internal"


class Trigger(StrEnum):
    """What makes an event."""

    FILE = "file"  # a change of the inmate file
    CLOCK = "clock"
    CUSTODY = "custody"  # the prison decides or reports it
    FACT = "fact"  # a door records a deciding fact
    CONTROL = "control"  # another event entails it


class Matter(StrEnum):
    """What an event is about: who was told of a matter is told how it goes on."""

    RELEASE = "release"
    LEAVE = "leave"
    FLIGHT = "flight"
    SUPERVISION = "supervision"
    CASE = "case"
    RECORD = "record"
    OVERSIGHT = "oversight"


class Holds(StrEnum):
    """What must still be so at the attempt: else what took it back goes to those told of it."""

    ALWAYS = "always"
    RELEASE_IN_VIEW = "release_in_view"
    LEFT = "left"
    LEAVE_GRANTED = "leave_granted"
    AT_LARGE = "at_large"


class Contact(StrEnum):
    """To whom an unanswered notice is taken."""

    SUPERVISOR = "supervisor"
    AGENCY_HEAD = "agency_head"
    SECOND_CONTACT = "second_contact"
    DUTY_OFFICER = "duty_officer"
    DATA_PROTECTION_OFFICER = "dpo"
    CUSTODIAN = "custodian"
    REINTEGRATION_UNIT = "reintegration_unit"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an escalation: so many hours after an answer was due and did not come.

    Where no answer is due, counted from the notice.
    """

    after_hours: int
    to: Contact


@dataclass(frozen=True, slots=True)
class Hastened:
    """A faster answer: where the release is at most `within_days` away, or safety is at stake.

    `if_earlier`: only when the release was moved to an earlier day.
    """

    hours: int
    within_days: int | None = None
    if_earlier: bool = False
    if_safety: bool = False

    def holds(self, days: int | None, *, earlier: bool, safety: bool) -> bool:
        """Whether it is this case: `days` before the release, moved `earlier`, about `safety`."""
        if safety and self.if_safety:
            return True
        near = self.within_days is not None and days is not None and days <= self.within_days
        return near and (earlier or not self.if_earlier)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """A row of the table.

    Attributes:
        name: stands in the envelope and in the contract.
        meaning: one sentence for whoever receives it.
        kind: news, request, control, oversight or internal.
        triggers: what makes it.
        recipients: the roles that the catalogue names. Which agencies of them: those that are
            competent, have the case or stand in; which fields: the policy, at each attempt.
        named: the agencies are named by whoever makes the event; the roles only bound them.
        sections: what a notice may carry.
        if_unheard: what it may carry to whoever perhaps never got the earlier notices that it is
            about. Empty: the same.
        tells: sections, or fields, that the type speaks of by its name: a recipient who may
            have none of them is not told. Empty: any of the sections will do.
        acknowledgement_hours: None where no acknowledgement is expected.
        hastened: a faster answer near the release.
        escalation: what follows if nobody answers.
        priority: at least this.
        announces_release: it grows urgent as the release comes near.
        matter: what a receipt of it is a receipt about.
        follows: the matter whose past recipients are told; None: its own.
        only_those_told: nobody is told who was not told of the matter.
        superseded_by: types whose news makes one that nobody has seen yet pointless: each of
            them goes to whoever was told before, so that nobody keeps an old date.
        only_involved: nobody is told who was neither told of the matter nor has the case.
        bare: it goes to them although the policy permits no field any more.
        ends: the matter that is over with it: who is told afterwards is told of another one.
        holds: what must still be so at the attempt.
        control: the control message that it entails for past recipients.
        closed: roles that the catalogue names and the policy keeps this from, with the reason.
    """

    name: str
    meaning: str
    kind: Kind = Kind.NEWS
    triggers: frozenset[Trigger]
    recipients: frozenset[str] = frozenset()
    named: bool = False
    sections: tuple[str, ...] = ()
    if_unheard: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    acknowledgement_hours: int | None = None
    hastened: Hastened | None = None
    escalation: tuple[Step, ...] = ()
    priority: Priority = Priority.ROUTINE
    announces_release: bool = False
    matter: Matter
    follows: Matter | None = None
    only_those_told: bool = False
    superseded_by: frozenset[str] = frozenset()
    only_involved: bool = False
    bare: bool = False
    ends: Matter | None = None
    holds: Holds = Holds.ALWAYS
    control: str | None = None
    closed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def carries(self) -> tuple[str, ...]:
        """All that a notice may carry."""
        return self.if_unheard or self.sections

    @property
    def receipts(self) -> Matter:
        """The matter on whose receipts this event rests."""
        return self.follows or self.matter

    def acknowledged_within(
        self, days: int | None, *, earlier: bool = False, safety: bool = False
    ) -> int | None:
        """Hours to answer, `days` before the release; None where no answer is due."""
        if self.hastened is not None and self.hastened.holds(days, earlier=earlier, safety=safety):
            return self.hastened.hours
        return self.acknowledgement_hours
