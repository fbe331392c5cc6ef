"""Recording what was done elsewhere: day, who did it, what it found, and the document where there is one."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from dashboards.clinician.form_parts import about, answer_choice, done, now_at_site, parse_decimal
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import RecordableResult, RecordOutsideResult
from data_contracts.api.patients import PatientBanner


@dataclass(frozen=True)
class Filled:
    """The form as it stands; `answer` and `finding` are null where they are not asked or not given."""

    item: RecordableResult
    on: date | None
    source: str
    typed: str
    unit: str | None
    answer: str | None
    finding: str | None
    document: Any

    @property
    def asks_answer(self) -> bool:
        return asks_answer(self.item)


def asks_answer(item: RecordableResult) -> bool:
    """A coded answer is chosen by its words; where the finding says the same, the finding is asked alone."""
    return bool(item.answers) and not item.asks_finding


@st.dialog("Record an outside result", width="medium")
def outside_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    offered = session.client.charting.recordable()
    chosen = st.selectbox(
        "What was done", offered, index=None, format_func=lambda item: item.name, key=f"{form}-what"
    )
    if chosen is None:
        return
    filled = _fields(chosen, form)
    if st.button("Save outside result", type="primary"):
        with told_errors():
            if missing := what_is_missing(filled):
                st.error(missing)
                return
            session.client.charting.record_outside_result(banner.patient_id, record_of(filled))
            done(f"{chosen.name} of {show_date(filled.on)} recorded from outside.")


def _fields(item: RecordableResult, form: str) -> Filled:
    on = st.date_input(
        "Day it was done", value=None, max_value=now_at_site().date(), format="YYYY-MM-DD", key=f"{form}-on"
    )
    source = st.text_input("Where, or by whom", max_chars=200, key=f"{form}-source")
    typed, unit = _value(item, form)
    answer = answer_choice(item, form) if asks_answer(item) else None
    finding = _finding(form) if item.asks_finding else None
    document = st.file_uploader(
        "Document (PDF or picture, optional)", type=["pdf", "png", "jpg", "jpeg"], key=f"{form}-file"
    )
    return Filled(item, on, (source or "").strip(), (typed or "").strip(), unit, answer, finding, document)


def _value(item: RecordableResult, form: str) -> tuple[str, str | None]:
    """What was typed as a value, and its unit; a thing without units has no value."""
    if not item.units:
        return "", None
    value, unit = st.columns(2)
    typed = value.text_input("Value", key=f"{form}-value", max_chars=20)
    return typed, unit.selectbox("Unit", item.units, key=f"{form}-unit-{item.code}")


def _finding(form: str) -> str | None:
    return st.segmented_control(
        "Finding",
        ["normal", "abnormal", "not_stated"],
        format_func=lambda word: word.replace("_", " "),
        key=f"{form}-finding",
    )


def what_is_missing(filled: Filled) -> str | None:
    """The first thing that keeps the form from being saved, as a sentence; None when it can be."""
    if filled.on is None or len(filled.source) < 2:
        return "Not saved: give the day it was done, and where or by whom."
    if filled.item.asks_finding and filled.finding is None:
        return "Not saved: say the finding, or that the record does not state it."
    if filled.asks_answer and filled.answer is None:
        return "Not saved: choose the answer."
    if filled.typed and parse_decimal(filled.typed) is None:
        return "Not saved: the value must be a number with a point, such as 7.1."
    return None


def record_of(filled: Filled) -> RecordOutsideResult:
    number = parse_decimal(filled.typed) if filled.typed else None
    document = filled.document
    return RecordOutsideResult(
        code_system=filled.item.code_system,
        code=filled.item.code,
        kind=filled.item.kind,
        on=filled.on,
        source=filled.source,
        value=number,
        unit=filled.unit if number is not None else None,
        value_code=filled.answer,
        finding=filled.finding or "not_stated",
        document_name=document.name if document else None,
        document_type=document.type if document else None,
        document_base64=base64.b64encode(document.getvalue()).decode() if document else None,
    )
