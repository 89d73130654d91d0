"""The document of a pack: what a notice tells, on A4, encrypted with AES-256 (ISO 32000-2).

It says what a sealed notice says, and beside it what a read says of what is withheld, where it
stands in the access log, and a slip to be signed and sent back. The font has the letters of
Albanian, Macedonian and Serbian in both alphabets; a letter that it has not is shown as its
code point, and never left out.

A PDF keeps its structure in clear: the lengths of streams, the number of pages, the widths of
the letters that are used. So all documents use the same letters, every page has the same length,
and there are as many pages as the class of the document has.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.files.catalogue import FIELDS, SECTIONS
from app.notifications.acknowledge import Kind
from app.notifications.envelope import Message
from app.releases.events import EVENTS

if TYPE_CHECKING:
    from fpdf import FPDF

FONT = Path(__file__).parent / "fonts" / "DejaVuSans-subset.ttf"
FAMILY = "DejaVu"
# Pages. Twice what the news of a release with all its fields takes, slip included.
PAGE_CLASS = 8
# Bytes. More than the smallest letters fill of an A4 page.
PAGE_BYTES = 32_768
# Points, and millimetres.
TITLE_SIZE, HEADING_SIZE, TEXT_SIZE, SMALL_SIZE = 15, 12, 10, 8
LINE, SMALL_LINE, GAP = 5.5, 4.5, 3.0
MARGIN = 18.0
LABEL_WIDTH = 48.0

ANSWERS: Mapping[Kind, str] = {
    Kind.ACCEPTED: "accepted",
    Kind.ACCEPTED_NOT_READY: "accepted, and we are not ready for it",
    Kind.NOT_COMPETENT: "we are not competent",
    Kind.NEED_MORE_DETAIL: "we need to know more",
}
SLIP_LINES = ("Date", "Function", "Signature and stamp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a document shows. `made_at` is in the legal time zone; hashes are hexadecimal."""

    recipient: str
    hand_over_by: str
    message: Message
    withheld: Sequence[Mapping[str, str]]
    made_at: datetime
    issuer: str
    log_origin: str
    entry_id: str
    leaf_hash: str
    told_sha256: str


def render(written: Written, *, password: str) -> bytes:
    """The encrypted document. Nothing of it can be read without the password.

    Whoever carries it sees its class of pages, and neither what it tells nor how much.
    """
    # Loading it takes a quarter of a second, which no other command is to wait for.
    from fpdf.enums import AccessPermission, EncryptionMethod  # noqa: PLC0415

    pdf = _laid_out(written, pages=_count(written))
    pdf.set_encryption(
        owner_password=password,
        user_password=password,
        encryption_method=EncryptionMethod.AES_256,
        permissions=AccessPermission.all(),
        encrypt_metadata=True,
    )
    return bytes(pdf.output())


def _count(written: Written) -> int:
    """How many pages the document has."""
    pdf = _laid_out(written, pages=0)
    # Nothing is put out, which would close the file of the font.
    pdf.current_font.close()  # type: ignore[union-attr]  # a font that was added has one
    return pdf.page_no()


def _laid_out(written: Written, *, pages: int) -> "FPDF":
    """The document up to its last footer. It says of each page that it is one of so many."""
    pdf = _new_document(written, pages=pages)
    page = _Page(pdf, shown_by(pdf))
    _head(page, written)
    _told(page, written.message)
    _withheld(page, written.withheld)
    _on_record(page, written)
    _fill(page)
    _slip(page, written)
    return pdf


def _new_document(written: Written, *, pages: int) -> "FPDF":
    from fpdf import FPDF  # noqa: PLC0415 - as above

    class Document(FPDF):
        def footer(self) -> None:
            """Which notice, which page of how many: a page that is missing is missed."""
            self.set_y(-MARGIN)
            self.set_font(FAMILY, size=SMALL_SIZE)
            text = f"{written.message.jti}  ·  page {self.page_no()} of {pages}"
            self.cell(0, SMALL_LINE, text, align="C")
            self._pad()

        def _pad(self) -> None:
            """What is written last on a page: blanks, which a reader of the file passes over."""
            content = self.pages[self.page].contents
            assert isinstance(content, bytearray)  # noqa: S101 - until it is put out
            content += b" " * (-len(content) % PAGE_BYTES)

    pdf = Document(format="A4")
    # The number of pages is written as such: a mark in its place could stand in a value, too.
    pdf.alias_nb_pages("")
    # A compressed page would be as long as what it says takes.
    pdf.set_compression(False)
    pdf.set_creation_date(written.made_at)
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(True, margin=MARGIN + 2 * SMALL_LINE)
    pdf.add_font(FAMILY, fname=FONT)
    pdf.set_font(FAMILY, size=TEXT_SIZE)
    _use_every_letter(pdf)
    pdf.add_page()
    return pdf


def _use_every_letter(pdf: "FPDF") -> None:
    """Put the whole font in, in its order: which letters come first would tell what is said."""
    font = pdf.current_font
    for letter in sorted(font.cmap):  # type: ignore[union-attr]  # a font that was added has one
        font.subset.pick(letter)  # type: ignore[union-attr]  # as above


def shown_by(pdf: "FPDF") -> Callable[[str], str]:
    """A text as the font can show it: nothing that it lacks is dropped in silence."""
    known = pdf.current_font.cmap  # type: ignore[union-attr]  # a font that was added has one

    def shown(text: str) -> str:
        return "".join(
            one if ord(one) in known or one == "\n" else f"[U+{ord(one):04X}]" for one in text
        )

    return shown


@dataclass(frozen=True, slots=True)
class _Page:
    """A place to write on, from top to bottom."""

    pdf: "FPDF"
    shown: Callable[[str], str]

    def heading(self, text: str, *, size: int = HEADING_SIZE) -> None:
        self.pdf.ln(GAP)
        self._write(text, size=size, height=LINE + 1)

    def text(self, text: str) -> None:
        self._write(text, size=TEXT_SIZE, height=LINE)

    def small(self, text: str) -> None:
        self._write(text, size=SMALL_SIZE, height=SMALL_LINE)

    def member(self, label: str, value: str) -> None:
        """A label and, beside it, what it has."""
        self.pdf.set_font(FAMILY, size=TEXT_SIZE)
        self.pdf.cell(LABEL_WIDTH, LINE, self.shown(label))
        self.pdf.multi_cell(0, LINE, self.shown(value), align="L", new_x="LMARGIN", new_y="NEXT")

    def blank(self, label: str) -> None:
        """A line to be written on by hand."""
        self.pdf.ln(2 * GAP)
        self.pdf.set_font(FAMILY, size=TEXT_SIZE)
        self.pdf.cell(LABEL_WIDTH, LINE, self.shown(label))
        self.pdf.cell(0, LINE, "", border="B", new_x="LMARGIN", new_y="NEXT")

    def _write(self, text: str, *, size: int, height: float) -> None:
        self.pdf.set_font(FAMILY, size=size)
        self.pdf.multi_cell(0, height, self.shown(text), align="L", new_x="LMARGIN", new_y="NEXT")


def _head(page: _Page, written: Written) -> None:
    message, event = written.message, written.message.event
    page.heading(EVENTS[message.event_type].meaning, size=TITLE_SIZE)
    page.pdf.ln(GAP)
    hours = event.get("acknowledgement_hours")
    said = {
        "Event": message.event_type,
        "To": written.recipient,
        "Person": f"{message.reference}, the reference that you know",
        "From": written.issuer,
        "Handed over by": written.hand_over_by,
        "Made": written.made_at.isoformat(timespec="minutes"),
        "Priority": event["priority"],
        "Answer due": "none is expected" if hours is None else f"within {hours} hours",
        "Purpose": event.get("purpose"),
        "Legal basis": event.get("legal_basis"),
        "Policy": event.get("policy"),
        "Notice": message.jti,
        "Number": _number(message),
    }
    for label, value in said.items():
        if value is not None:
            page.member(label, str(value))


def _number(message: Message) -> str:
    numbers = message.sequence or {}
    return f"{numbers.get('subscriber')} to you, {numbers.get('person')} about this person"


# What stands elsewhere in the document.
_SHOWN_APART = frozenset(
    {"priority", "acknowledgement_hours", "purpose", "legal_basis", "policy", "released"}
)


def _told(page: _Page, message: Message) -> None:
    """What the event says; then each released field with its label, form and basis."""
    rest = {name: value for name, value in message.event.items() if name not in _SHOWN_APART}
    if any(rest.values()):
        page.heading("What it says")
        for name, value in rest.items():
            if value:
                page.member(_words(name), _said(value))
    for section, fields in message.event.get("released", {}).items():
        page.heading(SECTIONS[section].label)
        for name, released in fields.items():
            page.member(FIELDS[f"{section}.{name}"].label, _value_of(released))
            page.small(_grounds_of(f"{section}.{name}", released))


def _value_of(released: Mapping[str, Any]) -> str:
    if not released["recorded"]:
        return "nothing is recorded"
    return _said(released["value"]) if "value" in released else "something is recorded"


def _grounds_of(path: str, released: Mapping[str, Any]) -> str:
    parts = [path, f"form: {released['form']}", f"basis: {', '.join(released['legal_bases'])}"]
    if "nature" in released:
        parts += [str(released["nature"]), f"from {released['source_agency']}"]
        parts.append(f"recorded {released['recorded_at']}")
    return "; ".join(parts)


def _withheld(page: _Page, withheld: Sequence[Mapping[str, str]]) -> None:
    """Names alone, each under its reason, as the answer to a read has them."""
    if not withheld:
        return
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in withheld:
        by_reason[one["reason"]].append(FIELDS[one["field"]].label)
    page.heading("Withheld, by reason")
    for reason, labels in sorted(by_reason.items()):
        page.small(f"{reason}: {'; '.join(labels)}")


def _on_record(page: _Page, written: Written) -> None:
    page.heading("On record")
    page.text("That this was made for you stood in the access log before this document was.")
    for label, value in {
        "Log": written.log_origin,
        "Entry": written.entry_id,
        "Leaf hash": written.leaf_hash,
        "SHA-256 of what it tells": written.told_sha256,
    }.items():
        page.small(f"{label}: {value}")
    page.small(
        "The leaf with this hash stands in the published log, and an auditor can open its entry. "
        "The SHA-256 of the file of this document stands in the entry after it."
    )


def _fill(page: _Page) -> None:
    """Blank pages before the slip, up to the class."""
    while (page.pdf.page_no() + 1) % PAGE_CLASS:
        page.pdf.add_page()
        page.text("This page is blank, so that the number of pages does not tell how much is said.")


def _slip(page: _Page, written: Written) -> None:
    page.pdf.add_page()
    page.heading("Acknowledgement", size=TITLE_SIZE)
    page.text(f"Sign this page and send it back to {written.hand_over_by}.")
    page.pdf.ln(GAP)
    page.member("Notice", written.message.jti)
    page.member("Recipient", written.recipient)
    page.pdf.ln(GAP)
    for kind, words in ANSWERS.items():
        page.text(f"☐  {words}  ({kind.value})")
    for label in SLIP_LINES:
        page.blank(label)


def _said(value: object) -> str:
    """A JSON value in words. Its members are named as the file names them."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return "; ".join(
                f"{_words(name)}: {_said(one)}" for name, one in value.items() if one is not None
            )
        case str():
            return value
        case Sequence():
            return ", ".join(_parts(value))
        case _:
            return str(value)


def _parts(values: Sequence[object]) -> Iterator[str]:
    for one in values:
        yield f"({_said(one)})" if isinstance(one, Mapping) else _said(one)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
