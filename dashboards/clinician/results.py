"""Results at the chart: every test with its newest value and trend; one test in full, with its corrections."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from dashboards.clinician.correct_forms import correct_dialog, in_error_dialog
from dashboards.clinician.trend import spark_html, trend_spec
from dashboards.shared.markup import table, tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import ResultPoint, ResultSeries, ReviewResult
from data_contracts.api.patients import PatientBanner

CATEGORIES = {
    "laboratory": "Laboratory",
    "vital-signs": "Vital signs",
    "survey": "Questionnaires",
    "social-history": "Social history",
    "imaging": "Imaging",
    "other": "Other",
}
FLAG_WORDS = {"H": "H ↑", "HH": "HH ↑↑", "L": "L ↓", "LL": "LL ↓↓", "A": "A abnormal", "N": ""}
DONE_STATUSES = ("final", "amended", "corrected")


def results_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(border=True, key="results"):
        st.subheader("Results", anchor=False)
        st.fragment(_panel)(session, banner)


def _panel(session: StaffSession, banner: PatientBanner) -> None:
    with told_errors():
        view = session.client.charting.results(banner.patient_id)
        if not view.series:
            st.info("No results are recorded for this patient.")
            return
        category = _chosen_category(view.series)
        shown = [series for series in view.series if series.category == category]
        st.html(
            table(["Test", "Newest", "Date", "Range", "Trend"], map(_row, shown), caption="Newest results")
        )
        _one_test(session, banner, shown)


def _chosen_category(series: list[ResultSeries]) -> str:
    present = [key for key in CATEGORIES if any(item.category == key for item in series)]
    return st.segmented_control(
        "Kind", present, default=present[0], required=True, format_func=CATEGORIES.get, key="result_kind"
    )


def value_html(point: ResultPoint) -> str:
    """The value with unit, its flag as letter and arrow, and its standing (corrected, not reviewed …)."""
    value = f"<b>{text(point.text)}</b>"
    if point.status == "entered-in-error":
        return f'<span class="struck">{text(point.text)}</span> {tag("Entered in error", "apart")}'
    if point.flag and FLAG_WORDS[point.flag]:
        value += f' <span class="flag-{point.flag}">{FLAG_WORDS[point.flag]}</span>'
    if point.status not in DONE_STATUSES:
        value += " " + tag(point.status.replace("-", " "), "apart")
    elif point.status != "final":
        value += " " + tag(point.status, "waiting")
    if point.awaits_review:
        value += " " + tag("not yet reviewed", "open")
    return value


def range_words(point: ResultPoint) -> str:
    """The reference range as recorded; without one, that is said."""
    if point.reference_text:
        return point.reference_text
    if point.reference_low is not None and point.reference_high is not None:
        return f"{point.reference_low} to {point.reference_high}"
    if point.reference_high is not None:
        return f"up to {point.reference_high}"
    if point.reference_low is not None:
        return f"from {point.reference_low}"
    return "no range given"


def _row(series: ResultSeries) -> list[str]:
    newest = next((point for point in series.points if point.status in DONE_STATUSES), series.points[0])
    return [
        text(series.name),
        value_html(newest),
        text(show_date(newest.at)),
        f'<span class="quiet">{text(range_words(newest))}</span>',
        spark_html([float(number) for number in _numbers(series)]),
    ]


def _numbers(series: ResultSeries) -> list[Decimal]:
    """Oldest first, only what counts: final numbers in the series' own unit."""
    counted = (
        point.number
        for point in reversed(series.points)
        if point.status in DONE_STATUSES and point.number is not None and point.unit == series.unit
    )
    return list(counted)


def _one_test(session: StaffSession, banner: PatientBanner, shown: list[ResultSeries]) -> None:
    by_code = {series.code: series for series in shown}
    code = st.selectbox(
        "Look at one test",
        list(by_code),
        index=None,
        format_func=lambda key: by_code[key].name,
        key="result_code",
    )
    if code is None:
        return
    series = by_code[code]
    spec = trend_spec(series)
    if spec:
        st.vega_lite_chart(
            spec=spec, width="stretch", alt=f"{series.name} over time, newest {series.points[0].text}"
        )
    for point in series.points:
        _point(session, banner, series, point)


def _point(session: StaffSession, banner: PatientBanner, series: ResultSeries, point: ResultPoint) -> None:
    line, acts = st.columns([4, 3], vertical_alignment="center")
    source = f' <span class="quiet">{text(point.source)}</span>' if point.source else ""
    line.html(f'<div class="card">{text(show_date(point.at))} {value_html(point)}{source}</div>')
    if session.may("chart.write"):
        with acts.container(horizontal=True):
            _point_acts(session, banner, series, point)


def _point_acts(
    session: StaffSession, banner: PatientBanner, series: ResultSeries, point: ResultPoint
) -> None:
    """What can be done with one result; one that was entered in error can only be set right again."""
    key = point.observation_id
    retracted = point.status == "entered-in-error"
    if point.awaits_review and not retracted and st.button("Mark reviewed", key=f"review-{key}"):
        session.client.charting.review_result(key, ReviewResult(version_id=point.version_id))
        st.rerun()
    if point.can_correct and st.button("Correct", key=f"correct-{key}"):
        correct_dialog(session, banner, series, point)
    if not retracted and st.button("Entered in error", key=f"error-{key}"):
        in_error_dialog(session, banner, series, point)
