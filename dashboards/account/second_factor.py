"""The second factor at the screen: set up with an authenticator app, turned on by a code of it, and off by another."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.account import TotpState

BEGUN = "second_factor_begun"
"""Where the secret stands from its making until its first code; it is shown to nobody afterwards."""

LETTERS_IN_A_GROUP = 4


def second_factor(session: StaffSession) -> None:
    st.header("Second factor")
    if session.me.totp_enabled:
        _turn_off(session)
    elif BEGUN in st.session_state:
        _turn_on(session, st.session_state[BEGUN])
    else:
        _begin(session)


def key_in_groups(secret: str) -> str:
    """The key as one reads it off: groups of four letters. Apps take it with or without the spaces."""
    return " ".join(
        secret[start : start + LETTERS_IN_A_GROUP] for start in range(0, len(secret), LETTERS_IN_A_GROUP)
    )


def _begin(session: StaffSession) -> None:
    st.write("Off. With it, signing in asks for a code from your phone after the password.")
    if st.button("Set up a second factor"):
        with told_errors():
            st.session_state[BEGUN] = session.client.account.enrol_totp()
            st.rerun()


def _turn_on(session: StaffSession, begun: TotpState) -> None:
    st.write(
        "In your authenticator app choose *add an account*, then *enter a setup key*, and type this key "
        "(time based, six digits). It is shown only now."
    )
    st.code(key_in_groups(begun.secret), language=None)
    st.link_button("On this phone: open the app with the key", begun.otpauth_uri)
    with st.form("second_factor_on", width=460):
        code = st.text_input("Code that the app shows", max_chars=7, autocomplete="one-time-code")
        turn_on, cancel = st.columns(2)
        confirmed = turn_on.form_submit_button("Turn on", type="primary", width="stretch")
        cancelled = cancel.form_submit_button("Cancel", width="stretch")
    if cancelled:
        del st.session_state[BEGUN]
        st.rerun()
    if confirmed:
        with told_errors():
            session.client.account.confirm_totp(code)
            del st.session_state[BEGUN]
            remember("The second factor is on: from the next sign-in you are asked for a code.")
            st.rerun()


def _turn_off(session: StaffSession) -> None:
    st.write("On: signing in asks for a code. If you lose the phone, an administrator can take it away.")
    with st.form("second_factor_off", width=460):
        code = st.text_input("Code that the app shows", max_chars=7, autocomplete="one-time-code")
        asked = st.form_submit_button("Turn off")
    if asked:
        with told_errors():
            session.client.account.disable_totp(code)
            remember("The second factor is off.")
            st.rerun()
