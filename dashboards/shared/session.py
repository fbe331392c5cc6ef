"""Who is at the screen: the sign-in gate that every rerun passes first."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboards.components import forget_copies
from dashboards.shared.identity import STAFF
from dashboards.shared.page import start_page
from data_contracts.api.account import Me
from ehr_core.client import AlmonerClient
from ehr_core.client.streamlit_app import app_settings, signed_in_client
from ehr_core.kernel.errors import AlmonerError, SignInRequired


@dataclass(frozen=True)
class StaffSession:
    """The signed-in person and the client that acts with their token."""

    client: AlmonerClient
    me: Me

    def may(self, permission: str) -> bool:
        return permission in self.me.permissions


def staff_session() -> StaffSession:
    """The session of this rerun, checked at the API; otherwise the sign-in page, and the script stops here."""
    try:
        client = signed_in_client(STAFF)
        return StaffSession(client, client.account.me())
    except SignInRequired:
        _sign_in_page(ended=st.user.is_logged_in)
    except AlmonerError as error:
        st.error(f"{error.message} Nothing that you entered has been sent. Try again in a moment.")
    st.stop()


def sign_out(session: StaffSession) -> None:
    """Ends the session at the API first: the cookie alone would leave it alive."""
    session.client.account.end_session()
    st.logout()


def _sign_in_page(*, ended: bool) -> None:
    settings = app_settings()
    start_page(settings.site_name)
    if not ended:
        forget_copies()
    sentence = "Your session has ended. Sign in again to go on where you were."
    st.write(sentence if ended else "Sign in to the staff workspace.")
    if settings.environment == "demo":
        st.info("Demonstration: every patient here is synthetic.")
    st.button("Sign in", type="primary", on_click=st.login)
