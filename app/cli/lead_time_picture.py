"""The lead times as a picture (SVG): for each group the notice that half and nine in ten had."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from app.releases.lead_time import Report, Row

LEFT, WIDTH, LINE, TOP = 330, 560, 26, 48
SCALE_DAYS = 180
TICKS = (0, 8, 30, 60, 90, 180)


def picture(report: Report) -> str:
    """An SVG document: a bar from the tenth to the median, a stroke at the lead time due."""
    height = TOP + LINE * (len(report.rows) + 1)
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 40}" '
                f'height="{height}" font-family="sans-serif" font-size="12" role="img">'
            ),
            "<title>Days of notice before a release, by role and establishment</title>",
            (
                f'<text x="{LEFT}" y="16">days before the release: from what nine in ten had '
                "to what half had; stroke: lead time</text>"
            ),
            *_axis(height),
            *(line for place, row in enumerate(report.rows) for line in _bar(place, row)),
            "</svg>\n",
        ]
    )


def _axis(height: int) -> Iterator[str]:
    for days in TICKS:
        x = _x(days)
        yield f'<line x1="{x}" y1="{TOP - 12}" x2="{x}" y2="{height - 20}" stroke="#ddd"/>'
        yield f'<text x="{x}" y="{TOP - 16}" text-anchor="middle">{days}</text>'


def _bar(place: int, row: Row) -> Iterator[str]:
    y = TOP + LINE * place
    start, end = _x(row.tenth_days), _x(row.median_days)
    due = _x(row.target_days)
    label = escape(f"{row.role}, {row.establishment} ({row.recipients})")
    yield f'<text x="{LEFT - 10}" y="{y + 12}" text-anchor="end">{label}</text>'
    yield f'<rect x="{start}" y="{y + 2}" width="{max(end - start, 2)}" height="14" fill="#47a"/>'
    yield f'<line x1="{due}" y1="{y - 2}" x2="{due}" y2="{y + 20}" stroke="#b40" stroke-width="2"/>'


def _x(days: float) -> float:
    return round(LEFT + WIDTH * min(days, SCALE_DAYS) / SCALE_DAYS, 1)
