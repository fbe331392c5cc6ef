"""Outside systems: which subscriptions fail and why, which outside decision support is asked, and the signing key."""

from __future__ import annotations

import streamlit as st
from pydantic import ValidationError

from dashboards.shared.markup import tag, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.outside import CdsServiceInfo, Hook, NewCdsService, SubscriptionInfo

STATES = {
    "requested": ("Waits for its handshake", "waiting"),
    "active": ("Active", "closed"),
    "error": ("Given up", "open"),
    "off": ("Ended", "apart"),
}
HOOKS: dict[Hook, str] = {
    "patient-view": "A chart is opened",
    "order-select": "An order or a drug is chosen",
    "order-sign": "Orders or a prescription are about to be signed",
}
PREFETCH_HELP = "One a line: name = Patient/{{context.patientId}}"
STOP_WORDS = (
    "It ends for good, and what waits is not sent. To hear again, the application has to subscribe anew."
)
KEY_WORDS = (
    "There is no way back to the present key. Receivers that keep it for longer than a week have to be told."
)


def outside_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Outside systems")
    tell_remembered()
    with told_errors():
        _subscriptions(session)
        _services(session)
        _key(session)


def _subscriptions(session: StaffSession) -> None:
    st.header("Subscriptions")
    listed = session.client.outside.subscriptions()
    failing = [one for one in listed if one.fails and one.status != "off"]
    if failing:
        number = "One subscriber is" if len(failing) == 1 else f"{len(failing)} subscribers are"
        st.error(f"{number} not told what happens. What waits is kept and sent when it works again.")
    if not listed:
        st.info("No application has subscribed to anything.")
    for one in listed:
        with st.container(border=True):
            st.html(subscription_html(one))
            if one.status == "off":
                continue
            with st.container(horizontal=True):
                again = one.fails and st.button("Try again now", key=f"again_{one.subscription_id}")
                with st.popover("Stop", key=f"stopping_{one.subscription_id}"):
                    st.write(STOP_WORDS)
                    stop = st.button("Stop it for good", key=f"stop_{one.subscription_id}")
            if again:
                session.client.outside.try_again(one.subscription_id)
                _told("It is tried again now.")
            if stop:
                session.client.outside.stop(one.subscription_id)
                _told("The subscription is stopped.")


def subscription_html(one: SubscriptionInfo) -> str:
    """Whose, about what, where to, how it stands, and why the last try failed."""
    words, kind = STATES[one.status]
    failing = (
        f"<p>{text(one.failure)} <span class='quiet'>{text(show_instant(one.failed_at))}, "
        f"{one.tries} {'try' if one.tries == 1 else 'tries in a row'}</span></p>"
        if one.failure
        else ""
    )
    last = show_instant(one.last_sent_at) if one.last_sent_at else None
    return (
        f"<p>{tag(words, kind)} <b>{text(one.application)}</b> · {text(one.topic)} · {text(one.content)}</p>"
        f"<p class='quiet'>{text(one.endpoint)}<br>{one.events:,} events, {one.waiting:,} wait · last told "
        f"{text(last, 'never')}</p>{failing}"
    )


def _services(session: StaffSession) -> None:
    st.header("Outside decision support")
    st.caption(
        "CDS Hooks services of others. They are sent what the person at the chart may read, and their cards are marked "
        "as from outside."
    )
    listed = session.client.outside.services()
    if not listed:
        st.info("No outside service is asked. Add the first one below.")
    for one in listed:
        with st.container(border=True):
            st.html(service_html(one))
            words = "Ask it again" if one.disabled else "Do not ask it"
            if st.button(words, key=f"switch_{one.service_id}"):
                session.client.outside.switch_service(one.service_id, on=one.disabled)
                _told(f"{one.title} is {'asked' if one.disabled else 'not asked any more'}.")
    _add(session)


def service_html(one: CdsServiceInfo) -> str:
    state = tag("Not asked", "apart") if one.disabled else tag("Asked", "closed")
    if one.rests_until and not one.disabled:
        state = tag(f"Rests until {show_instant(one.rests_until)}", "open")
    failing = (
        f"<p>{text(one.last_failure)} <span class='quiet'>{text(show_instant(one.last_failed_at))}, "
        f"{one.failures} in a row</span></p>"
        if one.failures
        else ""
    )
    return (
        f"<p>{state} <b>{text(one.title)}</b> · {text(HOOKS[one.hook])}</p>"
        f"<p class='quiet'>{text(one.url)}<br>Sent: {text(', '.join(one.prefetch), 'the context alone')}</p>{failing}"
    )


def _add(session: StaffSession) -> None:
    with st.form("add_cds_service", width=640):
        st.subheader("Add a service, or change the one of the same id", anchor=False)
        service_id = st.text_input("Id of the service", max_chars=80)
        title = st.text_input("Name beside its cards", max_chars=100)
        hook = st.selectbox("Asked when", HOOKS, format_func=HOOKS.get)
        url = st.text_input("Address of the service", help="https, such as https://…/cds-services/the-id")
        known_as = st.text_input("Issuer by which it knows us (optional)", max_chars=200)
        prefetch = st.text_area("What it is sent (optional)", help=PREFETCH_HELP)
        asked = st.form_submit_button("Save", type="primary")
    if asked:
        lines = [line.partition("=") for line in prefetch.splitlines() if line.strip()]
        try:
            wanted = NewCdsService(
                service_id=service_id.strip(),
                hook=hook,
                title=title.strip() or service_id.strip(),
                url=url.strip(),
                prefetch={name.strip(): template.strip() for name, _, template in lines},
                known_as=known_as.strip() or None,
            )
        except ValidationError:
            st.error("The id of the service has 1 to 80 letters, digits, dots, hyphens and underscores.")
            return
        session.client.outside.add_service(wanted)
        _told(f"{wanted.title} is saved.")


def _key(session: StaffSession) -> None:
    st.header("Signing key")
    st.caption(
        "Signs every notification and every call. Receivers find the public key by its address, and know the last one "
        "for another week."
    )
    with st.popover("Change the key"):
        st.write(KEY_WORDS)
        changed = st.button("Sign with a new key from now on")
    if changed:
        session.client.outside.change_key()
        _told("A new key signs from now on.")


def _told(sentence: str) -> None:
    remember(sentence)
    st.rerun()
