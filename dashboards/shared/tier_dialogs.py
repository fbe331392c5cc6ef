"""Adjusting a care tier and taking that back, from chart and worklist. Each dialog says whose tier it is."""

from __future__ import annotations

from datetime import date, timedelta

import streamlit as st

from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import plain_words
from dashboards.shared.page import remember, told_errors
from dashboards.shared.score_words import deciding_html
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from dashboards.shared.tier_words import adjustment_words, changed_words, computed_words
from dashboards.shared.who import Identified, who_words
from data_contracts.api.risk import (
    ADJUSTMENT_REASON_WORDS,
    TIER_WORDS,
    AdjustTier,
    CareTier,
    TakeBackTier,
)
from ehr_core.kernel.errors import StaleVersion

ADJUSTABLE = ("very_high", "high", "moderate", "low")
HOLDS_DAYS = 180


@st.dialog("Why this tier", width="medium")
def why_dialog(session: StaffSession, person: Identified) -> None:
    """What gives the tier, with the facts; read when somebody asks for it, not for everybody on a list."""
    st.write(who_words(person))
    with told_errors():
        risk = session.client.risk.of_patient(person.patient_id)
        said = (computed_words(risk.tier), adjustment_words(risk.tier), changed_words(risk.tier))
        for words in filter(None, said):
            st.write(plain_words(words))
        st.html(deciding_html(risk))


def adjust_dialog(session: StaffSession, person: Identified, tier: CareTier) -> None:
    _adjust_dialog(session, person, tier, fresh_form("tier"))


def take_back_dialog(session: StaffSession, person: Identified, tier: CareTier) -> None:
    _take_back_dialog(session, person, tier, fresh_form("tier-back"))


@st.dialog("Adjust the care tier")
def _adjust_dialog(session: StaffSession, person: Identified, tier: CareTier, form: str) -> None:
    st.write(who_words(person))
    st.caption(f"{computed_words(tier)} The computed tier stays and is shown beside yours.")
    chosen = st.radio(
        "Care tier",
        ADJUSTABLE,
        index=None,
        format_func=TIER_WORDS.get,
        horizontal=True,
        key=f"{form}-tier",
    )
    reason = st.selectbox(
        "Reason",
        list(ADJUSTMENT_REASON_WORDS),
        index=None,
        format_func=ADJUSTMENT_REASON_WORDS.get,
        required=True,
        key=f"{form}-reason",
    )
    note = st.text_area("What you know of the patient", max_chars=2000, key=f"{form}-note")
    today = date.today()  # noqa: DTZ011  a proposal in a form; the API decides by site date
    until = st.date_input(
        "Look again on", value=today + timedelta(days=HOLDS_DAYS), format="YYYY-MM-DD", key=f"{form}-until"
    )
    with told_errors():
        if st.button("Save adjustment", type="primary", disabled=chosen is None or reason is None):
            if reason == "other" and not note.strip():
                st.error("Say why in words when the reason is 'Other'.")
                return
            act = AdjustTier(
                version=tier.version, tier=chosen, reason=reason, note=note.strip() or None, until=until
            )
            if _done(lambda: session.client.risk.adjust(person.patient_id, act)):
                remember(f"Care tier adjusted to {TIER_WORDS[chosen]} until {show_date(until)}.")
                st.rerun()


@st.dialog("Take the adjustment back")
def _take_back_dialog(session: StaffSession, person: Identified, tier: CareTier, form: str) -> None:
    st.write(who_words(person))
    st.write(computed_words(tier))
    note = st.text_area("Why (optional)", max_chars=2000, key=f"{form}-note")
    with told_errors():
        if st.button("Let the computed tier count", type="primary"):
            act = TakeBackTier(version=tier.version, note=note.strip() or None)
            if _done(lambda: session.client.risk.take_back(person.patient_id, act)):
                remember("Adjustment taken back: the computed care tier counts again.")
                st.rerun()


def _done(act) -> bool:
    """Somebody who was quicker is named: the API's own sentence says who."""
    try:
        act()
    except StaleVersion as changed:
        st.error(f"Not saved. {changed.message}")
        return False
    return True
