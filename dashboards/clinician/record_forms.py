"""Recording at the chart: vitals, a result measured here, a result from elsewhere."""

from __future__ import annotations

import base64
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

import streamlit as st
from pydantic import ValidationError

from dashboards.clinician.gap_cards import watch_for_remeasure
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import RecordableResult, RecordOutsideResult, RecordResult, RecordVitals
from data_contracts.api.patients import PatientBanner
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_name

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


def record_buttons(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(horizontal=True):
        if st.button("Record vitals", shortcut="Alt+V"):
            _vitals_dialog(session, banner, fresh_form("vitals"))
        if st.button("Record result", shortcut="Alt+L"):
            _result_dialog(session, banner, fresh_form("result"))
        asked = st.session_state.pop("record_outside", None) == banner.patient_id
        if st.button("Record outside result", shortcut="Alt+O") or asked:
            _outside_dialog(session, banner, fresh_form("outside"))


def parse_decimal(typed: str) -> Decimal | None:
    """What was typed, digit for digit ('7.10' stays 7.10); None when it is not a number.

    A comma is refused: 1,250 is a thousand to one reader and one and a quarter to another.
    """
    try:
        value = Decimal(typed.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def sentence_of(error: ValidationError, labels: dict[str, str]) -> str:
    """The first thing wrong in a form, with the field as the screen calls it. Never repeats the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][-1]) if first["loc"] else "form"
    return f"{labels.get(field, field)}: {first['msg']}."


def _about(banner: PatientBanner) -> None:
    st.write(
        f"**{show_name(banner.name)}**, born {show_date(banner.birth_date)}, MRN {banner.mrn or 'not recorded'}"
    )


def _now() -> datetime:
    return datetime.now(ZoneInfo(app_settings().site_time_zone)).replace(second=0, microsecond=0)


def _moment(form: str) -> datetime:
    now = _now()
    day, hour = st.columns(2)
    on = day.date_input(
        "Date", value=now.date(), max_value=now.date(), format="YYYY-MM-DD", key=f"{form}-day"
    )
    at = hour.time_input("Time", value=now.time(), step=60, key=f"{form}-time")
    return datetime.combine(on, at or time(12), tzinfo=now.tzinfo)


def _done(message: str) -> None:
    watch_for_remeasure()
    remember(message)
    st.rerun()


@st.dialog("Record vitals", width="medium")
def _vitals_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    _about(banner)
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
        at = _moment(form)
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
    _done("Vitals recorded.")


@st.dialog("Record a result", width="medium")
def _result_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    """Measured here: a number in one of the units that this test may have."""
    _about(banner)
    offered = [item for item in session.client.charting.recordable() if item.kind == "result" and item.units]
    chosen = st.selectbox("Test", offered, index=None, format_func=lambda item: item.name, key=f"{form}-test")
    if chosen is None:
        return
    value, unit = st.columns(2)
    typed = value.text_input("Value", key=f"{form}-value", max_chars=20)
    chosen_unit = unit.selectbox("Unit", chosen.units, key=f"{form}-unit-{chosen.code}")
    at = _moment(form)
    note = st.text_area("Comment (optional)", max_chars=2000, key=f"{form}-note")
    if st.button("Save result", type="primary"):
        with told_errors():
            number = parse_decimal(typed or "")
            if number is None:
                st.error("Not saved: the value must be a number with a point, such as 7.1.")
                return
            result = RecordResult(code=chosen.code, at=at, value=number, unit=chosen_unit, note=note or None)
            session.client.charting.record_result(banner.patient_id, result)
            _done(f"{chosen.name} {number} {chosen_unit} recorded.")


@st.dialog("Record an outside result", width="medium")
def _outside_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    """Done elsewhere: day, who did it, and the document where there is one."""
    _about(banner)
    offered = session.client.charting.recordable()
    chosen = st.selectbox(
        "What was done", offered, index=None, format_func=lambda item: item.name, key=f"{form}-what"
    )
    if chosen is None:
        return
    on = st.date_input(
        "Day it was done", value=None, max_value=_now().date(), format="YYYY-MM-DD", key=f"{form}-on"
    )
    source = st.text_input("Where, or by whom", max_chars=200, key=f"{form}-source")
    typed, unit = _outside_value(chosen, form)
    finding = st.segmented_control(
        "Finding",
        ["normal", "abnormal", "not_stated"],
        format_func=lambda word: word.replace("_", " "),
        key=f"{form}-finding",
    )
    document = st.file_uploader(
        "Document (PDF or picture, optional)", type=["pdf", "png", "jpg", "jpeg"], key=f"{form}-file"
    )
    if st.button("Save outside result", type="primary"):
        with told_errors():
            if on is None or len((source or "").strip()) < 2:
                st.error("Not saved: give the day it was done, and where or by whom.")
                return
            if finding is None:
                st.error("Not saved: say the finding, or that the record does not state it.")
                return
            number = parse_decimal(typed) if typed.strip() else None
            if typed.strip() and number is None:
                st.error("Not saved: the value must be a number with a point, such as 7.1.")
                return
            record = RecordOutsideResult(
                code_system=chosen.code_system,
                code=chosen.code,
                kind=chosen.kind,
                on=on,
                source=source.strip(),
                value=number,
                unit=unit if number is not None else None,
                finding=finding,
                document_name=document.name if document else None,
                document_type=document.type if document else None,
                document_base64=base64.b64encode(document.getvalue()).decode() if document else None,
            )
            session.client.charting.record_outside_result(banner.patient_id, record)
            _done(f"{chosen.name} of {show_date(on)} recorded from outside.")


def _outside_value(chosen: RecordableResult, form: str) -> tuple[str, str | None]:
    """What was typed as a value, and its unit; a thing without units has no value."""
    if not chosen.units:
        return "", None
    value, unit = st.columns(2)
    typed = value.text_input("Value", key=f"{form}-value", max_chars=20)
    return typed, unit.selectbox("Unit", chosen.units, key=f"{form}-unit-{chosen.code}")
