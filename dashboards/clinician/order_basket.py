"""The basket at the chart: what waits for a signature, and one button that signs what is complete.

The button names the patient again, and signs exactly the lines, in the versions, that stood above it. What decision
support says stands at its line; a line with a warning that interrupts waits until a reason is chosen.
"""

from __future__ import annotations

import uuid

import streamlit as st

from dashboards.clinician.gap_cards import watch_for_remeasure
from dashboards.clinician.order_forms import change_dialog
from dashboards.clinician.order_words import draft_html
from dashboards.clinician.outside_cards import outside_panel
from dashboards.shared.markup import plain_words
from dashboards.shared.page import told_errors
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from dashboards.shared.support_cards import support_cards
from dashboards.shared.who import who_html
from data_contracts.api.decision_support import Acknowledged
from data_contracts.api.orders import Basket, DiscardDraft, DraftChecked, DraftOrder, SignOrders
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
            checked = _checked(session, basket)
            ready = {}
            for draft in basket.drafts:
                _line(session, banner, basket, draft)
                answers = _cards(checked, basket, draft)
                if answers is not None and not draft.missing:
                    ready[draft.draft_id] = answers
            _sign_row(session, banner, basket, ready)
            tell_refusal(PLACE)
        if session.may("order.write"):
            lines = ",".join(f"{one.draft_id}-{one.version}" for one in basket.drafts)
            newest = [basket.drafts[-1].draft_id]
            outside_panel(session, banner.patient_id, "order-select", chosen=newest, state=lines)
            outside_panel(session, banner.patient_id, "order-sign", state=lines)


def _checked(session: StaffSession, basket: Basket) -> dict[str, DraftChecked]:
    """By draft id; nothing for a reader who may not order."""
    if not session.may("order.write"):
        return {}
    return {one.draft_id: one for one in session.client.orders.check(basket.patient_id).drafts}


def _cards(checked: dict[str, DraftChecked], basket: Basket, draft: DraftOrder) -> list[Acknowledged] | None:
    """The answers to what interrupts; None while one is open, and where the line has changed meanwhile."""
    found = checked.get(draft.draft_id)
    if found is None or found.version != draft.version:
        return None
    return support_cards(found.checked, f"order-{draft.draft_id}-{draft.version}", asks=basket.may_sign)


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


def _sign_row(
    session: StaffSession, banner: PatientBanner, basket: Basket, ready: dict[str, list[Acknowledged]]
) -> None:
    who, sign = st.columns([5, 2], vertical_alignment="center")
    who.html(f'<div class="card">{who_html(banner)}</div>')
    complete = [draft for draft in basket.drafts if draft.draft_id in ready]
    if not basket.may_sign:
        sign.caption("A clinician signs these orders.")
        return
    sign.button(
        sign_words(len(complete), len(basket.drafts)),
        key="sign_orders",
        type="primary",
        disabled=not complete,
        on_click=_sign,
        args=(session, banner.patient_id, complete, ready),
    )


def sign_words(complete: int, all_of_them: int) -> str:
    """How many one press signs; what is incomplete stays."""
    if complete == all_of_them:
        return f"Sign {complete} order{'s' if complete != 1 else ''}"
    return f"Sign {complete} of {all_of_them} orders"


def _sign(
    session: StaffSession,
    patient_id: str,
    drafts: list[DraftOrder],
    acknowledged: dict[str, list[Acknowledged]],
) -> None:
    """In the button's callback, so with what was on the screen. The same lines keep their key: pressed again after
    an answer was lost, they are signed once."""
    lines = [(draft.draft_id, draft.version) for draft in drafts]
    keys: dict = st.session_state.setdefault("sign_keys", {})
    act = SignOrders(
        sign_key=keys.setdefault(tuple(lines), str(uuid.uuid4())),
        drafts=lines,
        acknowledged={draft_id: said for draft_id, said in acknowledged.items() if said},
    )
    if tried(PLACE, lambda: session.client.orders.sign(patient_id, act)):
        watch_for_remeasure()
        st.toast(plain_words(f"Signed: {', '.join(draft.name for draft in drafts)}"))


def _discard(session: StaffSession, draft: DraftOrder) -> None:
    tried(PLACE, lambda: session.client.orders.discard(draft.draft_id, DiscardDraft(version=draft.version)))
