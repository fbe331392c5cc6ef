"""A result on a number line with its usual range: less alarming than a red figure in a table."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from html import escape

WIDTH, HEIGHT, EDGE, AXIS = 520, 74, 30, 36
ROOM = Decimal("0.5")
COLOURS = (
    "<style>text{fill:#1b2721;font:13px system-ui,sans-serif;text-anchor:middle}rect{fill:#bfe0ca}"
    "line{stroke:#b9c6bd;stroke-width:2}.in{fill:#1d5c3f}.out{fill:#8a3c06}@media(prefers-color-scheme:dark)"
    "{text{fill:#e8f0ea}rect{fill:#2f5b41}line{stroke:#3c4d43}.in{fill:#bff0cf}.out{fill:#f5a46b}}</style>"
)
"""An image knows no style of the page around it, and `st.html` takes no SVG of its own."""


def number_line_html(value: Decimal, low: Decimal, high: Decimal, words: str) -> str:
    """A picture with the usual range as a band and the value as a point; `words` is its text for screen readers.

    A value far outside is drawn at the edge: the words carry how far, the picture only the side.
    """
    span = (high - low) or Decimal(1)
    start, end = low - span * ROOM, high + span * ROOM
    at = _place(min(max(value, start), end), start, end)
    band_from, band_to = _place(low, start, end), _place(high, start, end)
    side = "in" if low <= value <= high else "out"
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'{COLOURS}<rect x="{band_from:.0f}" y="{AXIS - 9}" width="{band_to - band_from:.0f}" height="18" rx="4"/>'
        f'<line x1="{EDGE}" y1="{AXIS}" x2="{WIDTH - EDGE}" y2="{AXIS}"/>'
        f'<circle class="{side}" cx="{at:.0f}" cy="{AXIS}" r="9"/>'
        f'<text x="{at:.0f}" y="18" font-weight="600">{escape(str(value))}</text>'
        f'<text x="{band_from:.0f}" y="{AXIS + 30}">{escape(str(low))}</text>'
        f'<text x="{band_to:.0f}" y="{AXIS + 30}">{escape(str(high))}</text></svg>'
    )
    picture = b64encode(svg.encode()).decode()
    return f'<img class="number-line" alt="{escape(words)}" src="data:image/svg+xml;base64,{picture}">'


def _place(value: Decimal, start: Decimal, end: Decimal) -> float:
    return EDGE + float((value - start) / (end - start)) * (WIDTH - 2 * EDGE)
