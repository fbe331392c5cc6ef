"""A child's growth as pictures: each measurement on the percentiles of the reference, and the same in words."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboards.shared.markup import table, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.growth import INDICATOR_WORDS, REFERENCE_WORDS, GrowthChart, GrowthPoint
from data_contracts.api.patients import PatientBanner

GROWN_YEARS = 20
LEAST_SHOWN = 0.1
"""Percentiles beyond 0.1 and 99.9 say no more than that."""


def growth_panel(session: StaffSession, banner: PatientBanner) -> None:
    """Nothing for grown people; opened on request, because it reads every measurement."""
    if banner.age_years is None or banner.age_years >= GROWN_YEARS:
        return
    with st.expander("Growth charts", key="growth", on_change="rerun") as opened:
        if opened.open:
            with told_errors():
                _charts(session, banner)


def _charts(session: StaffSession, banner: PatientBanner) -> None:
    view = session.client.charting.growth(banner.patient_id)
    if view.missing:
        st.warning(view.missing)
    if not view.charts:
        st.caption("No weight, length, head circumference or BMI recorded.")
        return
    for chart in view.charts:
        st.markdown(f"**{INDICATOR_WORDS[chart.indicator]}** ({chart.unit})")
        st.vega_lite_chart(spec=growth_spec(chart), width="stretch", alt=_in_words(chart))
        st.html(growth_table(chart))
    used = dict.fromkeys(curve.reference for chart in view.charts for curve in chart.curves)
    st.caption(
        "Lines: 3rd, 10th, 25th, 50th, 75th, 90th and 97th percentile. "
        + "; ".join(map(REFERENCE_WORDS.get, used))
    )


def growth_spec(chart: GrowthChart) -> dict[str, Any]:
    """Points on thin lines; the fiftieth is drawn thicker. Ages in months, only as far as the child is old."""
    last = max((point.age_months for point in chart.points), default=0) + 6
    first = min((point.age_months for point in chart.points), default=0) - 6
    lines = [
        {
            "age": round(age, 2),
            "value": round(value, 2),
            "line": f"{curve.reference}-{curve.percentile}",
            "middle": curve.percentile == 50,
        }
        for curve in chart.curves
        for age, value in curve.points
        if first <= age <= last
    ]
    points = [{"age": point.age_months, "value": float(point.value)} for point in chart.points]
    x = {"field": "age", "type": "quantitative", "title": "Age (months)", "scale": {"zero": False}}
    y = {"field": "value", "type": "quantitative", "title": chart.unit, "scale": {"zero": False}}
    return {
        "height": 260,
        "layer": [
            {
                "data": {"values": lines},
                "mark": {"type": "line", "opacity": 0.55, "color": "#6b7783"},
                "encoding": {
                    "x": x,
                    "y": y,
                    "detail": {"field": "line"},
                    "strokeWidth": {"condition": {"test": "datum.middle", "value": 2.4}, "value": 1},
                },
            },
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 70, "color": "#0b5cad"},
                "encoding": {"x": x, "y": y},
            },
        ],
    }


def growth_table(chart: GrowthChart) -> str:
    rows = [
        (
            text(show_date(point.on)),
            text(f"{point.age_months:.0f} months"),
            f"<b>{text(f'{point.value.normalize():f} {chart.unit}')}</b>",
            text(percentile_words(point)),
        )
        for point in reversed(chart.points[-6:])
    ]
    caption = f"{INDICATOR_WORDS[chart.indicator]} with percentiles"
    return table(("Date", "Age", "Value", "Percentile"), rows, caption=caption)


def percentile_words(point: GrowthPoint) -> str:
    """'62nd percentile (z 0.31)'; an extreme one says how far out only by its z-score."""
    if point.percentile is None or point.z is None:
        return "not compared"
    if point.percentile < LEAST_SHOWN or point.percentile > 100 - LEAST_SHOWN:
        side = "below the lowest" if point.percentile < 50 else "above the highest"
        return f"{side} percentiles (z {point.z:.2f})"
    return f"{_ordinal(max(1, min(99, round(point.percentile))))} percentile (z {point.z:.2f})"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 not in (11, 12, 13) else 0, "th")
    return f"{number}{ending}"


def _in_words(chart: GrowthChart) -> str:
    if not chart.points:
        return f"{INDICATOR_WORDS[chart.indicator]}: nothing recorded"
    newest = chart.points[-1]
    return (
        f"{INDICATOR_WORDS[chart.indicator]} by age, {len(chart.points)} measurements; the newest is "
        f"{newest.value} {chart.unit}, {percentile_words(newest)}"
    )
