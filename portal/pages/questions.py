"""Questions that can be answered at home. A worrying answer shows where there is help at once, before it is sent."""

from __future__ import annotations

import streamlit as st

from data_contracts.api.portal_questionnaires import AnswerOwn, OwnQuestionnaire
from data_contracts.api.questionnaires import Question, QuestionnaireForm
from ehr_core.kernel.errors import AlmonerError, Conflict, SignInRequired
from portal.session import PatientSession
from portal.text import Words

OPEN = "questions_open"
HELP = "questions_help"
SPOKEN = "en"
"""The language that the questions themselves are in: an instrument is used as it was tested, not as we would put it."""


def questions_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    st.title(words("ask.page"), anchor=False)
    if st.session_state.get(HELP):
        st.error(f"{words('ask.help')} {words('ask.help_sent')}")
    if said := st.session_state.pop("said", None):
        st.success(said)
    if words.language != SPOKEN:
        st.info(words("ask.only_english"))
    found = session.client.portal.questionnaires().questionnaires
    chosen = next((one for one in found if one.form.questionnaire_id == st.session_state.get(OPEN)), None)
    if chosen is not None:
        _form(session, chosen.form)
    else:
        st.write(words("ask.intro") if found else words("ask.none"))
        for one in found:
            _offer(words, one)
    st.caption(words("gate.emergency"))


def _offer(words: Words, one: OwnQuestionnaire) -> None:
    form = one.form
    with st.container(border=True, key=f"ask-{form.questionnaire_id}"):
        st.subheader(form.title, anchor=False)
        if one.answered_on is not None:
            st.write(words("ask.answered", date=words.long_date(one.answered_on)))
        st.button(
            words("ask.start"),
            key=f"ask-start-{form.questionnaire_id}",
            help=form.title,
            on_click=st.session_state.__setitem__,
            args=(OPEN, form.questionnaire_id),
        )


def _form(session: PatientSession, form: QuestionnaireForm) -> None:
    words = session.words
    st.subheader(form.title, anchor=False)
    st.write(form.lead)
    st.caption(words("ask.incomplete"))
    answers = {question.code: _ask(form, question) for question in form.questions}
    given = {code: answer for code, answer in answers.items() if answer is not None}
    if needs_help(form, given):
        st.error(words("ask.help"))
    send, leave = st.columns(2)
    if send.button(words("ask.send"), type="primary", width="stretch", disabled=not given):
        trouble = answer(session, form, given)
        if trouble is None:
            st.rerun()
        st.error(trouble)
    leave.button(words("ask.leave"), width="stretch", on_click=st.session_state.pop, args=(OPEN, None))


def _ask(form: QuestionnaireForm, question: Question) -> str | None:
    said = {choice.code: choice.words for choice in question.choices}
    return st.radio(
        question.words,
        list(said),
        index=None,
        format_func=said.get,
        key=f"ask-{form.questionnaire_id}-{question.code}",
    )


def needs_help(form: QuestionnaireForm, given: dict[str, str]) -> bool:
    """The answer to the item about self-harm is anything but 'not at all'."""
    asked = next((one for one in form.questions if one.code == form.crisis_item), None)
    chosen = given.get(form.crisis_item or "")
    return asked is not None and any(one.code == chosen and one.points > 0 for one in asked.choices)


def answer(session: PatientSession, form: QuestionnaireForm, given: dict[str, str]) -> str | None:
    """Null when it was received, else what to tell the person; what was chosen stays."""
    words = session.words
    try:
        received = session.client.portal.answer(form.questionnaire_id, AnswerOwn(answers=given))
    except Conflict:
        return words("ask.closed")
    except SignInRequired:
        return words("gate.session_ended")
    except AlmonerError:
        return words("ask.trouble")
    st.session_state.pop(OPEN, None)
    st.session_state[HELP] = received.needs_help
    st.session_state["said"] = words("ask.sent")
    return None
