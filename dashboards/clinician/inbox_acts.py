"""What is done about a card of the inbox, each in a dialog that repeats who it is about and what the result said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import streamlit as st

from dashboards.clinician.form_parts import about, now_at_site
from dashboards.clinician.inbox_words import results_table
from dashboards.clinician.order_forms import add_to_basket, catalogue_of, details_form, item_label
from dashboards.shared.forms import fresh_form
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.orders import OrderDetails
from data_contracts.api.results_inbox import Acknowledge, ActOnResults, Delegate, InboxCard, SeenItem

SHORTEST_NOTE = 3
RECALL_DAYS = 14


def seen_items(card: InboxCard) -> list[SeenItem]:
    """Everything on the card in the versions that it shows."""
    return [
        SeenItem(item_id=one.item_id, version=one.version, result_version=one.result_version)
        for one in card.results
    ]


def _about(card: InboxCard) -> None:
    about(card)
    st.html(f'<div class="card">{results_table(card)}</div>')


def _done(words: str) -> None:
    remember(words)
    st.rerun()


def tell_dialog(session: StaffSession, card: InboxCard) -> None:
    _tell_dialog(session, card, fresh_form("tell"))


@st.dialog("Acknowledge and tell the patient", width="large")
def _tell_dialog(session: StaffSession, card: InboxCard, form: str) -> None:
    """The first wording is ours and says nothing about what the result means: it is read before it is sent."""
    _about(card)
    if not card.suggested.language_known:
        st.warning(
            "No language that we have words for is recorded. This wording is English: does the patient read it?"
        )
    message = st.text_area(
        f"What the patient reads in the portal, in {card.suggested.language}",
        value=card.suggested.text,
        max_chars=2000,
        key=f"{form}-message",
    ).strip()
    st.caption("The patient sees it at once. Whoever has no portal account is called.")
    with told_errors():
        if st.button("Acknowledge and send", type="primary", disabled=not message):
            session.client.results_inbox.acknowledge(Acknowledge(items=seen_items(card), message=message))
            _done(f"{card.title}: acknowledged, and the patient is told.")


def acts_menu(session: StaffSession, card: InboxCard, key: str) -> None:
    """A dialog names the versions of the card: what has changed since is refused, not overwritten."""
    chosen = st.menu_button("More", list(_DIALOGS), key=f"inbox-menu-{key}")
    if chosen:
        _DIALOGS[chosen](session, card, fresh_form("inbox"))


@st.dialog("Order because of this result", width="large")
def _order_dialog(session: StaffSession, card: InboxCard, form: str) -> None:
    """Into the patient's basket, bound to the result: signing it closes what was acknowledged."""
    _about(card)
    with told_errors():
        item = st.selectbox(
            "What to order",
            catalogue_of(session).items,
            index=None,
            format_func=item_label,
            placeholder="Type a name, another name, or a code",
            key=f"{form}-item",
        )
        if item is None:
            return
        asks = session.client.orders.basket(card.patient_id).asks_pregnancy
        typed = details_form(item, OrderDetails(), f"{form}-{item.key}", asks_pregnancy=asks)
        if st.button("Add to basket", type="primary"):
            add_to_basket(
                session,
                card.patient_id,
                item,
                typed,
                lambda: _done(f"{item.name} is in the basket of the chart, to be signed."),
                result_item_id=card.results[0].item_id,
            )


@st.dialog("Recall the patient")
def _recall_dialog(session: StaffSession, card: InboxCard, form: str) -> None:
    _about(card)
    day = st.date_input(
        "To be seen by",
        value=now_at_site().date() + timedelta(days=RECALL_DAYS),
        format="YYYY-MM-DD",
        key=f"{form}-day",
    )
    st.caption("It becomes an order of yours, and stands among the overdue ones when it has not happened.")
    note = st.text_input("Why", max_chars=500, key=f"{form}-note").strip()
    if st.button("Arrange the recall", type="primary"):
        act = _act(card, "recalled", note, recall_on=day)
        _send(session, act, f"{card.title}: recall by {show_date(day)}.")


@st.dialog("Note what was done")
def _note_dialog(session: StaffSession, card: InboxCard, form: str) -> None:
    _about(card)
    note = st.text_area("What was done", max_chars=2000, key=f"{form}-note").strip()
    if st.button("Save and close the result", type="primary"):
        _send(session, _act(card, "noted", note), f"{card.title}: noted and closed.")


@st.dialog("Nothing is to be done")
def _nothing_dialog(session: StaffSession, card: InboxCard, form: str) -> None:
    _about(card)
    note = st.text_input("Why", max_chars=500, key=f"{form}-note").strip()
    if st.button("Close the result", type="primary"):
        _send(session, _act(card, "no_action", note), f"{card.title}: closed.")


def _act(card: InboxCard, act: str, note: str, **more: object) -> ActOnResults | None:
    if len(note) < SHORTEST_NOTE:
        st.error("Not saved: say why, or what was done.")
        return None
    return ActOnResults(items=seen_items(card), act=act, note=note, **more)


def _send(session: StaffSession, act: ActOnResults | None, done: str) -> None:
    if act is None:
        return
    with told_errors():
        session.client.results_inbox.act(act)
        _done(done)


@st.dialog("Delegate")
def _delegate_dialog(session: StaffSession, card: InboxCard, form: str) -> None:
    _about(card)
    with told_errors():
        choices = session.client.results_inbox.choices()
        offered = {("to_practitioner", one): name for one, name in choices.clinicians}
        offered |= {("to_pool", one): f"Pool: {name}" for one, name in choices.pools}
        to = st.selectbox("To", list(offered), index=None, format_func=offered.get, key=f"{form}-to")
        note = st.text_input("What for (optional)", max_chars=500, key=f"{form}-note").strip()
        if st.button("Delegate", type="primary", disabled=to is None):
            act = Delegate(items=seen_items(card), note=note or None, **{to[0]: to[1]})
            session.client.results_inbox.delegate(act)
            _done(f"{card.title}: delegated to {offered[to]}.")


_DIALOGS: dict[str, Callable[[StaffSession, InboxCard, str], None]] = {
    "Order…": _order_dialog,
    "Recall…": _recall_dialog,
    "Note what was done…": _note_dialog,
    "Nothing is to be done…": _nothing_dialog,
    "Delegate…": _delegate_dialog,
}
