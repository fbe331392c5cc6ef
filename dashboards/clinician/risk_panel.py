"""Risk at the chart: the care tier with its adjustment, each score, the facts behind it, and what is missing."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import lines, text
from dashboards.shared.page import told_errors
from dashboards.shared.score_words import score_html
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from dashboards.shared.tier_dialogs import adjust_dialog, take_back_dialog
from dashboards.shared.tier_words import (
    adjustment_words,
    changed_words,
    computed_words,
    event_words,
    tier_tag,
)
from data_contracts.api.patients import PatientBanner
from data_contracts.api.risk import CareTier, PatientRisk


def risk_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(border=True, key="risk"), told_errors():
        risk = session.client.risk.of_patient(banner.patient_id)
        st.subheader("Risk", anchor=False)
        st.html(tier_html(risk.tier))
        if session.may("risk.adjust") and not risk.tier.masked:
            _acts(session, banner, risk.tier)
        with st.expander("Scores, what is behind them, and history"):
            for score in risk.scores:
                st.html(score_html(score, banner.patient_id))
            st.html(history_html(risk))
            st.caption(fresh_words(risk))


def tier_html(tier: CareTier) -> str:
    changed = changed_words(tier)
    said = [computed_words(tier), adjustment_words(tier)]
    return (
        f'<div class="card"><p>{tier_tag(tier)}</p>'
        + "".join(f"<p>{text(words)}</p>" for words in said if words)
        + (f'<p class="warn">{text(changed)}</p>' if changed else "")
        + "</div>"
    )


def history_html(risk: PatientRisk) -> str:
    told = lines((text(event_words(event)) for event in risk.history), "Never adjusted")
    return f'<div class="card"><h4>History of the tier</h4>{told}</div>'


def fresh_words(risk: PatientRisk) -> str:
    """Of when the answers are, and whether something newer is on its way."""
    if risk.as_of is None or risk.computed_at is None:
        return "Risk has not been computed yet. The next change of the record or the next night computes it."
    computed = f"Computed for {show_date(risk.as_of)} ({show_instant(risk.computed_at)})"
    if risk.waiting_since:
        return f"{computed}; a change of {show_instant(risk.waiting_since)} does not count yet, it is being computed."
    return f"{computed}. Each change of the record computes it again, and so does every night."


def _acts(session: StaffSession, banner: PatientBanner, tier: CareTier) -> None:
    with st.container(horizontal=True):
        if st.button("Adjust tier", key=f"adjust-tier-{tier.version}"):
            adjust_dialog(session, banner, tier)
        if tier.adjustment and st.button("Take back", key=f"tier-back-{tier.version}"):
            take_back_dialog(session, banner, tier)
