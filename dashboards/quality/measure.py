"""One measure: why it matters, how it goes, by whom it differs, who is behind it, and its definition."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.quality.measure_patients import patients_section
from dashboards.quality.rates import count_words, rate_words
from dashboards.quality.strata import strata_section
from dashboards.shared.markup import lines, table, text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.quality import MeasureDefinition, MeasurePage


def measure_section(session: StaffSession, measure_id: str) -> None:
    page = session.client.quality.measure(measure_id)
    st.header(page.line.title, anchor=False)
    st.write(page.definition.why_it_matters)
    facts, trend = st.columns([2, 3], gap="medium")
    with facts:
        _headline(page)
        st.download_button(
            "Download CSV",
            data=lambda: session.client.quality.csv(measure_id),
            file_name=f"{measure_id}.csv",
            mime="text/csv",
            on_click="ignore",
        )
    with trend:
        _trend(page)
    strata_section(page)
    if session.may("measure.drill"):
        patients_section(session, page)
    _definition(page.definition, page.provenance)


def _headline(page: MeasurePage) -> None:
    counts = page.line.counts
    st.metric(
        "Rate",
        "suppressed" if counts.suppressed else ("none" if counts.rate is None else f"{counts.rate:.1%}"),
    )
    st.html(
        table(
            ["Count", "People"],
            [
                ["Initial population", count_words(counts.initial_population)],
                ["Excluded", count_words(counts.exclusions)],
                ["Excepted", count_words(counts.exceptions)],
                ["Denominator", count_words(counts.denominator)],
                ["Met (numerator)", count_words(counts.numerator)],
                ["Not evaluable (counted, not dropped)", count_words(counts.not_evaluable)],
            ],
            caption="Counts beside the rate",
        )
    )


def _trend(page: MeasurePage) -> None:
    points = [(point.on, point.counts.rate) for point in page.trend if point.counts.rate is not None]
    if len(points) < 2:
        st.info(
            "A trend needs two nightly runs on different days; there is one so far."
            if points
            else "No runs yet."
        )
        return
    spec = trend_spec(tuple(points))
    st.vega_lite_chart(spec=spec, width="stretch", alt=f"Rate over time, now {rate_words(page.line.counts)}")


@st.cache_data(max_entries=100)
def trend_spec(points: tuple[tuple[object, float], ...]) -> dict:
    frame = pd.DataFrame(points, columns=["on", "rate"])
    frame["on"] = pd.to_datetime(frame["on"])
    chart = alt.Chart(frame).mark_line(point=True)
    return chart.encode(
        x=alt.X("on:T", title=None),
        y=alt.Y("rate:Q", title="Rate", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        tooltip=[alt.Tooltip("on:T", title="Run"), alt.Tooltip("rate:Q", format=".1%", title="Rate")],
    ).to_dict()


def _definition(definition: MeasureDefinition, provenance: dict[str, str]) -> None:
    with st.expander("Definition and provenance"):
        parts = [
            ("Purpose", definition.purpose),
            ("Source", f"{definition.source}, version {definition.version}"),
            ("Population", definition.population),
            ("Denominator", definition.denominator),
            ("Numerator", definition.numerator),
            ("Missing data", definition.missing_data),
        ]
        st.html(
            table(
                ["Part", "Says"],
                ([f"<b>{name}</b>", text(words)] for name, words in parts),
                caption="Definition",
            )
        )
        for name, listed in (
            ("Exclusions", definition.exclusions),
            ("Exceptions", definition.exceptions),
            ("Evidence", definition.evidence),
            ("Code systems not loaded", definition.code_systems_not_loaded),
        ):
            st.html(f"<h4>{name}</h4>{lines(map(text, listed), 'None')}")
        st.caption(" · ".join(f"{name}: {_shown(value)}" for name, value in provenance.items()))


def _shown(value: str) -> str:
    return show_date(value) if len(value) == len("2026-01-01") and value.count("-") == 2 else value
