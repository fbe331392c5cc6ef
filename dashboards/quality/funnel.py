"""A funnel plot: each clinic or clinician by size, and the limits that chance alone draws around everyone's rate."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import altair as alt
import pandas as pd
import streamlit as st

from data_contracts.api.quality import Counts, MeasurePage, Stratum
from data_contracts.rate_statistics import (
    LEAST_EXPECTED,
    Z_95,
    Z_998,
    FunnelPlace,
    funnel_limits,
    funnel_place,
)

PLACE_WORDS: dict[FunnelPlace | None, str] = {
    "within": "Within chance",
    "above_95": "At the upper edge of chance",
    "below_95": "At the lower edge of chance",
    "above_998": "Above what chance explains",
    "below_998": "Below what chance explains",
    "too_few": "Too few people to tell",
    None: "Suppressed",
}
SHAPES = {
    "Within chance": "circle",
    "At the upper edge of chance": "triangle-up",
    "At the lower edge of chance": "triangle-down",
    "Above what chance explains": "diamond",
    "Below what chance explains": "square",
    "Too few people to tell": "cross",
}
COLOURS = dict(zip(SHAPES, ("#1f5f8b", "#8a6d00", "#8a6d00", "#7a1f7a", "#a02020", "#666666"), strict=True))
CURVE_POINTS = 60
FAR = ("above_998", "below_998")
Group = tuple[str, int, float, str]
"""(label, denominator, rate, where it stands in words)."""


def place_words(counts: Counts, expected: float | None) -> str:
    """Where a group stands; hidden counts stay hidden, and nobody to count is said."""
    if counts.numerator is None or counts.denominator is None or expected is None:
        return PLACE_WORDS[None]
    if counts.denominator == 0:
        return "No denominator"
    return PLACE_WORDS[funnel_place(expected, counts.numerator, counts.denominator)]


def funnel_section(page: MeasurePage, kind_words: str, strata: Sequence[Stratum]) -> None:
    """Only when there are two groups to show: one alone says nothing about the others."""
    expected = page.line.counts.rate
    groups = funnel_groups(strata, expected)
    if expected is None or len(groups) < 2:
        st.caption(f"A funnel plot needs two {kind_words.lower()} groups whose counts may be shown.")
        return
    far = [label for label, _, _, words in groups if words in {PLACE_WORDS[place] for place in FAR}]
    said = f"{len(far)} of {len(groups)} outside of what chance explains" + (
        f": {', '.join(far)}" if far else ""
    )
    st.vega_lite_chart(
        spec=funnel_spec(groups, expected),
        width="stretch",
        alt=f"Funnel plot of {len(groups)} {kind_words.lower()} groups around {expected:.1%}. {said}",
    )
    st.caption(
        f"{said}. The inner limits hold 95 of 100 groups that are no different, the outer ones 998 of 1,000. "
        "A group outside is a reason to look, at its data and its people first; it is not a ranking."
    )


def funnel_groups(strata: Sequence[Stratum], expected: float | None) -> tuple[Group, ...]:
    """The groups that may be drawn: their counts are shown, and somebody is in the denominator."""
    return tuple(
        (
            stratum.label,
            stratum.counts.denominator,
            stratum.counts.rate,
            place_words(stratum.counts, expected),
        )
        for stratum in strata
        if stratum.counts.rate is not None and stratum.counts.denominator
    )


@st.cache_data(max_entries=100)
def funnel_spec(groups: tuple[Group, ...], expected: float) -> dict:
    points = pd.DataFrame(groups, columns=["group", "denominator", "rate", "place"])
    scale = alt.Scale(domain=[0, 1])
    whole = alt.Axis(format="d", tickMinStep=1)
    x = alt.X(
        "denominator:Q", title="People in the denominator", axis=whole, scale=alt.Scale(zero=True, nice=True)
    )
    y = alt.Y("rate:Q", title="Rate", axis=alt.Axis(format="%"), scale=scale)
    curves = _curves(expected, max(points["denominator"]))
    strokes = alt.StrokeDash("limit:N", title="Chance gives", legend=alt.Legend(orient="bottom"))
    limits = (
        alt.Chart(curves)
        .mark_line(color="#555555", interpolate="monotone")
        .encode(
            x=x,
            y=y,
            detail="side:N",
            strokeDash=strokes,
        )
    )
    middle = alt.Chart(pd.DataFrame({"rate": [expected]})).mark_rule(color="#555555").encode(y="rate:Q")
    drawn = alt.Chart(points).mark_point(filled=True, size=90, opacity=0.9)
    words = [place for place in SHAPES if place in set(points["place"])]
    shapes, colours = [SHAPES[place] for place in words], [COLOURS[place] for place in words]
    legend = alt.Legend(orient="bottom", columns=1, labelLimit=280)
    drawn = drawn.encode(
        x=x,
        y=y,
        shape=alt.Shape("place:N", title=None, legend=legend, scale=alt.Scale(domain=words, range=shapes)),
        color=alt.Color("place:N", title=None, legend=legend, scale=alt.Scale(domain=words, range=colours)),
        tooltip=[
            alt.Tooltip("group:N", title="Group"),
            alt.Tooltip("denominator:Q", title="Denominator"),
            alt.Tooltip("rate:Q", format=".1%", title="Rate"),
            alt.Tooltip("place:N", title="Stands"),
        ],
    )
    return alt.layer(limits, middle, drawn).to_dict()


def _curves(expected: float, largest: int) -> pd.DataFrame:
    """The limits from the smallest group that is judged to a little more than the largest has."""
    rarer = min(expected, 1 - expected)
    smallest = ceil(LEAST_EXPECTED / rarer) if rarer > 0 else largest
    end = max(smallest, largest * 1.05)
    steps = [(place / CURVE_POINTS) ** 2 for place in range(CURVE_POINTS + 1)]
    sizes = sorted({round(smallest + (end - smallest) * step) for step in steps})
    rows = []
    for name, z in (("95 %", Z_95), ("99.8 %", Z_998)):
        for size in sizes:
            low, high = funnel_limits(expected, size, z)
            rows += [(size, low, name, f"{name} low"), (size, high, name, f"{name} high")]
    return pd.DataFrame(rows, columns=["denominator", "rate", "limit", "side"])
