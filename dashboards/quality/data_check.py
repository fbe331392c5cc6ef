"""One data check: why it matters, what to do, its trend, the measures that it touches, and the records to repair."""

from __future__ import annotations

from datetime import date

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.quality.data_quality_words import found_words, point_words, records_words, share_words
from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import table, tag, text
from dashboards.shared.places import go_to
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.data_quality import DataFinding, DefectiveRecord
from ehr_core.display import show_name

LINE = "#1f5f8b"
Night = tuple[date, float]


def check_section(session: StaffSession, one: DataFinding) -> None:
    st.header(one.title, anchor=False)
    st.write(one.why)
    st.write(f"**What to do:** {one.repair}")
    said, trend = st.columns([2, 3], gap="medium")
    with said:
        st.metric("Share", share_words(one), help=None)
        st.caption(found_words(one))
    with trend:
        _trend(one)
    _touches(session, one)
    if one.has_records:
        _records(session, one)


def _trend(one: DataFinding) -> None:
    nights = tuple(
        (point.on, point.failing / point.checked)
        for point in one.trend
        if point.failing is not None and point.checked
    )
    if len(nights) < 2:
        st.info("A trend needs two nights on different days that could count this.")
    else:
        st.vega_lite_chart(
            spec=share_spec(nights),
            width="stretch",
            alt=f"Share with the defect over time, now {share_words(one)}",
        )
    with st.expander("Each night"):
        rows = ([text(show_date(point.on)), text(point_words(point))] for point in reversed(one.trend))
        st.html(table(["Night", "Found"], rows, caption="Each night's count"))


@st.cache_data(max_entries=100)
def share_spec(nights: tuple[Night, ...]) -> dict:
    frame = pd.DataFrame(nights, columns=["on", "share"])
    frame["on"] = pd.to_datetime(frame["on"])
    top = max(frame["share"].max() * 1.2, 0.01)
    return (
        alt.Chart(frame)
        .mark_line(point=True, color=LINE)
        .encode(
            x=alt.X("on:T", title=None),
            y=alt.Y(
                "share:Q",
                title="Share",
                axis=alt.Axis(format=".1%"),
                scale=alt.Scale(domain=[0, min(float(top), 1.0)]),
            ),
            tooltip=[alt.Tooltip("on:T", title="Night"), alt.Tooltip("share:Q", format=".2%", title="Share")],
        )
        .properties(height=220)
        .to_dict()
    )


def _touches(session: StaffSession, one: DataFinding) -> None:
    st.subheader("Measures that it touches", anchor=False)
    if not one.touches:
        st.caption("No measure reads what this defect spoils.")
        return
    rows = [
        [
            f"<b>{text(touch.title)}</b>{' <span class=quiet>official</span>' if touch.official else ''}",
            text(records_words(touch)),
            text(touch.reads, f"any {one.resource_type}"),
        ]
        for touch in one.touches
    ]
    st.html(
        table(
            ["Measure", f"Defective {one.counts} that it reads", "By value sets"],
            rows,
            caption="Measures that this defect touches",
        )
    )
    st.caption(
        "By each measure's own data requirements: it reads this type, by these value sets, and looks at what is "
        "spoiled. Whether an answer would be another one, only the repaired record tells."
    )
    if session.may("measure.read"):
        titles = {touch.measure_id: touch.title for touch in one.touches}
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                "Measure",
                list(titles),
                format_func=lambda value: titles[value],
                key=f"touched-{one.check_id}",
            )
            if st.button("Open the measure", key=f"open-{one.check_id}"):
                go_to("measures", measure=chosen)


def _records(session: StaffSession, one: DataFinding) -> None:
    if not session.may("measure.drill"):
        st.caption("Single records are shown to who may open charts.")
        return
    if not one.failing:
        return
    st.subheader("Records to repair", anchor=False)
    found = session.client.data_quality.records(one.check_id)
    if not found.rows:
        st.caption("None of the kept records is in a chart that you may open.")
        return
    st.caption(
        f"{len(found.rows)} of {one.failing:,} · as of the night · protected health information. A repaired record "
        "leaves the list with the next night."
    )
    for row in found.rows:
        who, go = st.columns([6, 1.2], vertical_alignment="center")
        who.html(f'<div class="card">{record_html(row)}</div>')
        with go:
            chart_button(session, row.patient_id, key=f"{one.check_id}-{row.patient_id}-{row.resource_id}")


def record_html(row: DefectiveRecord) -> str:
    """Whose record it is, and which; a label that this reader may not see hides the record and not the person."""
    warning = f" {tag('Same or similar name', 'open')}" if row.same_name else ""
    which = (
        f"{row.resource_type} {row.resource_id}" if row.resource_id else f"{row.resource_type}, deleted since"
    )
    said = "protected" if row.masked else f"{which} · {show_date(row.on) if row.on else 'no day'}"
    return (
        f"<b>{text(show_name(row.name))}</b>{warning} "
        f"<span class='quiet'>born {text(show_date(row.birth_date))} · MRN {text(row.mrn)}</span><br>{text(said)}"
    )
