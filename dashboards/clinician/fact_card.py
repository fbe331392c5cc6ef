"""The fact that the address names, first on the chart: what a link behind a score or a gap leads to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import streamlit as st

from dashboards.clinician.results import DONE_STATUSES, range_words, value_html
from dashboards.clinician.summary import medication_html, problem_html
from dashboards.shared.fact_link import FACT
from dashboards.shared.markup import tag, text
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import CareLine, ChartSummary, DocumentLine, ResultPoint, ResultSeries

GONE = (
    "The fact that this link leads to does not stand in this record any more, or is not shown to you. "
    "Look at the record below."
)
Find = Callable[[StaffSession, ChartSummary, str], str | None]


def fact_card(session: StaffSession, summary: ChartSummary) -> None:
    """Nothing without a fact in the address. What this person may not read is not found."""
    kind, _, identity = st.query_params.get(FACT, "").partition("/")
    if not identity:
        return
    with st.container(border=True, key="fact"):
        find = FINDERS.get(kind)
        found = (find(session, summary, identity) if find else None) or _as_read(
            session, summary, (kind, identity)
        )
        st.subheader("The fact behind it", anchor=False)
        st.html(f'<div class="card"><p>{found}</p></div>' if found else f'<p class="warn">{GONE}</p>')
        st.button("Close", key="close-fact", on_click=_close)


def _close() -> None:
    if FACT in st.query_params:
        del st.query_params[FACT]


def _problem(_: StaffSession, summary: ChartSummary, identity: str) -> str | None:
    found = (one for one in summary.problems if one.condition_id == identity)
    return _under("Problems", next(map(problem_html, found), None))


def _medication(_: StaffSession, summary: ChartSummary, identity: str) -> str | None:
    found = (one for one in summary.medications if one.medication_id == identity)
    return _under("Medications", next(map(medication_html, found), None))


def _result(session: StaffSession, summary: ChartSummary, identity: str) -> str | None:
    """Among the values that the chart opens with, else among all."""
    read, patient_id = session.client.charting.results, summary.banner.patient_id
    for view in (read(patient_id, newest=1), read(patient_id)):
        for series in view.series:
            for point in series.points:
                if point.result_id == identity:
                    return _under("Results", _result_html(series, point))
    return None


def _result_html(series: ResultSeries, point: ResultPoint) -> str:
    about = [show_date(point.at), f"LOINC {series.code}" if "loinc" in series.system else series.code]
    about += [range_words(point) if point.status in DONE_STATUSES else None, point.source]
    more = " · ".join(text(part) for part in about if part)
    return f"<b>{text(series.name)}</b>: {value_html(point)} <span class='quiet'>{more}</span>"


def _past_care(session: StaffSession, summary: ChartSummary, identity: str) -> str | None:
    care = session.client.charting.past_care(summary.banner.patient_id)
    found = (
        one for one in (*care.procedures, *care.immunizations, *care.documents) if one.resource_id == identity
    )
    return _under("Procedures, immunizations, documents", next(map(_care_html, found), None))


def _care_html(line: CareLine | DocumentLine) -> str:
    status = (
        "" if line.status in ("completed", "current") else f" {tag(line.status.replace('-', ' '), 'apart')}"
    )
    more = " · ".join(text(part) for part in (show_date(line.on), line.source) if part)
    return f"<b>{text(line.name)}</b>{status} <span class='quiet'>{more}</span>"


def _as_read(session: StaffSession, summary: ChartSummary, fact: tuple[str, str]) -> str | None:
    """What stands on no list of the page, such as a diagnosis of one visit: as a score or a gap read it."""
    patient_id = summary.banner.patient_id
    drivers = [one for score in session.client.risk.of_patient(patient_id).scores for one in score.drivers]
    for one in drivers:
        if (one.resource_type, one.resource_id) == fact:
            return _read_html(one.what or one.code, one.value, one.code, one.on)
    for gap in session.client.care_gaps.of_patient(patient_id).gaps:
        said = gap.evidence
        if said and not said.masked and (said.resource_type, said.resource_id) == fact:
            return _read_html(said.what, said.value, None, said.on)
    return None


def _read_html(what: str | None, value: str | None, code: str | None, on: date | None) -> str:
    shown = f": <b>{text(value)}</b>" if value else ""
    more = " · ".join(text(part) for part in (code, show_date(on) if on else "day not recorded") if part)
    return f"<b>{text(what, 'unnamed')}</b>{shown} <span class='quiet'>{more}<br>Not on a list of this page.</span>"


def _under(section: str, html: str | None) -> str | None:
    return (
        f"{html}<br><span class='quiet'>In the record below, under “{text(section)}”</span>" if html else None
    )


FINDERS: dict[str, Find] = {
    "Condition": _problem,
    "MedicationRequest": _medication,
    "MedicationStatement": _medication,
    "Observation": _result,
    "DiagnosticReport": _result,
    "Procedure": _past_care,
    "Immunization": _past_care,
    "DocumentReference": _past_care,
}
