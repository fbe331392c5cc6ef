"""Overdue orders: ordered, and no result by the day it was expected; the most urgent and the longest overdue first."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.order_acts import ACTS, acts_for, open_act
from dashboards.clinician.order_words import order_html
from dashboards.shared.chart_button import chart_button
from dashboards.shared.page import start_page, tell_remembered, told_errors
from dashboards.shared.paging import show_paging, stay_within
from dashboards.shared.session import StaffSession
from dashboards.shared.url_choice import url_choice
from dashboards.shared.who import who_html
from data_contracts.api.orders import KIND_WORDS, OverdueOrder, OverdueOrders

EVERYBODY, MINE = "everybody", "mine"


def overdue_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Overdue orders")
    tell_remembered()
    with told_errors():
        left, right = st.columns(2, width=640)
        with left:
            kind = url_choice("Kind", "kind", KIND_WORDS, placeholder="All kinds", on_change=_first_page)
        own = session.me.practitioner_id
        whose = right.selectbox(
            "Ordered by",
            [EVERYBODY, MINE] if own else [EVERYBODY],
            format_func={EVERYBODY: "Everybody", MINE: "Me"}.get,
            key="overdue_of",
            on_change=_first_page,
        )
        found = session.client.orders.overdue(
            practitioner_id=own if whose == MINE else None,
            kind=kind,
            page=st.session_state.get("overdue_page", 1),
        )
        stay_within(found.page, "overdue_page")
        st.caption(summary_words(found))
        for order in found.orders:
            _order(session, order)
        if not found.orders:
            st.info("Nothing is overdue. An order comes here on the day after its result was expected.")
        show_paging(found.page, "overdue_page")


def _first_page() -> None:
    st.session_state["overdue_page"] = 1


def summary_words(found: OverdueOrders) -> str:
    """How many, by kind."""
    kinds = [f"{number} {KIND_WORDS[kind].lower()}" for kind, number in found.kinds.items()]
    return f"{found.page.total} overdue · {', '.join(kinds) or 'none of any kind'} · protected health information"


def days_words(order: OverdueOrder) -> str:
    return f"{order.days_late} day{'s' if order.days_late != 1 else ''} late"


def _order(session: StaffSession, late: OverdueOrder) -> None:
    order = late.order
    with st.container(border=True, key=f"overdue-{order.order_id}"):
        who, what, acts = st.columns([2.5, 6, 1.8], vertical_alignment="top")
        phone = f"<br>{late.phone or 'no phone recorded'} · <b>{days_words(late)}</b>"
        who.html(f'<div class="card">{who_html(late, same_name=late.same_name, more=phone)}</div>')
        what.html(f'<div class="card">{order_html(order)}</div>')
        with acts:
            chart_button(session, order.patient_id, key=f"open-{order.order_id}")
            offered = acts_for(session, order)
            chosen = (
                st.menu_button("More", [ACTS[act] for act in offered], key=f"overdue-menu-{order.order_id}")
                if offered
                else None
            )
            if chosen:
                open_act(session, late, order, next(act for act in offered if ACTS[act] == chosen))
