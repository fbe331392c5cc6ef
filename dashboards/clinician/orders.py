"""Orders at the chart: the open ones with what can be done about each, and the closed ones."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.order_acts import ACTS, Act, acts_for, open_act
from dashboards.clinician.order_forms import order_dialog
from dashboards.clinician.order_words import closed_html, order_html
from dashboards.shared.page import told_errors
from dashboards.shared.refusals import refuse, tell_refusal
from dashboards.shared.session import StaffSession
from data_contracts.api.orders import OrderLine
from data_contracts.api.patients import PatientBanner
from ehr_core.kernel.errors import StaleVersion

OPEN = ("active", "on-hold")


def orders_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.container(border=True, key="orders"):
        st.subheader("Orders", anchor=False)
        if session.may("order.write") and st.button("Order", shortcut="Alt+N", key="new_order"):
            order_dialog(session, banner)
        with told_errors():
            found = session.client.orders.of_patient(banner.patient_id)
            still_open = [order for order in found.orders if order.status in OPEN]
            closed = [order for order in found.orders if order.status not in OPEN]
            for order in still_open:
                _order(session, banner, order)
            if not still_open:
                st.info("No open orders.")
            if closed:
                with st.expander(f"Closed orders ({len(closed) + found.closed_not_shown})"):
                    st.html(f'<div class="card">{closed_html(closed)}</div>')
                    if found.closed_not_shown:
                        st.caption(f"The newest {len(closed)} are shown.")


def _order(session: StaffSession, banner: PatientBanner, order: OrderLine) -> None:
    with st.container(key=f"order-{order.order_id}"):
        what, acts = st.columns([6, 1.4], vertical_alignment="top")
        what.html(f'<div class="card">{order_html(order)}</div>')
        offered = acts_for(session, order)
        if offered:
            with acts:
                _menu(session, banner, order, offered)
        with what:
            tell_refusal(f"order-{order.order_id}")


def _menu(session: StaffSession, banner: PatientBanner, order: OrderLine, offered: list[Act]) -> None:
    """An act opens only while the order says what it said when the menu was opened."""
    chosen = st.menu_button(
        "More",
        [ACTS[act] for act in offered],
        key=f"order-menu-{order.order_id}",
        on_click=_hold_version,
        args=(order,),
    )
    if not chosen:
        return
    if st.session_state.pop("order_version_on_screen", order.version_id) == order.version_id:
        open_act(session, banner, order, next(act for act in offered if ACTS[act] == chosen))
    else:
        refuse(f"order-{order.order_id}", StaleVersion("The order has changed since it was drawn."))


def _hold_version(order: OrderLine) -> None:
    st.session_state["order_version_on_screen"] = order.version_id
