"""Conditions and facts in plain words, with the letters of the disclosure matrix. Pure.

What has no words of its own is shown as Cedar writes it, so nothing is ever left unsaid.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

from app.policy import expressions
from app.policy.expressions import Node
from app.policy.request import Request

# The letters of the matrix, for a legend.
LETTERS: Mapping[str, str] = {
    "J": "the person comes to the territory of the recipient",
    "T": "the time is inside the window around the release, or an incident concerns the recipient",
    "N": "an accepted referral to the recipient",
    "C": "consent of the person, or of the relative for the relative's data",
    "D": "the recipient is a designated, trained unit",
    "V": "a registered victim opted in, or a danger was assessed",
    "W": "vital interest, for a short time and reviewed",
    "R": "support after the release is not over",
    "K": "a child of the recipient's care is linked to the case",
    "L": "a legal authority named in the national registry",
    "O": "a court order for this case",
    "X": "a transfer approved by two people after its test",
    "own": "the recipient keeps the file",
}

_FLAGS: Mapping[str, tuple[str, str]] = {
    "support_open": ("R", "support is not over"),
    "incident": ("T", "an escape, a failed return or a granted leave concerns it"),
    "assigned": ("N", "it accepted a referral of the person"),
    "designated": ("D", "it is a designated, trained unit"),
    "child_linked": ("K", "a child of its care is linked to the case"),
    "victim_registered": ("V", "a registered victim opted in, or a danger was assessed"),
    "transfer_approved": ("X", "two people approved this transfer"),
}
_SETS: Mapping[str, tuple[str, str]] = {
    "consents": ("C", "the person consented to it having {}"),
    "relative_consents": ("C", "the relative consented to it having {}"),
    "vital_interest": ("W", "a vital interest opens {} to it"),
    "court_orders": ("O", "a court order covers {} for it"),
    "legal_authorities": ("L", "a named legal authority opens {} to it"),
}
_TERRITORY: Mapping[str, str] = {
    "return_municipality": "the person returns to its territory",
    "leave_municipality": "a granted leave is spent in its territory",
}
_KEEPS = "it keeps the file"
_PARTIES: Mapping[str, str] = {"agency": "it is", "custodian": "the file is kept by"}
# Names for texts of which only matters which are the same.
STAND_INS: Mapping[str, str] = {
    "principal.agency": "agency",
    "resource.custodian": "custodian",
    "resource.return_municipality": "municipality-of-return",
    "resource.leave_municipality": "municipality-of-leave",
}
_KNOWN: Mapping[str, str] = {
    "days_to_release": "the day of the release is known",
    "return_municipality": "the municipality of return is known",
    "leave_municipality": "a granted leave concerns a municipality",
}
_SPEAKS_PLAINLY = 3  # members of a set that are named before they are counted


class Clause(NamedTuple):
    """One condition: its letters in the matrix (empty: none) and its words."""

    letters: str
    words: str


def clauses(conjuncts: Iterable[Node]) -> tuple[Clause, ...]:
    """What must hold together, in words; purposes are left to where they are listed."""
    nodes = [node for node in conjuncts if not expressions.purposes(node)]
    bounds = [bound for node in nodes if (bound := expressions.day_bound(node))]
    tested = expressions.attributes([node for node in nodes if "has" not in node])
    rest = [
        node
        for node in nodes
        if expressions.day_bound(node) is None
        and not ("has" in node and node["has"]["attr"] in tested)
    ]
    window = [Clause("T", window_in_words(*_window(bounds)))] if bounds else []
    return (*map(_clause, rest), *window)


def letters(of: Iterable[Clause]) -> str:
    """The letters of clauses that must hold together, as `J,T,N`; a star for what has none."""
    return ",".join(dict.fromkeys(clause.letters or "*" for clause in of))


def _clause(node: Node) -> Clause:
    operator, argument = next(iter(node.items()))
    if operator == "||":
        return _either([clauses(expressions.parts(n)) for n in expressions.alternatives(node)])
    if operator == "&&":
        return _together(clauses(expressions.parts(node)))
    if operator == "!":
        inner = _together(clauses(expressions.parts(argument["arg"])))
        return Clause(inner.letters, f"not: {inner.words}")
    return _test(node, operator, argument)


def _either(alternatives: Sequence[tuple[Clause, ...]]) -> Clause:
    sides = [_together(side) for side in alternatives]
    return Clause(
        "/".join(dict.fromkeys(side.letters for side in sides if side.letters)),
        "either " + ", or ".join(side.words for side in sides),
    )


def _together(parts: Sequence[Clause]) -> Clause:
    found = [part.letters for part in parts if part.letters]
    return Clause(",".join(dict.fromkeys(found)), " and ".join(part.words for part in parts))


def _test(node: Node, operator: str, argument: Mapping[str, Any]) -> Clause:
    path = expressions.attribute(node)
    if path is not None:
        return Clause(*_FLAGS.get(_name(path), ("", f"`{path}`")))
    if operator == "has":
        words = _KNOWN.get(argument["attr"], f"`{argument['attr']}` is known")
        return Clause("", words)
    if "left" in argument:
        return _comparison(node, operator, argument["left"], argument["right"])
    return Clause("", f"`{cedar(node)}`")


def _comparison(node: Node, operator: str, left: Node, right: Node) -> Clause:
    sides = [_name(expressions.attribute(side) or "") for side in (left, right)]
    if operator == "contains" and sides[0] == "municipalities" and sides[1] in _TERRITORY:
        return Clause("J", _TERRITORY[sides[1]])
    if operator == "==" and set(sides) == {"agency", "custodian"}:
        return Clause("own", _KEEPS)
    members = _members(right)
    if operator == "contains" and sides[0] in _SETS and members:
        letter, words = _SETS[sides[0]]
        return Clause(letter, words.format(listed(members)))
    return Clause("", f"`{cedar(node)}`")


def _members(node: Node) -> list[str]:
    values = [expressions.literal(member) for member in node.get("Set", [node])]
    return [value["__entity"]["id"] for value in values if isinstance(value, Mapping)]


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def listed(members: Iterable[str]) -> str:
    """A few names, or how many there are."""
    names = sorted(members)
    if len(names) > _SPEAKS_PLAINLY:
        return f"{len(names)} fields"
    return ", ".join(f"`{name}`" for name in names)


def _window(bounds: Iterable[tuple[str, int]]) -> tuple[int | None, int | None]:
    """The first and the last day of bounds that must hold together, as days to the release."""
    bounds = list(bounds)
    most = [days for kind, days in bounds if kind == "at most"]
    least = [days for kind, days in bounds if kind == "at least"]
    return (min(most) if most else None, max(least) if least else None)


def window_in_words(first: int | None, last: int | None) -> str:
    """A span of days around the release, as days to it; None: without an end on that side."""
    if first == last and first is not None:
        return f"on {day_in_words(first)}" if first == 0 else day_in_words(first)
    if first is not None and last is not None and first * last > 0:
        side = "before" if first > 0 else "after"
        return f"from {abs(first)} to {abs(last)} days {side} the release"
    begin = "from any time" if first is None else f"from {day_in_words(first)}"
    return f"{begin} on" if last is None else f"{begin} to {day_in_words(last)}"


def day_in_words(days: int) -> str:
    """A day by its days to the release, negative after it."""
    if days == 0:
        return "the day of the release"
    unit = "day" if abs(days) == 1 else "days"
    return f"{abs(days)} {unit} {'before' if days > 0 else 'after'} the release"


def fact_in_words(name: str, members: Iterable[str] = (), *, subject: str = "") -> str:
    """A flag, or that these are members of a set of the circumstances.

    `subject` is the field that is spoken of: it need not be named again.
    """
    if name in _FLAGS:
        return _FLAGS[name][1]
    named = listed(members)
    words = _SETS[name][1] if name in _SETS else f"`{name}` has {{}}" if named else f"`{name}`"
    return words.format("this field" if named == f"`{subject}`" else named)


def facts_in_words(request: Request, *, subject: str = "") -> Iterator[str]:
    """The facts that are there, but for purpose and days: for a situation in words."""
    yield from _parties(request)
    for fact in fields(request):
        value = getattr(request, fact.name)
        if value is True:
            yield fact_in_words(fact.name)
        elif isinstance(value, frozenset) and value and fact.name != "municipalities":
            yield fact_in_words(fact.name, value, subject=subject)
    if request.officer_assurance == "proven":
        yield "the officer is proven"


def _parties(request: Request) -> Iterator[str]:
    """Who asks, who keeps the file, and whose territory it is about."""
    if request.agency == request.custodian:
        yield _KEEPS
    for name, words in _PARTIES.items():
        if getattr(request, name) not in STAND_INS.values():
            yield f"{words} `{getattr(request, name)}`"
    elsewhere = set(request.municipalities)
    for name, words in _TERRITORY.items():
        municipality = getattr(request, name)
        if municipality is not None:
            yield words if municipality in request.municipalities else _KNOWN[name]
            elsewhere.discard(municipality)
    if elsewhere:
        yield f"its territory has {listed(elsewhere)}"


def cedar(node: Node) -> str:
    """A condition roughly as Cedar writes it."""
    operator, argument = next(iter(node.items()))
    if operator == "Value":
        return _value(argument)
    if operator == "Var":
        return str(argument)
    if operator == "Set":
        return f"[{', '.join(map(cedar, argument))}]"
    if operator in {".", "has"}:
        return f"{cedar(argument['left'])}{'.' if operator == '.' else ' has '}{argument['attr']}"
    if operator == "!":
        return f"!({cedar(argument['arg'])})"
    left, right = cedar(argument["left"]), cedar(argument["right"])
    return (
        f"{left}.{operator}({right})"
        if operator.isalpha() and operator != "in"
        else f"{left} {operator} {right}"
    )


def _value(value: Any) -> str:  # noqa: ANN401 - a text, number or entity
    if isinstance(value, Mapping):
        return f'{value["__entity"]["type"]}::"{value["__entity"]["id"]}"'
    return f'"{value}"' if isinstance(value, str) else str(value)
