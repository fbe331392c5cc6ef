"""The reply "I already had this": the person tells when and where, and may take it back after a mis-tap.

What was written stays when it cannot be sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from data_contracts.api.portal import AlreadyHadThis, ThingToDo
from ehr_core.kernel.errors import AlmonerError, NotFound, SignInRequired, StaleVersion
from portal.session import PatientSession


@dataclass(frozen=True)
class Answer:
    """`said`: null when the reply was received, else what to tell the person, who may send again.

    `thing`: the item in its newest known state, for the next try.
    """

    said: str | None
    thing: ThingToDo


def already_had_dialog(session: PatientSession, thing: ThingToDo) -> None:
    words = session.words
    st.session_state["telling_about"] = thing

    @st.dialog(words("already.title"))
    def dialog() -> None:
        told_about = st.empty()
        st.write(words("already.intro"))
        when = st.text_input(words("already.when"), max_chars=100)
        where = st.text_input(words("already.where"), max_chars=200)
        if st.button(words("already.send"), type="primary"):
            answer = send_reply(session, st.session_state["telling_about"], when.strip(), where.strip())
            if answer.said is None:
                st.session_state["said"] = words("already.sent")
                st.rerun()
            st.session_state["telling_about"] = answer.thing
            st.error(answer.said)
        with told_about.container():
            st.write(f"**{st.session_state['telling_about'].title}**")
            st.write(st.session_state["telling_about"].text)

    dialog()


def send_reply(session: PatientSession, thing: ThingToDo, when: str, where: str) -> Answer:
    words = session.words
    reply = AlreadyHadThis(
        version=thing.version, when=when or None, where=where or None, language=words.language
    )
    try:
        session.client.portal.already_had(thing.gap_id, reply)
    except StaleVersion:
        return _look_again(session, thing)
    except NotFound:
        return Answer(words("already.gone"), thing)
    except SignInRequired:
        return Answer(words("gate.session_ended"), thing)
    except AlmonerError:
        return Answer(words("already.trouble"), thing)
    return Answer(None, thing)


def take_back_button(session: PatientSession, gap_id: str) -> None:
    words = session.words
    if st.button(words("reply.take_back"), key=f"take-back-{gap_id}"):
        trouble = take_back(session, gap_id)
        if trouble is None:
            st.session_state["said"] = words("reply.taken_back")
            st.rerun()
        st.error(trouble)


def take_back(session: PatientSession, gap_id: str) -> str | None:
    """Null when it was taken back, else what to tell the person."""
    words = session.words
    try:
        session.client.portal.take_back(gap_id)
    except NotFound:
        return words("reply.answered_meanwhile")
    except SignInRequired:
        return words("gate.session_ended")
    except AlmonerError:
        return words("reply.trouble")
    return None


def _look_again(session: PatientSession, thing: ThingToDo) -> Answer:
    words = session.words
    try:
        listed = session.client.portal.home(words.language).things_to_do
    except AlmonerError:
        return Answer(words("already.trouble"), thing)
    newest = next((one for one in listed if one.gap_id == thing.gap_id), None)
    return Answer(words("already.changed"), newest) if newest else Answer(words("already.gone"), thing)
