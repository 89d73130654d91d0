"""The disclosure matrix on paper, for a lawyer: Markdown and HTML. Pure.

One table for each section, field by role, in the letters of the disclosure model; then, role
by role, every policy with its conditions in words, its legal basis and its agreement.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from app.files.forms import DISCLOSED_FORMS
from app.policy.agreements import Agreement
from app.policy.authorities import LegalAuthority
from app.policy.matrix import Matrix, Way
from app.policy.roles import ROLE_PURPOSES
from app.policy.wording import LETTERS, letters

# Short names of the roles, so that a table of them fits on a page.
SHORT = {
    "correctional_service": "CUS",
    "probation_service": "PRB",
    "court_panel": "CRT",
    "police_local": "PLO",
    "police_ct": "PCT",
    "international_gateway": "NCB",
    "reintegration_unit": "RIU",
    "national_coordinator": "NCO",
    "social_welfare_centre": "CSW",
    "municipal_team": "MUN",
    "child_protection_authority": "CHP",
    "health_provider": "HLT",
    "employment_service": "EMP",
    "ngo_mentor": "NGO",
    "religious_counsellor": "REL",
    "victim_support_service": "VIC",
    "data_subject": "PER",
    "oversight_auditor": "AUD",
}
_NOTHING = "-"
_MARKUP = re.compile(r"[\\|*<\[\]]")  # an underscore inside a word is no markup
_ILLUSTRATIVE = "illustrative, not legally reviewed"

STYLE = (
    "body{font:14px/1.45 sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border:1px solid #999;padding:2px 6px;text-align:left;vertical-align:top}"
    "th{background:#eee}"
)

Row = Sequence[str]


class Heading(NamedTuple):
    """A heading; 1 is the title of the page."""

    level: int
    text: str


class Paragraph(NamedTuple):
    """Running text."""

    text: str


class Table(NamedTuple):
    """A table with one row of headers."""

    header: Row
    rows: Sequence[Row]


Part = Heading | Paragraph | Table


def to_markdown(matrix: Matrix) -> str:
    """The matrix as Markdown (CommonMark with tables)."""
    return "\n\n".join(map(_markdown, _parts(matrix))) + "\n"


def to_html(matrix: Matrix) -> str:
    """The matrix as one HTML page that needs nothing else."""
    head = f'<meta charset="utf-8"><title>Disclosure matrix</title><style>{STYLE}</style>'
    body = "\n".join(map(_html, _parts(matrix)))
    return f'<!doctype html>\n<html lang="en">\n{head}\n{body}\n</html>\n'


def _parts(matrix: Matrix) -> Iterator[Part]:
    yield Heading(1, "Disclosure matrix")
    yield Paragraph(
        f"Policy bundle {matrix.digest}, as in force on {matrix.day.isoformat()}. "
        "Written from the policies; what no cell gives is withheld."
    )
    yield from _legend()
    for section in matrix.vocabulary.owners:
        yield Heading(2, section)
        yield _section(matrix, section)
    if matrix.authorities:
        yield Heading(2, "Named legal authorities")
        yield _authorities(matrix.authorities)
    for role in ROLE_PURPOSES:
        yield Heading(2, f"{SHORT[role]}: {role}")
        yield from _role(matrix, role)


def _legend() -> Iterator[Part]:
    forms = ", ".join(f"{form.name[0]} {form.code}" for form in reversed(DISCLOSED_FORMS))
    yield Paragraph(f"Forms, the highest first: {forms}, {_NOTHING} nothing.")
    yield Paragraph(
        "A cell reads FORM:CONDITIONS. A comma joins conditions that must hold together; "
        "a stroke or a semicolon separates alternatives; a star stands for a condition without "
        "a letter, an exclamation mark for an exception: see the role below."
    )
    yield Table(("letter", "condition"), [*LETTERS.items()])


def _section(matrix: Matrix, section: str) -> Table:
    paths = [path for path in matrix.vocabulary.fields if path.startswith(f"{section}.")]
    roles = [role for role in ROLE_PURPOSES if any((role, path) in matrix.cells for path in paths)]
    rows = [
        [path.partition(".")[2], *(_cell(matrix.cells.get((role, path), ())) for role in roles)]
        for path in paths
    ]
    return Table(["field", *(SHORT[role] for role in roles)], rows)


def _cell(ways: Iterable[Way]) -> str:
    """`F:J,T; S:N`: each form with its conditions."""
    texts = [
        way.form.name[0]
        + (f":{letters(way.conditions)}" if way.conditions else "")
        + ("!" if way.unless else "")
        for way in ways
    ]
    return "; ".join(dict.fromkeys(texts)) or _NOTHING


def _role(matrix: Matrix, role: str) -> Iterator[Part]:
    """Each policy of a role that gives something, with its fields and its grounds."""
    ways: dict[str, list[tuple[str, Way]]] = {}
    for (of, path), found in matrix.cells.items():
        for way in found:
            if of == role:
                ways.setdefault(way.policy.id, []).append((path, way))
    if not ways:
        yield Paragraph("Receives nothing.")
        return
    yield Paragraph(f"Purposes: {', '.join(ROLE_PURPOSES[role])}.")
    header = ("policy", "fields", "conditions", "purposes", "legal basis", "agreement")
    yield Table(header, [_policy(matrix, given) for _, given in sorted(ways.items())])


def _policy(matrix: Matrix, given: Sequence[tuple[str, Way]]) -> Row:
    way = given[0][1]
    conditions = "; ".join(clause.words for clause in way.conditions) or "none"
    unless = "; unless ".join(["", *(clause.words for clause in way.unless)])
    basis = matrix.register.legal_bases[way.policy.legal_basis]
    mark = f" ({_ILLUSTRATIVE})" if basis.illustrative else ""
    return (
        way.policy.id,
        ", ".join(f"{path} ({one.form.code})" for path, one in given),
        conditions + unless,
        ", ".join(way.purposes),
        f"{basis.id}: {basis.citation}{mark}",
        _agreement(matrix.register.agreements[way.policy.agreement]),
    )


def _authorities(authorities: Iterable[LegalAuthority]) -> Table:
    header = ("authority", "citation", "recipient", "opens", "for", "term", "review")
    return Table(header, [_authority(one) for one in authorities])


def _authority(one: LegalAuthority) -> Row:
    mark = f" ({_ILLUSTRATIVE})" if one.illustrative else ""
    return (
        f"{one.id}: {one.title}",
        one.citation + mark,
        one.recipient,
        ", ".join(sorted(one.parts)),
        ", ".join(sorted(one.purposes)),
        f"{one.valid_from.isoformat()} to {one.valid_until.isoformat()}",
        one.review_date.isoformat(),
    )


def _agreement(agreement: Agreement) -> str:
    mark = f" ({_ILLUSTRATIVE})" if agreement.illustrative else ""
    term = f"{agreement.valid_from.isoformat()} to {agreement.valid_until.isoformat()}"
    return f"{agreement.id}: {agreement.title}; {agreement.citation}{mark}; {term}"


def _markdown(part: Part) -> str:
    if isinstance(part, Table):
        rows = [*map(_markdown_row, part.rows)]
        return "\n".join([_markdown_row(part.header), "| --- " * len(part.header) + "|", *rows])
    marks = "#" * part.level + " " if isinstance(part, Heading) else ""
    return marks + _unmarked(part.text)


def _markdown_row(row: Row) -> str:
    return f"| {' | '.join(map(_unmarked, row))} |"


def _unmarked(text: str) -> str:
    """A text of which nothing is read as markup."""
    return _MARKUP.sub(r"\\\g<0>", text)


def _html(part: Part) -> str:
    if isinstance(part, Table):
        rows = [_html_row(part.header, "th"), *(_html_row(row, "td") for row in part.rows)]
        return "\n".join(["<table>", *rows, "</table>"])
    tag = f"h{part.level}" if isinstance(part, Heading) else "p"
    return f"<{tag}>{escape(part.text)}</{tag}>"


def _html_row(row: Row, tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in row) + "</tr>"
