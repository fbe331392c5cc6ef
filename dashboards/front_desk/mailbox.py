"""The mailbox: every message to a patient, what became of it and why. With the default sender it stays here."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import plain_words, tag, text
from dashboards.shared.page import start_page, told_errors
from dashboards.shared.paging import show_paging, stay_within
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.messaging import Mailbox, MailboxMessage

STATES = {
    "waiting": "Waiting",
    "sent": "Sent",
    "failed": "Failed",
    "withheld": "Withheld",
    "overtaken": "Overtaken",
}
TAGS = {"waiting": "waiting", "sent": "closed", "failed": "open", "withheld": "apart", "overtaken": "apart"}
KINDS = {
    "booked": "New visit",
    "moved": "Visit moved",
    "cancelled": "Visit cancelled",
    "reminder_3_days": "Reminder, three days before",
    "reminder_1_day": "Reminder, the day before",
    "offer": "Offer of a freed time",
}
EVERY = "all"


def mailbox_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Mailbox")
    with told_errors():
        which = st.segmented_control(
            "Show",
            [EVERY, *STATES],
            format_func=lambda one: STATES.get(one, "All"),
            default=EVERY,
            required=True,
            key="mailbox_state",
        )
        number = st.session_state.get("mailbox_page", 1)
        box = session.client.messaging.mailbox(number, state=None if which == EVERY else which)
        stay_within(box.page, "mailbox_page")
        st.caption(senders_words(box))
        if not box.messages:
            st.info("No messages here. They are written when a visit is booked, moved or near.")
        for message in box.messages:
            _message(message)
        show_paging(box.page, "mailbox_page")


def senders_words(box: Mailbox) -> str:
    """Whether anything leaves this installation."""
    parts = [f"{box.page.total} messages"]
    for channel, name in box.senders.items():
        where = "kept here, sent nowhere" if name == "mailbox" else f"sent by {name}"
        parts.append(f"{'e-mail' if channel == 'email' else 'text messages'}: {where}")
    return " · ".join(parts)


def message_html(message: MailboxMessage) -> str:
    state = tag(STATES[message.state], TAGS[message.state])
    channel = "E-mail" if message.channel == "email" else "Text message"
    when = message.sent_at or message.not_before
    why = f'<p class="warn">{text(message.why)}</p>' if message.why else ""
    return (
        f'<div class="card"><h4>{text(KINDS.get(message.kind, message.kind))} {state}</h4>'
        f'<p class="quiet">{channel} to {text(message.address, "nobody yet")} · {text(show_instant(when))}</p>'
        f"{why}</div>"
    )


def _message(message: MailboxMessage) -> None:
    with st.container(border=True, key=f"message-{message.message_id}"):
        st.html(message_html(message))
        if message.body:
            with st.expander("Read"):
                if message.subject:
                    st.write(f"**{plain_words(message.subject)}**")
                st.text(message.body)
