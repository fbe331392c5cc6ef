"""Recording a result that was measured or asked here: a number in a unit, or an answer."""

from __future__ import annotations

from datetime import datetime

import streamlit as st
from pydantic import ValidationError

from dashboards.clinician.form_parts import about, answer_choice, done, moment, parse_decimal
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import RecordableResult, RecordResult
from data_contracts.api.patients import PatientBanner


def sentence_of(error: ValidationError, labels: dict[str, str]) -> str:
    """The first thing wrong in a form, with the field as the screen calls it. Never repeats the value."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = str(first["loc"][-1]) if first["loc"] else "form"
    return f"{labels.get(field, field)}: {first['msg']}."


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
