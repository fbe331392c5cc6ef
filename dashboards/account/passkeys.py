"""Passkeys at the screen: which there are, the way to add one in the browser, and to take one away."""

from __future__ import annotations

import streamlit as st

from dashboards.shared.markup import text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_instant


def passkeys(session: StaffSession) -> None:
    st.header("Passkeys")
    st.write(
        "A passkey signs you in with a finger, a face or the PIN of a device, without a password and a code."
    )
    with told_errors():
        for one in session.client.account.passkeys():
            with st.container(border=True):
                used = show_instant(one.last_used_at) if one.last_used_at else "not yet"
                st.html(f"<p><b>{text(one.name)}</b> · used {text(used)}</p>")
                if st.button(f"Take {one.name} away", key=f"passkey_{one.key_id}"):
                    session.client.account.remove_passkey(one.key_id)
                    remember(f"{one.name} signs nobody in any more.")
                    st.rerun()
    with st.form("add_passkey", width=460):
        present = st.text_input(
            "Password, to add a passkey", type="password", autocomplete="current-password"
        )
        asked = st.form_submit_button("Continue")
    if asked:
        with told_errors():
            address = session.client.account.add_passkey(present)
            st.link_button("Add a passkey on this device", address)
