"""Orders that came over FHIR: in the chart with what speaks against them, and the patients whose chart has one."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from dashboards.shared.support_cards import support_cards
from dashboards.shared.who import who_html, who_words
from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.outside_orders import OutsideOrder, ReviewOutsideOrder, WaitingOutsideOrder
from data_contracts.api.patients import PatientBanner


def outside_orders_panel(session: StaffSession, banner: PatientBanner) -> None:
    """Nothing where nothing waits."""
    with told_errors():
        orders = session.client.decision_support.outside_orders(banner.patient_id).orders
        if not orders:
            return
        with st.container(border=True, key="outside-orders"):
            st.subheader("Ordered elsewhere, and nobody here has looked", anchor=False)
            for order in orders:
                _order(session, banner, order)


def _order(session: StaffSession, banner: PatientBanner, order: OutsideOrder) -> None:
    form = f"outside-{order.reference}"
    by = text(order.requester, "somebody who is not named")
    st.html(
        f'<div class="card"><h4>{text(order.name)}</h4><p class="quiet">Ordered by {by}, written over FHIR '
        f"{text(show_instant(order.written_at))}</p></div>"
    )
    answers = support_cards(order.checked, form, asks=order.may_review)
    if not order.may_review:
        st.caption("Somebody who may sign such an order closes this.")
        return
    st.caption(
        f"For {who_words(banner)}. The order stays as it is: stop it under its own line if it is wrong."
    )
    st.button(
        f"I have looked at {order.name}",
        key=f"{form}-done",
        disabled=answers is None,
        on_click=_looked,
        args=(session, banner, order, answers or []),
    )


def _looked(
    session: StaffSession, banner: PatientBanner, order: OutsideOrder, answers: list[Acknowledged]
) -> None:
    with told_errors():
        act = ReviewOutsideOrder(reference=order.reference, version_id=order.version_id, acknowledged=answers)
        session.client.decision_support.review_outside_order(banner.patient_id, act)
        remember(f"{order.name}: looked at.")


def waiting_outside_orders(session: StaffSession) -> None:
    """For the page of orders to sign; nothing where no warning stands."""
    patients = session.client.decision_support.waiting_outside_orders().patients
    if not patients:
        return
    st.subheader("Ordered elsewhere, with a warning", anchor=False)
    for one in patients:
        _patient(session, one)


def _patient(session: StaffSession, one: WaitingOutsideOrder) -> None:
    with st.container(border=True, key=f"outside-{one.patient_id}"):
        who, what, go = st.columns([3, 5, 1.4], vertical_alignment="top")
        who.html(f'<div class="card">{who_html(one, same_name=one.same_name)}</div>')
        orders = "1 order" if one.orders == 1 else f"{one.orders} orders"
        what.html(f'<div class="card">{text(f"{orders}, since {show_instant(one.since)}")}</div>')
        with go:
            chart_button(session, one.patient_id, key=f"open-outside-{one.patient_id}")
