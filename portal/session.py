"""Who is at the screen: the portal's sign-in gate, and the language it speaks with them."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ehr_core.client import AlmonerClient
from ehr_core.client.streamlit_app import app_settings, signed_in_client
from ehr_core.kernel.errors import AlmonerError, SignInRequired
from portal.identity import PORTAL
from portal.text import LANGUAGES, Words, primary_language


@dataclass(frozen=True)
class PatientSession:
    client: AlmonerClient
    words: Words


def chosen_words() -> Words:
    """The language chosen on the page, else the browser's."""
    return Words(st.session_state.get("language") or primary_language(st.context.locale))


def language_switch() -> None:
    words = chosen_words()
    st.session_state.setdefault("language", words.language)
    st.segmented_control(
        words("gate.language"),
        list(LANGUAGES),
        format_func=LANGUAGES.get,
        key="language",
        required=True,
        label_visibility="collapsed",
    )


def patient_session() -> PatientSession:
    """The session of this rerun, checked at the API; otherwise the sign-in page, and the script stops here."""
    words = chosen_words()
    try:
        client = signed_in_client(PORTAL)
        if client.account.me().patient_id is None:
            st.error(words("gate.not_a_patient"))
            st.button(words("gate.sign_out"), on_click=st.logout)
            st.stop()
        return PatientSession(client, words)
    except SignInRequired:
        _sign_in_page(words, ended=st.user.is_logged_in)
    except AlmonerError:
        st.error(words("gate.trouble"))
    st.stop()


def sign_out(session: PatientSession) -> None:
    """Ends the session at the API first: the cookie alone would leave it alive."""
    session.client.account.end_session()
    st.logout()


def _sign_in_page(words: Words, *, ended: bool) -> None:
    settings = app_settings()
    st.title(settings.site_name)
    st.write(words("gate.session_ended") if ended else words("gate.welcome"))
    if settings.environment == "demo":
        st.info(words("gate.demo"))
    st.button(words("gate.sign_in"), type="primary", on_click=st.login)
    st.caption(words("gate.emergency"))
