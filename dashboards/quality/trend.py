"""A measure's rate over time: a line with its 95 % band, broken where a period begins, marked where it shifted."""

from __future__ import annotations

from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.quality.rates import rate_words
from data_contracts.api.quality import MeasurePage

LINE, BAND, MARK = "#1f5f8b", "#9cc3dd", "#8a4b08"
SINGLE_NIGHTS = 40
"""So many nights are points as well; of more, points would only thicken the line."""
Night = tuple[date, date, float, float, float]
"""(day, first day of its period, rate, lower and upper bound)."""


def trend_section(page: MeasurePage) -> None:
    if page.line.scoring != "proportion":
        st.info("A trend is drawn of proportions only. This measure's score is that of its period so far.")
        return
    nights = trend_nights(page)
    if len(nights) < 2:
        st.info(_why_no_trend(page, len(nights)))
        return
    spec = trend_spec(nights, tuple(shift.since for shift in page.shifts))
    now = rate_words(page.line.counts)
    st.vega_lite_chart(spec=spec, width="stretch", alt=f"Rate over time with its 95 % band, now {now}")
    st.caption("The band is the 95 % interval of each night. Each line is one measurement period.")


def _why_no_trend(page: MeasurePage, shown: int) -> str:
    if len(page.trend) > shown:
        return "Too few nights may be shown for a trend: the others have small counts, which are suppressed."
    return (
        "A trend needs two nightly runs on different days; there is one so far." if shown else "No runs yet."
    )


def trend_nights(page: MeasurePage) -> tuple[Night, ...]:
    """The nights that have a rate that may be shown."""
    return tuple(
        (point.on, point.period_begin, point.counts.rate, point.counts.rate_low, point.counts.rate_high)
        for point in page.trend
        if point.counts.rate is not None
    )


@st.cache_data(max_entries=100)
def trend_spec(nights: tuple[Night, ...], marks: tuple[date, ...] = ()) -> dict:
    frame = pd.DataFrame(nights, columns=["on", "period", "rate", "low", "high"])
    frame["on"], frame["period"] = pd.to_datetime(frame["on"]), frame["period"].astype(str)
    base = alt.Chart(frame).encode(
        x=alt.X("on:T", title=None, axis=alt.Axis(format="%b %Y", labelOverlap=True)), detail="period:N"
    )
    scale = alt.Scale(domain=[0, 1])
    band = base.mark_area(opacity=0.45, color=BAND).encode(
        y=alt.Y("low:Q", title="Rate", axis=alt.Axis(format="%"), scale=scale), y2="high:Q"
    )
    line = base.mark_line(point=len(nights) <= SINGLE_NIGHTS, color=LINE).encode(
        y=alt.Y("rate:Q", scale=scale),
        tooltip=[
            alt.Tooltip("on:T", title="Run"),
            alt.Tooltip("rate:Q", format=".1%", title="Rate"),
            alt.Tooltip("low:Q", format=".1%", title="95 % CI from"),
            alt.Tooltip("high:Q", format=".1%", title="to"),
        ],
    )
    layers = [band, line]
    if marks:
        days = pd.DataFrame({"since": pd.to_datetime(list(marks))})
        rule = alt.Chart(days).mark_rule(strokeDash=[4, 3], color=MARK, size=2)
        layers.append(rule.encode(x="since:T", tooltip=[alt.Tooltip("since:T", title="Changed")]))
    return alt.layer(*layers).to_dict()
