"""Home: at most three things to do, the next visit, new results."""

from __future__ import annotations

from html import escape
from zoneinfo import ZoneInfo

import streamlit as st

from data_contracts.api.portal import AlreadyHadThis, PortalHome, ThingToDo
from ehr_core.client.streamlit_app import app_settings
from ehr_core.kernel.errors import AlmonerError
from portal.session import PatientSession
from portal.text import Words

SHOWN_AT_FIRST = 3


def home_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    home = session.client.portal.home()
    st.title(words("home.hello", name=home.first_name) if home.first_name else words("home.hello_nameless"))
    if said := st.session_state.pop("said", None):
        st.success(said)
    _things_to_do(session, home)
    _next_visit(words, home)
    _new_results(words, home)
    if home.hidden_items:
        st.caption(words("home.hidden"))
    st.caption(words("gate.emergency"))


def _things_to_do(session: PatientSession, home: PortalHome) -> None:
    words = session.words
    st.header(words("home.to_do"), anchor=False)
    if not home.things_to_do:
        st.write(words("home.nothing_to_do"))
    everything = st.session_state.get("show_all_things", False)
    shown = home.things_to_do if everything else home.things_to_do[:SHOWN_AT_FIRST]
    for thing in shown:
        _thing(session, thing)
    if len(shown) < len(home.things_to_do):
        st.write(words("home.more_to_do", count=len(home.things_to_do) - len(shown)))
        st.button(words("home.show_all"), on_click=st.session_state.update, args=({"show_all_things": True},))


def _thing(session: PatientSession, thing: ThingToDo) -> None:
    words = session.words
    with st.container(border=True, key=f"thing-{thing.gap_id}"):
        st.html(
            f'<div class="thing"><h3>{escape(thing.title)}</h3><p>{escape(thing.text)}</p>'
            f"<p>{escape(thing.action)}</p></div>"
        )
        if thing.scheduled_on:
            st.write(words("home.booked", date=words.long_date(thing.scheduled_on)))
        if thing.already_said:
            st.info(words("home.already_said", date=words.long_date(thing.already_said.date())))
        elif st.button(words("home.already_had"), key=f"had-{thing.gap_id}"):
            _already_had_dialog(session, thing)


def _already_had_dialog(session: PatientSession, thing: ThingToDo) -> None:
    words = session.words

    @st.dialog(words("already.title"))
    def dialog() -> None:
        st.write(f"**{thing.title}**")
        st.write(words("already.intro"))
        when = st.text_input(words("already.when"), max_chars=100)
        where = st.text_input(words("already.where"), max_chars=200)
        if st.button(words("already.send"), type="primary"):
            try:
                reply = AlreadyHadThis(version=thing.version, when=when or None, where=where or None)
                session.client.portal.already_had(thing.gap_id, reply)
            except AlmonerError as error:
                st.error(error.message)
                return
            st.session_state["said"] = words("already.sent")
            st.rerun()

    dialog()


def _next_visit(words: Words, home: PortalHome) -> None:
    st.header(words("home.next_visit"), anchor=False)
    visit = home.next_visit
    if visit is None:
        st.write(words("home.no_visit"))
        return
    local = visit.starts_at.astimezone(ZoneInfo(app_settings().site_time_zone))
    line = words(
        "home.visit_line",
        date=words.long_date(local.date()),
        time=f"{local:%H:%M}",
        who=visit.with_whom or home.site_name,
    )
    st.write(line + (f" ({visit.where})" if visit.where else ""))


def _new_results(words: Words, home: PortalHome) -> None:
    st.header(words("results.page"), anchor=False)
    if home.new_results == 1:
        st.write(words("home.new_result"))
    elif home.new_results:
        st.write(words("home.new_results", count=home.new_results))
    else:
        st.write(words("home.no_new_results"))
    if st.button(words("home.see_results")):
        st.switch_page(st.session_state["results_page"])
