"""A test over time: a spark line for the table, a full chart with the reference band for one test."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from dashboards.shared.site_time import show_date, wall_time
from data_contracts.api.chart import ResultPoint, ResultSeries

DONE_STATUSES = ("final", "amended", "corrected", "appended")
WIDTH, HEIGHT, EDGE = 90, 22, 3
MOST_POINTS = 20
COLOURS = (
    "<style>polyline{fill:none;stroke:#0b5cad;stroke-width:1.5}circle{fill:#0b5cad}"
    "@media(prefers-color-scheme:dark){polyline{stroke:#6db3f2}circle{fill:#6db3f2}}</style>"
)
"""An image knows no style of the page around it, and `st.html` takes no SVG of its own."""


def spark_html(values: list[float]) -> str:
    """The last values as a small line; the table already says the newest in words, so it is decoration."""
    values = values[-MOST_POINTS:]
    if len(values) < 2:
        return ""
    low, span = min(values), (max(values) - min(values)) or 1.0
    step = (WIDTH - 2 * EDGE) / (len(values) - 1)
    points = [
        (EDGE + index * step, HEIGHT - EDGE - (value - low) / span * (HEIGHT - 2 * EDGE))
        for index, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">{COLOURS}'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.5"/></svg>'
    )
    return f'<img alt="" src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}">'


def trend_spec(series: ResultSeries) -> dict[str, Any] | None:
    """A Vega-Lite spec: points in one unit, joined, with the newest point's reference band; None under two points."""
    points = counted_points(series)
    if len(points) < 2:
        return None
    rows = [
        {
            "at": wall_time(point.at),
            "on": show_date(point.at),
            "value": float(point.number),
            "text": point.text,
        }
        for point in points
    ]
    layers: list[dict[str, Any]] = [*_band(points[0]), *_lines(series.unit)]
    return {"data": {"values": rows}, "height": 220, "layer": layers}


def trend_words(series: ResultSeries) -> str:
    """What the chart shows, for who cannot see it: the newest value that it draws, never a retracted one."""
    newest = counted_points(series)[0]
    return f"{series.name} over time, newest {newest.text} of {show_date(newest.at)}"


def counted_points(series: ResultSeries) -> list[ResultPoint]:
    """What is drawn, newest first: finished numbers with a day, in the series' own unit."""
    return [point for point in series.points if _counts(point, series.unit)]


def _counts(point: ResultPoint, unit: str | None) -> bool:
    return (
        point.status in DONE_STATUSES
        and point.number is not None
        and wall_time(point.at) is not None
        and point.unit == unit
    )


def _band(newest: ResultPoint) -> list[dict[str, Any]]:
    if newest.reference_low is None or newest.reference_high is None:
        return []
    band = {"low": float(newest.reference_low), "high": float(newest.reference_high)}
    return [
        {
            "data": {"values": [band]},
            "mark": {"type": "rect", "opacity": 0.12, "color": "#0b5cad"},
            "encoding": {"y": {"field": "low", "type": "quantitative"}, "y2": {"field": "high"}},
        }
    ]


def _lines(unit: str | None) -> list[dict[str, Any]]:
    axes = {
        "x": {"field": "at", "type": "temporal", "title": None},
        "y": {"field": "value", "type": "quantitative", "title": unit, "scale": {"zero": False}},
        "tooltip": [
            {"field": "on", "title": "Date"},
            {"field": "text", "title": "Value"},
        ],
    }
    return [
        {"mark": {"type": "line", "strokeWidth": 1, "opacity": 0.5}, "encoding": axes},
        {"mark": {"type": "point", "filled": True, "size": 70}, "encoding": axes},
    ]
