"""The chart: banner, order basket, care gaps, then the record's summary, orders, results and past care, on one page."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.chart_apps import chart_apps_panel
from dashboards.clinician.closed_chart import closed_chart
from dashboards.clinician.fact_card import fact_card
from dashboards.clinician.gap_cards import gap_cards
from dashboards.clinician.growth_chart import growth_panel
from dashboards.clinician.history_panel import history_panel
from dashboards.clinician.notes_panel import notes_panel
from dashboards.clinician.order_basket import basket_panel
from dashboards.clinician.orders import orders_panel
from dashboards.clinician.outside_cards import outside_panel
from dashboards.clinician.outside_orders import outside_orders_panel
from dashboards.clinician.past_care import past_care_panel
from dashboards.clinician.plans_panel import plans_panel
from dashboards.clinician.questionnaires import questionnaires_panel
from dashboards.clinician.record_buttons import record_buttons
from dashboards.clinician.results import results_panel
from dashboards.clinician.risk_panel import risk_panel
from dashboards.clinician.summary import (
    allergies_html,
    history_html,
    medications_html,
    problems_html,
    section_html,
    vitals_html,
)
from dashboards.clinician.support_panel import support_panel
from dashboards.shared.banner import show_banner
from dashboards.shared.page import start_page, tell_remembered, told_errors
from dashboards.shared.places import go_to
from dashboards.shared.refusals import forget_refusals
from dashboards.shared.session import StaffSession
from data_contracts.api.chart import ALLERGY_STATE_WORDS, ChartSummary


def chart_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Chart", heading=False)
    forget_refusals()
    patient_id = st.query_params.get("patient")
    if not patient_id:
        st.info("No patient is chosen. Find one under Patients, or open a visit under Today.")
        return
    with told_errors():
        if closed_chart(session, patient_id):
            return
        summary = session.client.charting.summary(patient_id)
        show_banner(summary.banner)
        tell_remembered()
        fact_card(session, summary)
        chart_apps_panel(session, patient_id)
        if summary.hidden_items:
            st.warning(f"{summary.hidden_items} items of this record are restricted and not shown to you.")
        if session.may("chart.write"):
            record_buttons(session, summary.banner)
        outside_orders_panel(session, summary.banner)
        basket_panel(session, summary.banner)
        gaps, record = st.columns([5, 6], gap="medium")
        with gaps:
            gap_cards(session, summary.banner)
            risk_panel(session, summary.banner)
            support_panel(session, summary.banner)
            outside_panel(session, patient_id)
        with record:
            _record(summary)
            notes_panel(session, summary.banner)
        results_panel(session, summary.banner)
        orders_panel(session, summary.banner)
        plans_panel(session, summary)
        questionnaires_panel(session, summary.banner)
        history_panel(session, summary.banner)
        growth_panel(session, summary.banner)
        past_care_panel(session, summary.banner)


def _record(summary: ChartSummary) -> None:
    with st.container(border=True, key="allergies"):
        st.subheader(ALLERGY_STATE_WORDS[summary.allergy_state], anchor=False)
        st.html(allergies_html(summary))
    left, right = st.columns(2)
    with left:
        _section("Problems", section_html(summary, "problems", problems_html(summary)))
        _section("Latest vitals", section_html(summary, "vitals", vitals_html(summary)))
    with right:
        _section("Medications", section_html(summary, "medications", medications_html(summary)))
        if st.button("Prescribe, stop, refill", shortcut="Alt+M"):
            go_to("medications", patient=summary.banner.patient_id)
        _section("Visits and immunizations", history_html(summary))


def _section(title: str, body: str) -> None:
    with st.container(border=True):
        st.subheader(title, anchor=False)
        st.html(f'<div class="card">{body}</div>')
