"""Home: at most three things to do, what was told about them, the next visit, new results."""

from __future__ import annotations

from html import escape

import streamlit as st

from data_contracts.api.portal import OwnReply, PortalHome, ThingToDo
from portal.markup import show
from portal.pages.already_had import already_had_dialog, take_back_button
from portal.pages.visit import visit_html
from portal.session import PatientSession
from portal.text import Words

SHOWN_AT_FIRST = 3


def home_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    home = session.client.portal.home(words.language)
    greeting = words("home.hello", name=home.first_name) if home.first_name else words("home.hello_nameless")
    st.title(greeting, anchor=False)
    if said := st.session_state.pop("said", None):
        st.success(said)
    _things_to_do(session, home)
    _told(session, home)
    st.header(words("home.next_visit"), anchor=False)
    show(words.language, visit_html(words, home, st.context.timezone))
    _new_results(words, home)
    if home.hidden_items:
        st.caption(words("home.hidden"))
    st.caption(words("gate.emergency"))


def to_do_lines(words: Words, home: PortalHome) -> list[str]:
    """What is said above the list. An empty list means "nothing to do" only where it was checked and nothing hides."""
    waiting = sum(1 for thing in home.things_to_do if not thing.is_under_way)
    lines = [words("home.not_checked")] if home.to_do_state == "not_checked" else []
    if waiting:
        return [*lines, words("home.one_thing") if waiting == 1 else words("home.things", count=waiting)]
    if lines:
        return lines
    if home.to_do_state == "paused":
        return [words("home.paused")]
    if home.hidden_items:
        return [words("home.nothing_shown")]
    checking = any(thing.reply and thing.reply.is_being_checked for thing in home.things_to_do)
    return [words("home.nothing_else" if checking else "home.nothing_to_do")]


def thing_html(words: Words, thing: ThingToDo) -> str:
    booked = words("home.booked", date=words.long_date(thing.scheduled_on)) if thing.scheduled_on else ""
    told = reply_lines(words, thing.reply) if thing.reply else []
    lines = "".join(f"<p>{escape(line)}</p>" for line in (thing.text, thing.action) if line)
    marks = "".join(f'<p class="note">{escape(line)}</p>' for line in (booked, *told) if line)
    return f'<div class="thing"><h3>{escape(thing.title)}</h3>{lines}{marks}</div>'


def reply_lines(words: Words, reply: OwnReply) -> list[str]:
    """What the person told us, what came of it, and the clinic's own words where there are some."""
    told, answered = (words.long_date(at.date()) if at else "" for at in (reply.told_at, reply.answered_at))
    lines = [words(f"reply.{reply.state}", told=told, answered=answered)]
    return [*lines, words("reply.from_team", words=reply.answer)] if reply.answer else lines


def reply_html(words: Words, reply: OwnReply) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in reply_lines(words, reply))
    return f'<div class="thing"><h3>{escape(reply.title)}</h3>{lines}</div>'


def _things_to_do(session: PatientSession, home: PortalHome) -> None:
    words = session.words
    st.header(words("home.to_do"), anchor=False)
    for line in to_do_lines(words, home):
        st.write(line)
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
        show(words.language, thing_html(words, thing))
        if thing.reply and thing.reply.is_being_checked:
            take_back_button(session, thing.gap_id)
        elif st.button(words("home.already_had"), key=f"had-{thing.gap_id}"):
            already_had_dialog(session, thing)


def _told(session: PatientSession, home: PortalHome) -> None:
    """What was told about items that are not on the list: the person's word is never lost from sight."""
    if home.replies:
        st.header(session.words("reply.page"), anchor=False)
    for reply in home.replies:
        with st.container(border=True, key=f"told-{reply.gap_id}"):
            show(session.words.language, reply_html(session.words, reply))
            if reply.is_being_checked:
                take_back_button(session, reply.gap_id)


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
