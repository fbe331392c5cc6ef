"""What can be done about a signed order, each in a dialog that repeats whose it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.who import Identified
from data_contracts.api.orders import OrderAct, OrderActWithReason, OrderLine, ReportReceived

Act = Literal["report", "release", "hold", "resume", "revoke"]

ACTS: dict[Act, str] = {
    "report": "Result or report received…",
    "release": "Release one now",
    "hold": "Put on hold…",
    "resume": "Resume",
    "revoke": "Revoke…",
}
SHORTEST_REASON = 3


def acts_for(session: StaffSession, order: OrderLine) -> list[Act]:
    """What this person may do with an order in its state."""
    offered: list[Act] = []
    if order.status == "active" and session.may("order.write"):
        offered += ["release"] if order.may_release else []
        offered += [] if order.repeat else ["report"]
    if session.may("order.sign"):
        offered += {"active": ["hold", "revoke"], "on-hold": ["resume", "revoke"]}.get(order.status, [])
    return offered


def open_act(session: StaffSession, person: Identified, order: OrderLine, act: Act) -> None:
    _DIALOGS[act](session, person, order, fresh_form(act))


def _about(person: Identified, order: OrderLine) -> None:
    about(person)
    st.write(order.name)


def _reason(label: str, form: str) -> str:
    return st.text_input(label, key=f"{form}-reason", max_chars=500).strip()


def _with_reason(
    do: Callable[[OrderActWithReason], object], order: OrderLine, reason: str, done: str
) -> None:
    with told_errors():
        if len(reason) < SHORTEST_REASON:
            st.error("Not saved: say why.")
            return
        do(OrderActWithReason(version_id=order.version_id, reason=reason))
        remember(f"{order.name}: {done}.")
        st.rerun()


@st.dialog("Put on hold")
def _hold(session: StaffSession, person: Identified, order: OrderLine, form: str) -> None:
    _about(person, order)
    st.caption(
        "Nothing happens until it is resumed: it is not overdue, and a repeating order makes no next one."
    )
    reason = _reason("Why", form)
    if st.button("Put on hold", type="primary"):
        _with_reason(lambda act: session.client.orders.hold(order.order_id, act), order, reason, "on hold")


@st.dialog("Revoke this order")
def _revoke(session: StaffSession, person: Identified, order: OrderLine, form: str) -> None:
    _about(person, order)
    st.caption(
        "It is not to be done. It stays in the record with the reason; what is needed is ordered anew."
    )
    reason = _reason("Why", form)
    if st.button("Revoke", type="primary"):
        _with_reason(lambda act: session.client.orders.revoke(order.order_id, act), order, reason, "revoked")


@st.dialog("Resume this order")
def _resume(session: StaffSession, person: Identified, order: OrderLine, form: str) -> None:
    _about(person, order)
    with told_errors():
        if st.button("Resume", type="primary", key=f"{form}-resume"):
            session.client.orders.resume(order.order_id, OrderAct(version_id=order.version_id))
            remember(f"{order.name}: active again.")
            st.rerun()


@st.dialog("Release one of a standing order")
def _release(session: StaffSession, person: Identified, order: OrderLine, form: str) -> None:
    _about(person, order)
    st.caption(f"{order.repeat}. The signature is the standing order's.")
    with told_errors():
        if st.button("Release one now", type="primary", key=f"{form}-release"):
            session.client.orders.release(order.order_id, OrderAct(version_id=order.version_id))
            remember(f"{order.name}: one was released.")
            st.rerun()


@st.dialog("Result or report received")
def _report(session: StaffSession, person: Identified, order: OrderLine, form: str) -> None:
    """Closes the loop by hand. A result that names its order, or is its only match, closes it by itself."""
    _about(person, order)
    with told_errors():
        documents = session.client.charting.past_care(order.patient_id).documents
        filed = [document for document in documents if document.status == "current"]
        summary = st.text_area("What it says, in short", max_chars=4000, key=f"{form}-summary").strip()
        document = st.selectbox(
            "Document, if it is filed (optional)",
            filed,
            index=None,
            format_func=lambda one: one.name,
            key=f"{form}-document",
        )
        if st.button("Close the order", type="primary"):
            if len(summary) < SHORTEST_REASON:
                st.error("Not saved: say what has come back.")
                return
            act = ReportReceived(
                version_id=order.version_id,
                summary=summary,
                document_id=document.resource_id if document else None,
            )
            session.client.orders.report(order.order_id, act)
            remember(f"{order.name}: closed with its report.")
            st.rerun()


_DIALOGS: dict[Act, Callable[[StaffSession, Identified, OrderLine, str], None]] = {
    "report": _report,
    "release": _release,
    "hold": _hold,
    "resume": _resume,
    "revoke": _revoke,
}
