"""A result on a number line with its usual range: less alarming than a red figure in a table."""

from __future__ import annotations

from decimal import Decimal
from html import escape

WIDTH, HEIGHT, EDGE, AXIS = 520, 74, 30, 36
ROOM = Decimal("0.5")


def number_line_html(value: Decimal, low: Decimal, high: Decimal, words: str) -> str:
    """An SVG with the usual range as a band and the value as a point; `words` is its text for screen readers.

    A value far outside is drawn at the edge: the words carry how far, the picture only the side.
    """
    span = (high - low) or Decimal(1)
    start, end = low - span * ROOM, high + span * ROOM
    at = _place(min(max(value, start), end), start, end)
    band_from, band_to = _place(low, start, end), _place(high, start, end)
    outside = " out" if not low <= value <= high else ""
    return (
        f'<svg class="number-line" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">'
        f'<rect class="band" x="{band_from:.0f}" y="{AXIS - 9}" width="{band_to - band_from:.0f}" height="18" rx="4"/>'
        f'<line class="axis" x1="{EDGE}" y1="{AXIS}" x2="{WIDTH - EDGE}" y2="{AXIS}"/>'
        f'<circle class="point{outside}" cx="{at:.0f}" cy="{AXIS}" r="9"/>'
        f'<text x="{at:.0f}" y="18" text-anchor="middle" font-weight="600">{escape(str(value))}</text>'
        f'<text x="{band_from:.0f}" y="{AXIS + 30}" text-anchor="middle">{escape(str(low))}</text>'
        f'<text x="{band_to:.0f}" y="{AXIS + 30}" text-anchor="middle">{escape(str(high))}</text></svg>'
    )


def _place(value: Decimal, start: Decimal, end: Decimal) -> float:
    return EDGE + float((value - start) / (end - start)) * (WIDTH - 2 * EDGE)
