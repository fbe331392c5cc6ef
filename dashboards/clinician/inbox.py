"""The inbox: results to look at, critical ones first; each card acts on exactly the versions that it shows."""

from __future__ import annotations

import time

import streamlit as st

from dashboards.clinician.inbox_acts import acts_menu, seen_items, tell_dialog
from dashboards.clinician.inbox_words import (
    card_html,
    count_words,
    coverage_words,
    history_html,
    patient_html,
    sorting_words,
)
from dashboards.shared.chart_button import chart_button
from dashboards.shared.markup import plain_words
from dashboards.shared.page import start_page, tell_remembered, told_errors
from dashboards.shared.paging import show_paging, stay_within
from dashboards.shared.places import place
from dashboards.shared.refusals import tell_refusal, tried
from dashboards.shared.session import StaffSession
from data_contracts.api.results_inbox import Acknowledge, Inbox, InboxCard

VIEWS = {"open": "To look at", "acknowledged": "Acknowledged, nothing done", "closed": "Closed this week"}
WATCH_SECONDS, WATCH_EVERY_SECONDS = 60.0, 1.5
SLOW = "This takes longer than usual: the sorting may have stopped. Tell whoever looks after the system."
MINE, EVERYBODY = "mine", "all"
PAGES = (
    ("to_sign", "order.sign", "Orders to sign"),
    ("overdue", "result.read", "Overdue orders"),
    ("unmatched", "result.read", "Results without a patient"),
    ("coverage", "result.read", "Coverage and pools"),
)


def inbox_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Inbox")
    tell_remembered()
    _links(session)
    with told_errors():
        view, of = _choices(session)
        inbox = session.client.results_inbox.inbox(
            of=of, view=view, page=st.session_state.get("inbox_page", 1)
        )
        st.session_state.pop("inbox_counts", None)
        stay_within(inbox.page, "inbox_page")
        _heading(session, inbox)
        for card in inbox.cards:
            _card(session, card)
        if not inbox.cards:
            st.info(empty_words(inbox, view))
        show_paging(inbox.page, "inbox_page")
        st.caption(inbox.limits_source)


def _links(session: StaffSession) -> None:
    """The other lists of the same work."""
    with st.container(horizontal=True):
        for path, permission, title in PAGES:
            if session.may(permission) and (page := place(path)):
                st.page_link(page, label=title)


def _choices(session: StaffSession) -> tuple[str, str]:
    shown, whose = st.columns([3, 2], vertical_alignment="bottom")
    view = shown.segmented_control(
        "Show", list(VIEWS), default="open", required=True, format_func=VIEWS.get, key="inbox_view"
    )
    clinicians = dict(session.client.results_inbox.choices().clinicians)
    offered = {MINE: "Mine, with what I cover", EVERYBODY: "Everybody's", **clinicians}
    offered.pop(session.me.practitioner_id or "", None)
    of = whose.selectbox("Inbox of", list(offered), format_func=offered.get, key="inbox_of")
    return view or "open", of or MINE


def _heading(session: StaffSession, inbox: Inbox) -> None:
    st.caption(f"{count_words(inbox.counts)} · protected health information")
    for sentence in coverage_words(inbox):
        st.info(sentence)
    if not inbox.on_their_way:
        st.session_state.pop("inbox_sorting_since", None)
        return
    since = st.session_state.setdefault("inbox_sorting_since", time.monotonic())
    if time.monotonic() - since < WATCH_SECONDS:
        st.fragment(_watch_sorting, run_every=WATCH_EVERY_SECONDS)(session, inbox.on_their_way)
        return
    st.warning(f"{sorting_words(inbox.on_their_way)} {SLOW}")
    st.button("Look again", key="look_again_inbox", on_click=_look_again)


def _watch_sorting(session: StaffSession, shown: int) -> None:
    """Draws the page anew as soon as a result has found its card; gives up in time and leaves a button."""
    since = st.session_state.get("inbox_sorting_since", 0.0)
    with told_errors():
        waiting = session.client.results_inbox.counts().on_their_way
        if waiting != shown or time.monotonic() - since >= WATCH_SECONDS:
            st.rerun()
        st.caption(f"{sorting_words(waiting)} They come here by themselves.")


def _look_again() -> None:
    st.session_state.pop("inbox_sorting_since", None)


def empty_words(inbox: Inbox, view: str) -> str:
    if inbox.on_their_way:
        return "Results are on their way here."
    if view == "open":
        return "Nothing to look at. New results come here by themselves, critical ones first."
    return "Nothing here."


def place_of(card: InboxCard) -> str:
    return f"inbox-{card.patient_id}-{card.group_key}"


def _card(session: StaffSession, card: InboxCard) -> None:
    key = card.results[0].item_id
    with st.container(border=True, key=f"inbox-{key}"):
        who, what, acts = st.columns([2.2, 6, 2], vertical_alignment="top")
        who.html(f'<div class="card">{patient_html(card)}</div>')
        what.html(f'<div class="card">{card_html(card)}</div>')
        with acts:
            if session.may("result.act"):
                _acts(session, card, key)
            chart_button(session, card.patient_id, key=f"open-{key}")
        with what:
            tell_refusal(place_of(card))
        if card.events:
            with what.expander("What happened to it"):
                st.html(f'<div class="card">{history_html(card.events)}</div>')


def _acts(session: StaffSession, card: InboxCard, key: str) -> None:
    """The usual act first: a critical result is told as it is acknowledged."""
    states = {result.state for result in card.results}
    versions = "-".join(str(result.version) for result in card.results)
    counts = any(result.notice not in ("cancelled", "withdrawn") for result in card.results)
    if states == {"new"}:
        if counts and st.button(
            "Acknowledge and tell",
            key=f"tell-{key}-{versions}",
            type="primary" if card.grade == "critical" else "secondary",
            width="stretch",
        ):
            tell_dialog(session, card)
        st.button(
            acknowledge_label(card),
            key=f"acknowledge-{key}-{versions}",
            width="stretch",
            type="secondary" if card.grade == "critical" else "primary",
            on_click=_acknowledge,
            args=(session, card),
        )
    if "closed" not in states:
        acts_menu(session, card, key)


def acknowledge_label(card: InboxCard) -> str:
    """A critical result stays in sight until something was done; any other is done with by looking at it."""
    number = f" all {len(card.results)}" if len(card.results) > 1 else ""
    return f"Acknowledge{number}" if card.grade == "critical" else f"Reviewed{number}"


def _acknowledge(session: StaffSession, card: InboxCard) -> None:
    """In the button's callback, so of what was on the screen."""
    act = Acknowledge(items=seen_items(card))
    if tried(place_of(card), lambda: session.client.results_inbox.acknowledge(act)):
        st.toast(plain_words(f"{card.title}: acknowledged."))
