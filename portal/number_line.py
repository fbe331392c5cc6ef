"""A result on a number line with its usual range: less alarming than a red figure in a table."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from decimal import Decimal
from html import escape

WIDTH, HEIGHT, EDGE, AXIS = 340, 92, 34, 46
ROOM = Decimal("0.5")
"""Of the range's width (or of its only bound), shown on either side of it; never below zero for a range above it."""

COLOURS = (
    "<style>text{fill:#1b2721;font:16px system-ui,sans-serif;text-anchor:middle}rect{fill:#bfe0ca}"
    "line{stroke:#6f8176;stroke-width:2}.in{fill:#1d5c3f}.out{fill:#8a3c06}@media(prefers-color-scheme:dark)"
    "{text{fill:#e8f0ea}rect{fill:#2f5b41}line{stroke:#8fa396}.in{fill:#bff0cf}.out{fill:#f5a46b}}</style>"
)
"""An image knows no style of the page around it, and `st.html` takes no SVG of its own."""


@dataclass(frozen=True)
class _Scale:
    """The values at both ends of the line."""

    start: Decimal
    end: Decimal

    def x(self, value: Decimal) -> float:
        held = min(max(value, self.start), self.end)
        return EDGE + float((held - self.start) / (self.end - self.start)) * (WIDTH - 2 * EDGE)

    def shows(self, value: Decimal) -> bool:
        return self.start <= value <= self.end


def number_line_html(value: Decimal, low: Decimal | None, high: Decimal | None, words: str) -> str:
    """A picture with the usual range as a band and the value as a point; `words` is its text for screen readers.

    A value beyond the line's end is an arrow at that end: the words carry how far, the picture only the side. Without
    a range that can be drawn (no bound, bounds upside down, a single bound of zero or less) there is no picture: ''.
    """
    scale = _scale(low, high)
    if scale is None:
        return ""
    band = (EDGE if low is None else scale.x(low), WIDTH - EDGE if high is None else scale.x(high))
    inside = (low is None or value >= low) and (high is None or value <= high)
    bounds = "".join(_label(scale.x(bound), AXIS + 38, bound) for bound in (low, high) if bound is not None)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'{COLOURS}<rect x="{band[0]:.0f}" y="{AXIS - 11}" width="{band[1] - band[0]:.0f}" height="22" rx="5"/>'
        f'<line x1="{EDGE}" y1="{AXIS}" x2="{WIDTH - EDGE}" y2="{AXIS}"/>'
        f"{_mark(value, scale, 'in' if inside else 'out')}{bounds}</svg>"
    )
    picture = b64encode(svg.encode()).decode()
    return f'<img class="number-line" alt="{escape(words)}" src="data:image/svg+xml;base64,{picture}">'


def _scale(low: Decimal | None, high: Decimal | None) -> _Scale | None:
    if low is not None and high is not None:
        room = (high - low) * ROOM
        start = max(low - room, Decimal(0)) if low >= 0 else low - room
        return _Scale(start, high + room) if room > 0 else None
    if high is not None:
        return _Scale(Decimal(0), high * (1 + ROOM)) if high > 0 else None
    return _Scale(low * (1 - ROOM), low * 2) if low is not None and low > 0 else None


def _mark(value: Decimal, scale: _Scale, side: str) -> str:
    at = scale.x(value)
    label = f'<text x="{at:.0f}" y="24" font-weight="600">{value:f}</text>'
    if scale.shows(value):
        return f'<circle class="{side}" cx="{at:.0f}" cy="{AXIS}" r="10"/>{label}'
    away = 1 if value > scale.end else -1
    points = f"{at:.0f},{AXIS - 10} {at + 16 * away:.0f},{AXIS} {at:.0f},{AXIS + 10}"
    return f'<polygon class="{side}" points="{points}"/>{label}'


def _label(x: float, y: int, value: Decimal) -> str:
    return f'<text x="{x:.0f}" y="{y}">{value:f}</text>'
