"""Accounts: who may sign in, with which roles; made with a link, closed at once, helped out of a lost phone."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import plain_words, text
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant
from data_contracts.api.account import AccountInfo, ChangeAccount, NewAccount

ROLES = {
    "clinician": "Clinician (physician, NP, PA)",
    "nurse": "Nurse",
    "pharmacist": "Pharmacist",
    "care_manager": "Care manager",
    "front_desk": "Front desk",
    "biller": "Biller",
    "analyst": "Analyst",
    "admin": "Administrator",
    "patient": "Patient (portal)",
    "proxy": "Proxy (portal)",
}
SHOWN = 50
LINK = "account_link"
"""Where a new link stands until somebody has copied it: it is shown this once."""


def accounts_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Accounts")
    tell_remembered()
    if link := st.session_state.pop(LINK, None):
        st.success("Hand this link over in a way that you trust. It is shown only now and works once.")
        st.code(link, language=None)
    with told_errors():
        accounts = session.client.account.accounts()
        typed = st.text_input("Find by name or user name", key="find", bind="query-params", width=360)
        wanted = typed.strip().lower()
        found = [one for one in accounts if wanted in f"{one.name} {one.username}".lower()]
        st.caption(count_words(len(found), len(accounts)))
        for one in found[:SHOWN]:
            _account(session, one)
    _new(session)


def count_words(found: int, all_of_them: int) -> str:
    """How many there are of what is looked for, and that a long list is cut."""
    if not found:
        return f"None of {all_of_them:,} accounts has this in its name. Type another part of it."
    more = f" The first {SHOWN} are shown: type more of the name." if found > SHOWN else ""
    return f"{found:,} of {all_of_them:,} accounts.{more}"


def account_html(one: AccountInfo) -> str:
    """Name, user name, roles, and what is out of the ordinary."""
    marks = [*(["closed"] if one.disabled else []), *(["second factor"] if one.totp_enabled else [])]
    roles = ", ".join(ROLES.get(role, role) for role in one.roles)
    told = "".join(f" · {text(mark)}" for mark in marks)
    return f"<p><b>{text(one.name)}</b> <code>{text(one.username)}</code> · {text(roles)}{told}</p>"


def _account(session: StaffSession, one: AccountInfo) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.html(account_html(one), width="content")
            with st.popover("Change", key=f"change_{one.account_id}"):
                _lost_password(session, one)
                _lost_factor(session, one)
                _open_or_closed(session, one)
                if not one.patient_id:
                    _roles(session, one)
        _sessions(session, one)


def _lost_password(session: StaffSession, one: AccountInfo) -> None:
    if one.disabled:
        return
    st.caption("A link for a new password: good for one hour, once. It signs them out everywhere now.")
    if st.button("Link for a lost password", key=f"reset_{one.account_id}"):
        with told_errors():
            st.session_state[LINK] = session.client.account.invite(one.account_id, "reset")
            st.rerun()


def _lost_factor(session: StaffSession, one: AccountInfo) -> None:
    if not one.totp_enabled:
        return
    st.caption(
        "For a lost phone. Make sure first that it is really they who ask: the password alone is enough then."
    )
    if st.button("Take second factor away", key=f"factor_{one.account_id}"):
        _change(session, one, ChangeAccount(reset_second_factor=True), "has no second factor any more")


def _open_or_closed(session: StaffSession, one: AccountInfo) -> None:
    if one.account_id == session.me.account_id:
        st.caption("This is your own account: another administrator closes it.")
    elif one.disabled:
        if st.button("Open the account again", key=f"close_{one.account_id}"):
            _change(session, one, ChangeAccount(disabled=False), "is open")
    else:
        st.caption("Closing ends their sessions at once. The account can be opened again.")
        if st.button("Close the account", key=f"close_{one.account_id}"):
            _change(session, one, ChangeAccount(disabled=True), "is closed: its sessions end at once")


def _roles(session: StaffSession, one: AccountInfo) -> None:
    with st.form(f"roles_{one.account_id}", border=False):
        chosen = st.multiselect("Roles", ROLES, default=one.roles, format_func=ROLES.get)
        asked = st.form_submit_button("Save the roles")
    if asked and not chosen:
        st.error("Choose at least one role, or close the account.")
    elif asked:
        _change(session, one, ChangeAccount(roles=chosen), "has other roles, from its next click on")


def _sessions(session: StaffSession, one: AccountInfo) -> None:
    """Looked up when asked for: looking at somebody's sessions is an act of its own."""
    key = f"sessions_of_{one.account_id}"
    if not st.toggle("Sessions", key=key):
        return
    with told_errors():
        open_ones = [
            each for each in session.client.account.sessions(account_id=one.account_id) if each.ended is None
        ]
        if not open_ones:
            st.caption("No open session.")
        for each in open_ones:
            told = (
                f"{each.application}, {each.address or 'address unknown'}, since {show_instant(each.created_at)}, "
                f"last used {show_instant(each.last_seen_at)}"
            )
            st.caption(plain_words(told + (" (this one)" if each.current else "")))
            if st.button(f"End the session of {show_instant(each.created_at)}", key=f"end_{each.session_id}"):
                session.client.account.revoke_session(each.session_id)
                remember(f"A session of {one.name} is ended.")
                st.rerun()


def _change(session: StaffSession, one: AccountInfo, change: ChangeAccount, done: str) -> None:
    with told_errors():
        session.client.account.change(one.account_id, change)
        remember(f"{one.name} {done}.")
        st.rerun()


def _new(session: StaffSession) -> None:
    st.header("New account")
    with st.form("new_account", width=560):
        name = st.text_input("Name, as colleagues see it", max_chars=200)
        username = st.text_input("User name", max_chars=100)
        roles = st.multiselect("Roles", ROLES, format_func=ROLES.get)
        practitioner = st.text_input("Practitioner id (clinicians: their schedule and panel)")
        patient = st.text_input("Patient's record number (MRN), for the role patient", max_chars=64)
        asked = st.form_submit_button("Make it, and a link to choose a password", type="primary")
    if not asked:
        return
    if not (name.strip() and username.strip() and roles):
        st.error("Give a name, a user name and at least one role.")
        return
    with told_errors():
        whose = session.client.access.patient(patient.strip()) if patient.strip() else None
        made = session.client.account.create(
            NewAccount(
                username=username,
                name=name,
                roles=roles,
                practitioner_id=practitioner.strip() or None,
                patient_id=whose.patient_id if whose else None,
            )
        )
        st.session_state[LINK] = session.client.account.invite(made.account_id)
        st.rerun()
