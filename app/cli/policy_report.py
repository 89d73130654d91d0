"""What one bundle changes of another, in words: read before it is signed."""

import json
from itertools import chain
from typing import TYPE_CHECKING

from app.cli.output import screen

if TYPE_CHECKING:
    from app.policy.changes import AuthorityChange, Changes
    from app.policy.diff import Difference
    from app.policy.grounds import GroundChange

STYLES = {"gains": "red", "loses": "yellow"}


def show_changes(changes: "Changes") -> None:
    """One paragraph for each cause, then authorities, law and invariants, then how many."""
    from app.policy.diff import by_cause  # noqa: PLC0415 - loads the solver

    causes = by_cause(changes.differences)
    for group in causes:
        _show_cause(group)
    for one in changes.authorities:
        _show_authority(one)
    for ground in changes.grounds:
        _show_ground(ground)
    for name in changes.invariants:
        _say(f"invariants are stated differently in {name}", style="red")
    _say(f"{len(changes.differences)} differences, {len(causes)} causes")
    _say(f"{changes.gains} gains, {changes.losses} losses")
    _say(f"{len(changes.grounds)} changes of the law that policies rest on")


def _show_cause(group: "tuple[Difference, ...]") -> None:
    first = group[0]
    by = ", ".join(dict.fromkeys(chain.from_iterable(one.policies for one in group)))
    _say(f"{first.role} {first.change} (by {by})", style=STYLES[first.change])
    _say(f"  when {first.words}")
    for one in group:
        _say(f"    {one.subject} {one.step}")


def _show_authority(one: "AuthorityChange") -> None:
    authority = one.authority
    _say(
        f"{authority.recipient} {one.change} a legal authority ({authority.id})", STYLES[one.change]
    )
    _say(f"  {authority.title}: {authority.citation}")
    _say(f"  from {authority.valid_from} to {authority.valid_until}")
    _say(f"  for {', '.join(sorted(authority.purposes))}")
    for part in sorted(authority.parts):
        _say(f"    {part}")


def _show_ground(one: "GroundChange") -> None:
    _say(f"{one.kind.replace('_', ' ')} {one.id} is {one.change}", "yellow")
    sides = [side for side in (one.before, one.after) if side is not None]
    for name in sides[0]:
        _say(f"  {name}: {' -> '.join(_in_words(side[name]) for side in sides)}")


def _in_words(value: object) -> str:
    """A member of a record; what lists nothing and what says nothing can be told apart."""
    if isinstance(value, list):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def _say(text: str, style: str | None = None) -> None:
    """A line of its own, however long: nothing in it is markup."""
    screen.print(text, style=style, markup=False, soft_wrap=True)
