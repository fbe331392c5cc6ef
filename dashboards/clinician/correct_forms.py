"""Correcting a result: the old version stays in the history."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import parse_decimal
from dashboards.clinician.gap_cards import watch_for_remeasure
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import CorrectResult, ResultPoint, ResultSeries
from data_contracts.api.patients import PatientBanner
from ehr_core.display import show_name


def _about(banner: PatientBanner, series: ResultSeries, point: ResultPoint) -> None:
    st.write(
        f"**{show_name(banner.name)}**, born {show_date(banner.birth_date)}, MRN {banner.mrn or 'not recorded'}"
    )
    st.write(plain_words(f"{series.name} {point.text} of {show_date(point.at)}"))


def correct_dialog(
    session: StaffSession, banner: PatientBanner, series: ResultSeries, point: ResultPoint
) -> None:
    _correct_dialog(session, banner, series, point, fresh_form("correct"))


@st.dialog("Correct this result")
def _correct_dialog(
    session: StaffSession, banner: PatientBanner, series: ResultSeries, point: ResultPoint, form: str
) -> None:
    _about(banner, series, point)
    value, unit = st.columns(2)
    typed = value.text_input("Correct value", key=f"{form}-value", max_chars=20)
    chosen_unit = unit.text_input("Unit", value=point.unit or "", key=f"{form}-unit", max_chars=20)
    reason = st.text_input("Why", key=f"{form}-reason", max_chars=500)
    if st.button("Save correction", type="primary"):
        with told_errors():
            number = parse_decimal(typed or "")
            if number is None or len(reason.strip()) < 3:
                st.error(
                    "Not saved: give the correct value as a number with a point, and why it is corrected."
                )
                return
            correction = CorrectResult(
                version_id=point.version_id, value=number, unit=chosen_unit, reason=reason.strip()
            )
            session.client.charting.correct_result(point.result_id, correction)
            watch_for_remeasure()
            remember(f"{series.name} corrected to {number} {chosen_unit}.")
            st.rerun()
