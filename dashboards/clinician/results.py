"""Results at the chart: every test with its newest value and trend; one test in full, with its corrections."""

from __future__ import annotations

from decimal import Decimal

import streamlit as st

from dashboards.clinician.correct_forms import correct_dialog
from dashboards.clinician.error_forms import Entry, entry_act
from dashboards.clinician.trend import spark_html, trend_spec, trend_words
from dashboards.shared.markup import table, tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.refusals import tell_refusal, tried
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
DONE_STATUSES = ("final", "amended", "corrected", "appended")
IN_ERROR = "entered-in-error"
NEWEST_OF_EACH = 6
"""Values of each test that a chart opens with; one test is read in full when somebody looks at it."""


def results_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(border=True, key="results"):
        st.subheader("Results", anchor=False)
        st.fragment(_panel)(session, banner)


def _panel(session: StaffSession, banner: PatientBanner) -> None:
    with told_errors():
        view = session.client.charting.results(banner.patient_id, newest=NEWEST_OF_EACH)
        if view.unreadable_items:
            st.error(f"{view.unreadable_items} results could not be read, so this list is not complete.")
        if not view.series:
            if not view.unreadable_items:
                st.info("No results are recorded for this patient.")
            return
        if unseen := unreviewed_words(view.series):
            st.warning(unseen)
        category = _chosen_category(view.series)
        shown = [series for series in view.series if series.category == category]
        st.html(
            table(["Test", "Newest", "Date", "Range", "Trend"], map(_row, shown), caption="Newest results")
        )
        _one_test(session, banner, shown)


def unreviewed_words(series: list[ResultSeries]) -> str:
    """Which tests hold a result that nobody has reviewed, of whatever kind is being looked at; '' for none."""
    names = [item.name for item in series if any(point.awaits_review for point in item.points)]
    return f"Not yet reviewed: {', '.join(names)}." if names else ""


def _chosen_category(series: list[ResultSeries]) -> str:
    present = [key for key in CATEGORIES if any(item.category == key for item in series)]
    return st.segmented_control(
        "Kind", present, default=present[0], required=True, format_func=CATEGORIES.get, key="result_kind"
    )


def value_html(point: ResultPoint) -> str:
    """The value with unit, its flag as letter and arrow, and its standing (corrected, not reviewed …)."""
    value = f"<b>{text(point.text)}</b>"
    if point.status == IN_ERROR:
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
    by_code = {(series.system, series.code): series for series in shown}
    chosen = st.selectbox(
        "Look at one test",
        list(by_code),
        index=None,
        format_func=lambda key: by_code[key].name,
        key="result_code",
    )
    if chosen is None:
        return
    series = _in_full(session, banner, by_code[chosen])
    spec = trend_spec(series)
    if spec:
        st.vega_lite_chart(spec=spec, width="stretch", alt=trend_words(series))
    for point in series.points:
        _point(session, banner, series, point)


def _in_full(session: StaffSession, banner: PatientBanner, series: ResultSeries) -> ResultSeries:
    """With the values that the chart did not open with."""
    if not series.older:
        return series
    code = f"{series.system}|{series.code}"
    view = session.client.charting.results(banner.patient_id, code=code)
    return next(
        (one for one in view.series if (one.system, one.code) == (series.system, series.code)), series
    )


def _point(session: StaffSession, banner: PatientBanner, series: ResultSeries, point: ResultPoint) -> None:
    line, acts = st.columns([4, 3], vertical_alignment="center")
    about = [point.source, f"reviewed by {point.reviewed_by}" if point.reviewed_by else None]
    told = " · ".join(text(part) for part in about if part)
    line.html(
        f'<div class="card">{text(show_date(point.at))} {value_html(point)} <span class="quiet">{told}</span></div>'
    )
    if session.may("chart.write"):
        with acts.container(horizontal=True):
            _point_acts(session, banner, series, point)
    with line:
        tell_refusal(_place(point))


def _point_acts(
    session: StaffSession, banner: PatientBanner, series: ResultSeries, point: ResultPoint
) -> None:
    """What can be done with one result; one that was entered in error can only be set right again."""
    key = f"{point.result_id}-{point.version_id}"
    retracted = point.status == IN_ERROR
    if point.awaits_review and not retracted:
        st.button("Mark reviewed", key=f"review-{key}", on_click=_review, args=(session, point))
        with st.popover("Words for the patient"):
            st.text_area(
                "What the patient reads with this result (optional)", max_chars=2000, key=_words_key(point)
            )
            st.caption("Sent with 'Mark reviewed'. Plain words; the patient sees them at once.")
    if point.can_correct and st.button("Correct", key=f"correct-{key}"):
        correct_dialog(session, banner, series, point)
    entry = Entry(
        point.resource_type, point.result_id, point.version_id, f"{series.name} {point.text}", point.at
    )
    entry_act(session, banner, entry, retracted=retracted)


def _place(point: ResultPoint) -> str:
    return f"result-{point.result_id}"


def _words_key(point: ResultPoint) -> str:
    return f"words-{point.result_id}"


def _review(session: StaffSession, point: ResultPoint) -> None:
    """In the button's callback, so with the version that was on the screen: nobody signs what they have not seen.

    A refusal leaves the words for the patient as they were typed.
    """
    words = st.session_state.get(_words_key(point)) or None
    review = ReviewResult(version_id=point.version_id, comment_to_patient=words)
    act = session.client.charting.review_result
    if tried(_place(point), lambda: act(point.result_id, review, point.resource_type)):
        st.session_state.pop(_words_key(point), None)
