"""My account: everybody's own password, second factor and open sessions."""

from __future__ import annotations

import streamlit as st

from dashboards.account.apps import apps_let_in
from dashboards.account.passkeys import passkeys
from dashboards.account.second_factor import second_factor
from dashboards.account.sessions import open_sessions
from dashboards.shared.page import remember, start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession

SHORTEST_PASSWORD = 12
"""Characters; the API holds the rule and this page only says it beforehand."""


def account_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("My account")
    tell_remembered()
    second_factor(session)
    passkeys(session)
    _password(session)
    apps_let_in(session)
    open_sessions(session)


def _password(session: StaffSession) -> None:
    st.header("Password")
    with st.form("password", clear_on_submit=True, width=460):
        present = st.text_input("Present password", type="password", autocomplete="current-password")
        new = st.text_input(
            "New password",
            type="password",
            autocomplete="new-password",
            help=f"At least {SHORTEST_PASSWORD} characters: a few words that only you would put together.",
        )
        again = st.text_input("New password again", type="password", autocomplete="new-password")
        asked = st.form_submit_button("Change password")
    if not asked:
        return
    if new != again:
        st.error("The new password was not typed the same twice. Nothing was changed.")
    elif len(new) < SHORTEST_PASSWORD:
        st.error(f"The new password needs at least {SHORTEST_PASSWORD} characters. Nothing was changed.")
    else:
        with told_errors():
            session.client.account.change_password(present, new)
            remember("Your password is changed. Everywhere else you have been signed out.")
            st.rerun()
