"""Prescriptions that wait for a signature: who prepared them, their checks, one click where nothing is against it."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.clinician.medication_rows import entry_html
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, told_errors
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from dashboards.shared.support_cards import support_cards
from data_contracts.api.medications import ChangePrescription, PreparedPrescription, SignPrepared
from data_contracts.api.patients import PatientBanner


def prepared_card(session: StaffSession, banner: PatientBanner, waiting: PreparedPrescription) -> None:
    entry = waiting.entry
    with st.container(border=True, key=f"prepared-{entry.prescription_id}"):
        st.html(entry_html(entry))
        st.caption(plain_words(f"Prepared by {waiting.prepared_by}. {waiting.why_not or ''}"))
        with st.container(horizontal=True):
            if session.may("medication.prescribe"):
                if waiting.one_click:
                    st.button(
                        "Sign",
                        type="primary",
                        key=f"sign-{entry.prescription_id}-{entry.version_id}",
                        on_click=_sign,
                        args=(session, waiting),
                    )
                if st.button("Open", key=f"open-prepared-{entry.prescription_id}"):
                    _open(session, banner, waiting, fresh_form("prepared"))
            if session.may("medication.prescribe") or session.may("medication.reconcile"):
                st.button(
                    "Discard",
                    key=f"discard-{entry.prescription_id}-{entry.version_id}",
                    on_click=_discard,
                    args=(session, waiting),
                )
        tell_refusal(entry.prescription_id)


def _sign(session: StaffSession, waiting: PreparedPrescription) -> None:
    entry = waiting.entry
    act = SignPrepared(version_id=entry.version_id)
    if tried(
        entry.prescription_id, lambda: session.client.medications.sign_prepared(entry.prescription_id, act)
    ):
        remember(f"{entry.name} was signed.")


def _discard(session: StaffSession, waiting: PreparedPrescription) -> None:
    entry = waiting.entry
    act = ChangePrescription(version_id=entry.version_id, reason="altchoice", words="draft discarded")
    if tried(entry.prescription_id, lambda: session.client.medications.stop(entry.prescription_id, act)):
        remember(f"The draft of {entry.name} was discarded.")


@st.dialog("Sign a prepared prescription", width="large")
def _open(session: StaffSession, banner: PatientBanner, waiting: PreparedPrescription, form: str) -> None:
    about(banner)
    entry = waiting.entry
    st.html(entry_html(entry))
    answers = support_cards(waiting.cards, form)
    override = None
    if waiting.blocked:
        st.warning(waiting.blocked)
        choices = session.client.medications.choices().allergy_overrides
        words = {choice.code: choice.words for choice in choices}
        override = st.selectbox(
            "It cannot wait because", list(words), index=None, format_func=words.get, key=f"{form}-override"
        )
    ready = answers is not None and (waiting.blocked is None or override is not None)
    if st.button("Sign", type="primary", disabled=not ready, key=f"{form}-sign"):
        with told_errors():
            act = SignPrepared(
                version_id=entry.version_id, acknowledged=answers or [], allergy_override=override
            )
            session.client.medications.sign_prepared(entry.prescription_id, act)
            remember(f"{entry.name} was signed.")
            st.rerun()
