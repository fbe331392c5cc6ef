"""Allergies at the chart: record one in five clicks, say that there is none, correct or remove one with a reason."""

from __future__ import annotations

from uuid import uuid4

import streamlit as st

from dashboards.clinician.form_parts import about, done
from dashboards.shared.markup import plain_words
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.allergies import (
    USUAL_REACTIONS,
    AllergyDetails,
    CorrectAllergy,
    RecordAllergy,
    RecordedAllergies,
    RecordedAllergy,
    RemoveAllergy,
    Substance,
)
from data_contracts.api.chart import ALLERGY_STATE_WORDS
from data_contracts.api.patients import PatientBanner

SEVERITIES = {"mild": "Mild", "moderate": "Moderate", "severe": "Severe"}
CRITICALITIES = {"high": "High: may threaten life", "low": "Low"}
CATEGORIES = {"medication": "Drug", "food": "Food", "environment": "Environment", "biologic": "Biologic"}
KINDS = {False: "Allergy", True: "Side effect (intolerance)"}


@st.dialog("Allergies", width="large")
def allergy_dialog(session: StaffSession, banner: PatientBanner, form: str) -> None:
    about(banner)
    with told_errors():
        known = session.client.allergies.of_patient(banner.patient_id)
        st.write(f"**{ALLERGY_STATE_WORDS[known.state]}**")
        chosen: Substance | None = st.session_state.get(f"{form}-substance")
        if chosen is None:
            _find(session, form)
            _none_known(session, banner, known, form)
            for allergy in known.items:
                _known(session, allergy, form)
        else:
            _describe(session, banner, chosen, form)


def _find(session: StaffSession, form: str) -> None:
    typed = st.text_input(
        "Allergic to", key=f"{form}-typed", live=True, placeholder="penicillin, ibuprofen, Augmentin, peanut"
    ).strip()
    if len(typed) < 2:
        return
    found = session.client.allergies.search(typed).items
    for option in [*found[:10], Substance(kind="words", code=None, name=typed, note="in words, not checked")]:
        st.button(
            f"{option.name}  ({option.note})" if option.note else option.name,
            key=f"{form}-pick-{option.kind}-{option.code or 'words'}",
            on_click=st.session_state.__setitem__,
            args=(f"{form}-substance", option),
            width="stretch",
        )


def _describe(session: StaffSession, banner: PatientBanner, chosen: Substance, form: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.write(f"**{plain_words(chosen.name)}**")
        again = (f"{form}-substance", None)
        st.button("Another", key=f"{form}-another", on_click=st.session_state.pop, args=again)
    category = "medication"
    if chosen.kind == "words":
        category = st.pills(
            "Kind", list(CATEGORIES), default="medication", format_func=CATEGORIES.get, key=f"{form}-kind"
        )
    details = _details(AllergyDetails(), form)
    if st.button("Save allergy", type="primary", key=f"{form}-save", disabled=category is None):
        request_id = st.session_state.setdefault(f"{form}-request", str(uuid4()))
        record = RecordAllergy(
            request_id=request_id,
            kind=chosen.kind,
            code=chosen.code,
            name=chosen.name,
            category=category,
            details=details,
        )
        session.client.allergies.record(banner.patient_id, record)
        done(f"Allergy to {chosen.name} recorded.")


def _details(now: AllergyDetails, form: str) -> AllergyDetails:
    """The details as chosen; what is not chosen is not recorded."""
    offered = [*USUAL_REACTIONS, *(one for one in now.reactions if one not in USUAL_REACTIONS)]
    reactions = st.pills(
        "Reaction", offered, selection_mode="multi", default=now.reactions, key=f"{form}-reactions"
    )
    other = st.text_input("Another reaction (optional)", max_chars=100, key=f"{form}-other").strip()
    severity = st.pills(
        "Severity", list(SEVERITIES), default=now.severity, format_func=SEVERITIES.get, key=f"{form}-severity"
    )
    more, kind = st.columns(2)
    criticality = more.pills(
        "If taken again",
        list(CRITICALITIES),
        default=now.criticality,
        format_func=CRITICALITIES.get,
        key=f"{form}-criticality",
    )
    intolerance = kind.pills(
        "It is", list(KINDS), default=now.intolerance, format_func=KINDS.get, key=f"{form}-intolerance"
    )
    return AllergyDetails(
        reactions=[*reactions, *([other] if other else [])],
        severity=severity,
        criticality=criticality,
        intolerance=intolerance,
    )


def _none_known(session: StaffSession, banner: PatientBanner, known: RecordedAllergies, form: str) -> None:
    if known.state == "not_recorded" and st.button(
        "Asked: no known allergies", key=f"{form}-none", help="Records that you asked and there is none."
    ):
        session.client.allergies.record_none_known(banner.patient_id)
        done("No known allergies recorded.")


def _known(session: StaffSession, allergy: RecordedAllergy, form: str) -> None:
    with st.expander(allergy.name, key=f"{form}-known-{allergy.allergy_id}"):
        own = f"{form}-{allergy.allergy_id}-{allergy.version_id}"
        details = allergy.details if allergy.is_denial else _details(allergy.details, own)
        reason = st.text_input("Why it is changed", max_chars=500, key=f"{own}-why").strip()
        ready = len(reason) >= 3
        with st.container(horizontal=True):
            if not allergy.is_denial and st.button("Save change", disabled=not ready, key=f"{own}-change"):
                act = CorrectAllergy(version_id=allergy.version_id, details=details, reason=reason)
                session.client.allergies.correct(allergy.allergy_id, act)
                done(f"{allergy.name} was corrected.")
            if st.button("Remove: entered in error", disabled=not ready, key=f"{own}-remove"):
                session.client.allergies.remove(
                    allergy.allergy_id, RemoveAllergy(version_id=allergy.version_id, reason=reason)
                )
                done(f"{allergy.name} was removed as entered in error.")
