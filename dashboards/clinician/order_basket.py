"""The basket at the chart: what waits for a signature, and one button that signs what is complete.

The button names the patient again, and signs exactly the lines, in the versions, that stood above it.
"""

from __future__ import annotations

import uuid

import streamlit as st

from dashboards.clinician.gap_cards import watch_for_remeasure
from dashboards.clinician.order_forms import change_dialog
from dashboards.clinician.order_words import draft_html
from dashboards.shared.page import told_errors
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from dashboards.shared.who import who_html
from data_contracts.api.orders import Basket, DiscardDraft, DraftOrder, SignOrders
from data_contracts.api.patients import PatientBanner

PLACE = "basket"


def basket_panel(session: StaffSession, banner: PatientBanner) -> None:
    """Nothing while the basket is empty; a refusal is told all the same."""
    with told_errors():
        basket = session.client.orders.basket(banner.patient_id)
        if not basket.drafts:
            tell_refusal(PLACE)
            return
        with st.container(border=True, key="basket"):
            st.subheader(f"Order basket: {len(basket.drafts)} to be signed", anchor=False)
            for draft in basket.drafts:
                _line(session, banner, basket, draft)
            _sign_row(session, banner, basket)
            tell_refusal(PLACE)


def _line(session: StaffSession, banner: PatientBanner, basket: Basket, draft: DraftOrder) -> None:
    what, acts = st.columns([5, 2], vertical_alignment="top")
    what.html(f'<div class="card">{draft_html(draft)}</div>')
    if not session.may("order.write"):
        return
    key = f"{draft.draft_id}-{draft.version}"
    with acts.container(horizontal=True):
        if st.button("Change", key=f"change-{key}"):
            change_dialog(session, banner, draft, asks_pregnancy=basket.asks_pregnancy)
        st.button("Take out", key=f"discard-{key}", on_click=_discard, args=(session, draft))


def _sign_row(session: StaffSession, banner: PatientBanner, basket: Basket) -> None:
    who, sign = st.columns([5, 2], vertical_alignment="center")
    who.html(f'<div class="card">{who_html(banner)}</div>')
    complete = [draft for draft in basket.drafts if not draft.missing]
    if not basket.may_sign:
        sign.caption("A clinician signs these orders.")
        return
    sign.button(
        sign_words(len(complete), len(basket.drafts)),
        key="sign_orders",
        type="primary",
        disabled=not complete,
        on_click=_sign,
        args=(session, banner.patient_id, complete),
    )


def sign_words(complete: int, all_of_them: int) -> str:
    """How many one press signs; what is incomplete stays."""
    if complete == all_of_them:
        return f"Sign {complete} order{'s' if complete != 1 else ''}"
    return f"Sign {complete} of {all_of_them} orders"


def _sign(session: StaffSession, patient_id: str, drafts: list[DraftOrder]) -> None:
    """In the button's callback, so with what was on the screen. The same lines keep their key: pressed again after
    an answer was lost, they are signed once."""
    lines = [(draft.draft_id, draft.version) for draft in drafts]
    keys: dict = st.session_state.setdefault("sign_keys", {})
    act = SignOrders(sign_key=keys.setdefault(tuple(lines), str(uuid.uuid4())), drafts=lines)
    if tried(PLACE, lambda: session.client.orders.sign(patient_id, act)):
        watch_for_remeasure()
        st.toast(f"Signed: {', '.join(draft.name for draft in drafts)}")


def _discard(session: StaffSession, draft: DraftOrder) -> None:
    tried(PLACE, lambda: session.client.orders.discard(draft.draft_id, DiscardDraft(version=draft.version)))
