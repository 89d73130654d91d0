"""The report as a PDF to be printed, in letters that are easy to read. It is not encrypted."""

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from app.notifications.pack_document import FAMILY, FONT, shown_by
from app.own_report.written import Written

if TYPE_CHECKING:
    from fpdf import FPDF

# Points, and millimetres: letters of 12 points, as is advised for text that everybody can read.
TITLE_SIZE, HEADING_SIZE, TEXT_SIZE = 18, 14, 12
LINE, GAP, MARGIN = 6.5, 3.0, 20.0


def render(written: Written) -> bytes:
    """The document. Its bytes are made of the report alone."""
    # Loading it takes a quarter of a second, which nothing else is to wait for.
    from fpdf import FPDF  # noqa: PLC0415

    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime.combine(written.made_on, time.min, UTC))
    pdf.set_title(written.title)
    pdf.set_lang(written.language)
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(True, margin=MARGIN)
    pdf.add_font(FAMILY, fname=FONT)
    pdf.add_page()
    _write(pdf, written.title, TITLE_SIZE)
    for part in written.parts:
        pdf.ln(GAP)
        _write(pdf, part.heading, HEADING_SIZE)
        for paragraph in part.paragraphs:
            pdf.ln(GAP)
            _write(pdf, paragraph, TEXT_SIZE)
    return bytes(pdf.output())


def _write(pdf: "FPDF", text: str, size: int) -> None:
    pdf.set_font(FAMILY, size=size)
    pdf.multi_cell(0, LINE, shown_by(pdf)(text), align="L", new_x="LMARGIN", new_y="NEXT")
