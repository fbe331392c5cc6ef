"""Orders to sign: every patient whose basket waits, the oldest first, and orders from elsewhere with a warning."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.outside_orders import waiting_outside_orders
from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import lines, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.who import who_html
from data_contracts.api.orders import BasketToSign


def to_sign_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Orders to sign")
    with told_errors():
        found = session.client.orders.baskets().baskets
        st.caption(f"{len(found)} patients · protected health information")
        for basket in found:
            _basket(session, basket)
        if not found:
            st.info("No basket waits for a signature. What is prepared in a chart comes here.")
        waiting_outside_orders(session)


def _basket(session: StaffSession, basket: BasketToSign) -> None:
    with st.container(border=True, key=f"to-sign-{basket.patient_id}"):
        who, what, go = st.columns([3, 5, 1.4], vertical_alignment="top")
        who.html(f'<div class="card">{who_html(basket, same_name=basket.same_name)}</div>')
        prepared = f"Prepared by {', '.join(basket.prepared_by)}, since {show_instant(basket.since)}"
        what.html(
            f'<div class="card">{lines(map(text, basket.names), "Nothing")}<p class="quiet">{text(prepared)}</p></div>'
        )
        with go:
            chart_button(session, basket.patient_id, key=f"open-{basket.patient_id}")
