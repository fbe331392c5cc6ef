"""The second factor at the screen: set up with an authenticator app, turned on by a code of it, and off by another."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.account import TotpState
from ehr_core.display import qr_svg

BEGUN = "second_factor_begun"
"""Where the secret stands from its making until its first code; it is shown to nobody afterwards."""

CODES = "recovery_codes_shown"
"""Where new recovery codes stand until they have been kept."""

LETTERS_IN_A_GROUP = 4


def second_factor(session: StaffSession) -> None:
    st.header("Second factor")
    _show_codes()
    if session.me.totp_enabled:
        _recovery(session)
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
    st.write("In your authenticator app choose *add an account* and scan this. It is shown only now.")
    st.html(
        f'<div role="img" aria-label="Code to scan with an authenticator app">{qr_svg(begun.otpauth_uri)}</div>'
    )
    st.write("Without a camera choose *enter a setup key* and type this one (time based, six digits).")
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
            st.session_state[CODES] = session.client.account.confirm_totp(code).recovery_codes
            del st.session_state[BEGUN]
            remember("The second factor is on: from the next sign-in you are asked for a code.")
            st.rerun()


def _show_codes() -> None:
    if codes := st.session_state.get(CODES):
        st.write(
            "**Recovery codes.** Each lets you in once if you lose the phone. They are shown only now: print them or "
            "write them down."
        )
        st.code("\n".join(codes), language=None)
        if st.button("I have kept them"):
            del st.session_state[CODES]
            st.rerun()


def _recovery(session: StaffSession) -> None:
    left = session.me.recovery_codes_left
    st.write(f"{left} recovery {'code is' if left == 1 else 'codes are'} left.")
    with st.form("recovery_codes", width=460):
        code = st.text_input("Code of the app, for new recovery codes", max_chars=14)
        asked = st.form_submit_button("Make new recovery codes")
    if asked:
        with told_errors():
            st.session_state[CODES] = session.client.account.new_recovery_codes(code).recovery_codes
            st.rerun()


def _turn_off(session: StaffSession) -> None:
    st.write("On: signing in asks for a code. If you lose the phone, an administrator can take it away.")
    with st.form("second_factor_off", width=460):
        code = st.text_input("Code that the app shows", max_chars=14, autocomplete="one-time-code")
        asked = st.form_submit_button("Turn off")
    if asked:
        with told_errors():
            session.client.account.disable_totp(code)
            remember("The second factor is off.")
            st.rerun()
