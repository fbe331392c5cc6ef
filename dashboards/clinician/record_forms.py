"""Recording what was measured or asked here: vital signs, and a result as a number or an answer."""

from __future__ import annotations

from datetime import datetime

import streamlit as st
from pydantic import ValidationError

from dashboards.clinician.form_parts import about, answer_choice, done, moment, parse_decimal
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import RecordableResult, RecordResult, RecordVitals
from data_contracts.api.patients import PatientBanner

VITALS = {
    "systolic_mmhg": "Systolic (mm[Hg])",
    "diastolic_mmhg": "Diastolic (mm[Hg])",
    "heart_rate_per_minute": "Heart rate (/min)",
    "temperature_celsius": "Temperature (°C)",
    "respiratory_rate_per_minute": "Respirations (/min)",
    "oxygen_saturation_percent": "SpO₂ (%)",
    "weight_kg": "Weight (kg)",
    "height_cm": "Height (cm)",
}


def sentence_of(error: ValidationError, labels: dict[str, str]) -> str:
    """The first thing wrong in a form, with the field as the screen calls it. Never repeats the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][-1]) if first["loc"] else "form"
    return f"{labels.get(field, field)}: {first['msg']}."


@st.dialog("Record vitals", width="medium")
def vitals_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    with st.form(form, border=False):
        typed: dict[str, str] = {}
        for pair in (
            ("systolic_mmhg", "diastolic_mmhg"),
            ("heart_rate_per_minute", "temperature_celsius"),
            ("respiratory_rate_per_minute", "oxygen_saturation_percent"),
            ("weight_kg", "height_cm"),
        ):
            for column, field in zip(st.columns(2), pair, strict=True):
                typed[field] = column.text_input(VITALS[field], key=f"{form}-{field}", max_chars=8)
        at = moment(form)
        saved = st.form_submit_button("Save vitals", type="primary")
    if saved:
        with told_errors():
            _save_vitals(session, banner, typed, at)


def _save_vitals(session: StaffSession, banner: PatientBanner, typed: dict[str, str], at: datetime) -> None:
    entered = {field: parse_decimal(value) for field, value in typed.items() if value.strip()}
    unreadable = [VITALS[field] for field, value in entered.items() if value is None]
    if unreadable:
        st.error(f"Not saved: {', '.join(unreadable)} must be a number with a point, such as 128 or 36.8.")
        return
    if not entered:
        st.error("Not saved: enter at least one value. A field left empty is not recorded.")
        return
    try:
        vitals = RecordVitals(at=at, **entered)
    except ValidationError as error:
        st.error(f"Not saved. {sentence_of(error, VITALS)}")
        return
    session.client.charting.record_vitals(banner.patient_id, vitals)
    done("Vitals recorded.")


@st.dialog("Record a result", width="medium")
def result_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    """Measured or asked here: a number in one of the units that this test may have, or one of its answers."""
    about(banner)
    offered = [
        item for item in session.client.charting.recordable() if item.kind == "result" and has_value(item)
    ]
    chosen = st.selectbox("Test", offered, index=None, format_func=lambda item: item.name, key=f"{form}-test")
    if chosen is None:
        return
    if chosen.units:
        value, unit = st.columns(2)
        typed = value.text_input("Value", key=f"{form}-value", max_chars=20)
        chosen_unit = unit.selectbox("Unit", chosen.units, key=f"{form}-unit-{chosen.code}")
    else:
        answer = answer_choice(chosen, form)
    at = moment(form)
    note = st.text_area("Comment (optional)", max_chars=2000, key=f"{form}-note") or None
    if st.button("Save result", type="primary"):
        with told_errors():
            if chosen.units:
                _save_number(session, banner, chosen, typed, chosen_unit, at, note)
            else:
                _save_answer(session, banner, chosen, answer, at, note)


def has_value(item: RecordableResult) -> bool:
    """What only has a finding is done elsewhere, and recorded as an outside result."""
    return bool(item.units or item.answers)


def _save_number(
    session: StaffSession,
    banner: PatientBanner,
    item: RecordableResult,
    typed: str | None,
    unit: str,
    at: datetime,
    note: str | None,
) -> None:
    number = parse_decimal(typed or "")
    if number is None:
        st.error("Not saved: the value must be a number with a point, such as 7.1.")
        return
    result = RecordResult(code=item.code, at=at, value=number, unit=unit, note=note)
    session.client.charting.record_result(banner.patient_id, result)
    done(f"{item.name} {number} {unit} recorded.")


def _save_answer(
    session: StaffSession,
    banner: PatientBanner,
    item: RecordableResult,
    answer: str | None,
    at: datetime,
    note: str | None,
) -> None:
    if answer is None:
        st.error("Not saved: choose the answer.")
        return
    result = RecordResult(code=item.code, at=at, value_code=answer, note=note)
    session.client.charting.record_result(banner.patient_id, result)
    done(f"{item.name} recorded: {dict(item.answers)[answer]}.")
