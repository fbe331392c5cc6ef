"""Recording one set of vital signs, in metric or US units, with how and where they were measured."""

from __future__ import annotations

from datetime import datetime

import streamlit as st
from pydantic import ValidationError

from dashboards.clinician.form_parts import about, done, moment, parse_decimal
from dashboards.clinician.record_forms import sentence_of
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import RecordVitals
from data_contracts.api.patients import PatientBanner
from ehr_core.kernel.errors import InvalidResource

UNUSUAL = "business-rule"
METRIC, US = "kg, cm, °C", "lb, in, °F"

VITALS = {
    "systolic_mmhg": "Systolic (mm[Hg])",
    "diastolic_mmhg": "Diastolic (mm[Hg])",
    "heart_rate_per_minute": "Heart rate (/min)",
    "respiratory_rate_per_minute": "Respirations (/min)",
    "oxygen_saturation_percent": "SpO₂ (%)",
    "oxygen_flow_l_per_minute": "Oxygen (L/min, 0 is room air)",
    "temperature_celsius": "Temperature (°C)",
    "temperature_fahrenheit": "Temperature (°F)",
    "weight_kg": "Weight (kg)",
    "weight_lb": "Weight (lb)",
    "height_cm": "Height (cm)",
    "height_in": "Height (in)",
    "head_circumference_cm": "Head circumference (cm)",
    "pain_score": "Pain (0 to 10)",
}
ROWS = {
    METRIC: (
        ("systolic_mmhg", "diastolic_mmhg", "heart_rate_per_minute"),
        ("temperature_celsius", "respiratory_rate_per_minute", "oxygen_saturation_percent"),
        ("weight_kg", "height_cm", "pain_score"),
    ),
    US: (
        ("systolic_mmhg", "diastolic_mmhg", "heart_rate_per_minute"),
        ("temperature_fahrenheit", "respiratory_rate_per_minute", "oxygen_saturation_percent"),
        ("weight_lb", "height_in", "pain_score"),
    ),
}
HOW = {
    "body_position": ("Position", ("sitting", "standing", "lying")),
    "pressure_site": ("Cuff on", ("left arm", "right arm", "left leg", "right leg")),
    "pressure_method": ("Pressure taken", ("automatic", "manual")),
    "temperature_site": ("Temperature taken", ("oral", "ear", "forehead", "armpit", "rectal")),
    "height_position": ("Height taken", ("standing", "lying")),
}


@st.dialog("Record vitals", width="medium")
def vitals_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    units = st.segmented_control(
        "Units",
        [METRIC, US],
        default=st.session_state.get("vital-units", METRIC),
        required=True,
        key=f"{form}-units",
    )
    st.session_state["vital-units"] = units
    with st.form(form, border=False):
        typed = _numbers(form, units)
        how = _how(form, typed)
        at = moment(form)
        confirmed = _confirmation(form)
        saved = st.form_submit_button("Save vitals", type="primary")
    if saved:
        with told_errors():
            _save(session, banner, form, typed, how, at, confirmed)


def _numbers(form: str, units: str) -> dict[str, str]:
    typed: dict[str, str] = {}
    for row in ROWS[units]:
        for column, field in zip(st.columns(3), row, strict=True):
            typed[field] = column.text_input(VITALS[field], key=f"{form}-{field}", max_chars=8)
    return typed


def _how(form: str, typed: dict[str, str]) -> dict[str, str]:
    """What most sets leave out; a part that nobody chose is not recorded."""
    with st.expander("How and where it was measured"):
        for field, column in zip(
            ("head_circumference_cm", "oxygen_flow_l_per_minute"), st.columns(2), strict=True
        ):
            typed[field] = column.text_input(VITALS[field], key=f"{form}-{field}", max_chars=8)
        chosen = {
            field: st.selectbox(label, options, index=None, key=f"{form}-{field}")
            for field, (label, options) in HOW.items()
        }
    return {field: value for field, value in chosen.items() if value}


def _confirmation(form: str) -> list[str]:
    """What the last try was asked about; kept until the person says that it is right, or changes it."""
    asked: dict[str, str] = st.session_state.get(f"{form}-unusual", {})
    if not asked:
        return []
    for field, question in asked.items():
        st.warning(f"{VITALS.get(field, field)}: {question}")
    sure = st.checkbox("I have checked: this is right", key=f"{form}-sure-{'-'.join(asked)}")
    return list(asked) if sure else []


def _save(
    session: StaffSession,
    banner: PatientBanner,
    form: str,
    typed: dict[str, str],
    how: dict[str, str],
    at: datetime,
    confirmed: list[str],
) -> None:
    entered = {field: parse_decimal(value) for field, value in typed.items() if (value or "").strip()}
    unreadable = [VITALS[field] for field, value in entered.items() if value is None]
    if unreadable:
        st.error(f"Not saved: {', '.join(unreadable)} must be a number with a point, such as 128 or 36.8.")
        return
    if not entered:
        st.error("Not saved: enter at least one value. A field left empty is not recorded.")
        return
    try:
        vitals = RecordVitals(at=at, confirmed=confirmed, **entered, **how)
    except ValidationError as error:
        st.error(f"Not saved. {sentence_of(error, VITALS)}")
        return
    try:
        session.client.charting.record_vitals(banner.patient_id, vitals)
    except InvalidResource as refusal:
        _ask_or_raise(form, refusal)
        return
    done("Vitals recorded.")


def _ask_or_raise(form: str, refusal: InvalidResource) -> None:
    """An unusual value is asked about in the form, with everything typed still there."""
    if any(issue.code != UNUSUAL for issue in refusal.issues):
        raise refusal
    st.session_state[f"{form}-unusual"] = {issue.expression: issue.message for issue in refusal.issues}
    st.rerun(scope="fragment")
