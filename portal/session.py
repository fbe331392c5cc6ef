"""Who is at the screen: the portal's sign-in gate, and the language it speaks with them."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from data_contracts.api.account import Me
from data_contracts.api.patients import PatientName
from ehr_core.client import AlmonerClient
from ehr_core.client.streamlit_app import app_settings, signed_in_client
from ehr_core.display import say_name
from ehr_core.kernel.errors import AlmonerError, SignInRequired
from portal.identity import PORTAL
from portal.page_language import tell_browser
from portal.text import LANGUAGES, Words, page_language

LANGUAGE_LABEL = "Language / Idioma"
"""Whoever looks for the switch may not read the language that the page is in."""


@dataclass(frozen=True)
class PatientSession:
    """`permissions`: a proxy has those that scope and age leave; before a record was chosen, none."""

    client: AlmonerClient
    words: Words
    permissions: frozenset[str] = frozenset()

    def may(self, permission: str) -> bool:
        return permission in self.permissions


def patient_session() -> PatientSession:
    """The session of this rerun, checked at the API; otherwise the sign-in page, and the script stops here."""
    try:
        client = signed_in_client(PORTAL)
        me = client.account.me()
        enters = {"own.read", "own.book"} & set(me.permissions)
        words = _speak(_record_language(client, me.patient_id) if me.patient_id and enters else None)
        _tell_whose(client, words, me)
    except SignInRequired:
        _sign_in_page(_speak(None), ended=st.user.is_logged_in)
        st.stop()
    except AlmonerError:
        st.error(_speak(None)("gate.trouble"))
        st.stop()
    if me.patient_id is None:
        st.error(words("gate.not_a_patient"))
        st.button(words("gate.sign_out"), on_click=st.logout)
        st.stop()
    return PatientSession(client, words, frozenset(me.permissions))


def plain_name(words: Words, name: PatientName | None) -> str:
    return say_name(name) if name and (name.given or name.family) else words("account.no_name")


def _tell_whose(client: AlmonerClient, words: Words, me: Me) -> None:
    """A proxy reads on every page whose record is open. Asked once for each record."""
    if "proxy" not in me.roles:
        return
    known = st.session_state.get("acting_for")
    if known is None or known[0] != me.patient_id:
        choices = client.access.acting_for().choices
        known = (me.patient_id, next((one for one in choices if one.patient_id == me.patient_id), None))
        st.session_state["acting_for"] = known
    if known[1] is not None:
        st.info(words("account.looking_at", name=plain_name(words, known[1].name)))


def sign_out(session: PatientSession) -> None:
    """Ends the session at the API first: the cookie alone would leave it alive."""
    session.client.account.end_session()
    st.logout()


def _speak(record: str | None) -> Words:
    """The words of this page, with the switch that changes them and the browser told."""
    words = Words(page_language(_chosen(), record, st.context.locale))
    tell_browser(words.language)
    st.session_state["language"] = words.language
    st.segmented_control(
        LANGUAGE_LABEL,
        list(LANGUAGES),
        format_func=LANGUAGES.get,
        key="language",
        required=True,
        label_visibility="collapsed",
        on_change=_choose,
    )
    return words


def _chosen() -> str | None:
    """What was chosen on the page; kept in the address too, so that it outlives a reload.

    What the address says is kept as well: a page that leads to another one starts that with an empty address.
    """
    chosen = st.session_state.get("chosen_language") or st.query_params.get("language")
    if chosen not in LANGUAGES:
        return None
    st.session_state["chosen_language"] = chosen
    if st.query_params.get("language") != chosen:
        st.query_params["language"] = chosen
    return chosen


def _choose() -> None:
    st.session_state["chosen_language"] = st.session_state["language"]


def _record_language(client: AlmonerClient, patient_id: str) -> str | None:
    """Asked once for each person at this screen."""
    known = st.session_state.get("record_language")
    if known is None or known[0] != patient_id:
        known = (patient_id, client.portal.language().language)
        st.session_state["record_language"] = known
    return known[1]


def _sign_in_page(words: Words, *, ended: bool) -> None:
    settings = app_settings()
    st.title(settings.site_name, anchor=False)
    st.write(words("gate.session_ended") if ended else words("gate.welcome"))
    if settings.environment == "demo":
        st.info(words("gate.demo"))
    st.button(words("gate.sign_in"), type="primary", on_click=st.login)
    st.caption(words("gate.emergency"))
