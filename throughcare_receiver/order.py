"""Order: what came late, and what is missing. Pure.

Order is kept among the notices about one person, and nowhere else: two about different people
may overtake each other. A notice that the service could not deliver leaves a gap for good. A
notice that comes late is a fact all the same; it must only not replace what a later one said.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from throughcare_receiver.notification import Sequence

NOTHING = range(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a notification stands to those that are here already.

    Attributes:
        skipped: numbers of the subscription between the highest so far and this one.
        skipped_about_person: the same among the notices about this person.
        is_late: a later notice about this person is here already.
    """

    skipped: range
    skipped_about_person: range
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Numbers that never came, below the highest that did.

    Attributes:
        of_subscription: they may be on their way; older than a day they are lost.
        about_person: by reference; only people with a gap are named.
    """

    of_subscription: tuple[range, ...]
    about_person: Mapping[str, tuple[range, ...]]


def place(sequence: Sequence, *, highest: int, highest_about_person: int) -> Placement:
    """Where a new notification stands; the highest numbers so far are 0 where there are none."""
    return Placement(
        skipped=_between(highest, sequence.subscriber),
        skipped_about_person=_between(highest_about_person, sequence.person),
        is_late=sequence.person <= highest_about_person,
    )


def gaps(places: Iterable[tuple[str, Sequence]]) -> Gaps:
    """What is missing among all that came: the reference and the numbers of each."""
    numbers: list[int] = []
    about: defaultdict[str, list[int]] = defaultdict(list)
    for reference, sequence in places:
        numbers.append(sequence.subscriber)
        about[reference].append(sequence.person)
    found = {reference: _missing(of_person) for reference, of_person in sorted(about.items())}
    return Gaps(
        of_subscription=_missing(numbers),
        about_person={reference: missing for reference, missing in found.items() if missing},
    )


def _missing(numbers: Iterable[int]) -> tuple[range, ...]:
    """The numbers from 1 to the highest that are not among those given."""
    missing = []
    highest = 0
    for number in sorted(numbers):
        if skipped := _between(highest, number):
            missing.append(skipped)
        highest = number
    return tuple(missing)


def _between(highest: int, number: int) -> range:
    return range(highest + 1, number) if number > highest + 1 else NOTHING
