"""Questionnaires about oneself. Help for a crisis is on the page at the click itself, before anything is sent."""

from __future__ import annotations

import streamlit as st

from data_contracts.api.questionnaires import OwnAnswers, OwnFilled, OwnQuestionnaires, QuestionnaireForm
from ehr_core.kernel.errors import AlmonerError, Conflict, SignInRequired
from portal.session import PatientSession
from portal.text import Words

CHOSEN, FILLED = "questionnaire_chosen", "questionnaire_filled"


def questionnaires_page() -> None:
    session: PatientSession = st.session_state["session"]
    words = session.words
    st.title(words("questionnaires.page"), anchor=False)
    filled: OwnFilled | None = st.session_state.get(FILLED)
    if filled is not None:
        _thanks(words, filled)
        return
    offered = session.client.portal.questionnaires(words.language)
    chosen = next(
        (form for form in offered.forms if form.questionnaire_id == st.session_state.get(CHOSEN)), None
    )
    if chosen is None:
        _offer(words, offered)
    else:
        _ask(session, chosen, offered.crisis_words)
    st.caption(words("gate.emergency"))


def _offer(words: Words, offered: OwnQuestionnaires) -> None:
    st.write(words("questionnaires.intro"))
    if left := [form.title for form in offered.forms if form.language != words.language]:
        st.caption(words("questionnaires.in_english", titles=", ".join(left)))
    for form in offered.forms:
        st.button(
            form.title,
            key=f"questionnaire-{form.questionnaire_id}",
            on_click=st.session_state.__setitem__,
            args=(CHOSEN, form.questionnaire_id),
        )


def _ask(session: PatientSession, form: QuestionnaireForm, crisis_words: str) -> None:
    words = session.words
    st.header(form.title, anchor=False)
    st.write(form.lead)
    answers: dict[str, str] = {}
    for number, question in enumerate(form.questions, 1):
        said = {choice.code: choice.words for choice in question.choices}
        key = f"answer-{form.questionnaire_id}-{question.code}"
        chosen = st.radio(
            f"{number}. {question.words}", list(said), index=None, format_func=said.get, key=key
        )
        if chosen:
            answers[question.code] = chosen
        if question.code == form.crisis_item and _is_worrying(form, chosen):
            st.error(crisis_words)
    missing = len(form.questions) - len(answers)
    if missing:
        st.caption(words("questionnaires.missing", count=missing))
    with st.container(horizontal=True):
        if st.button(words("questionnaires.send"), type="primary", disabled=not answers):
            trouble = _send(session, form, answers)
            if trouble is None:
                st.rerun()
            st.error(trouble)
        st.button(words("questionnaires.not_now"), on_click=st.session_state.pop, args=(CHOSEN, None))


def _is_worrying(form: QuestionnaireForm, chosen: str | None) -> bool:
    question = next(one for one in form.questions if one.code == form.crisis_item)
    return any(choice.code == chosen and choice.points > 0 for choice in question.choices)


def _send(session: PatientSession, form: QuestionnaireForm, answers: dict[str, str]) -> str | None:
    """Null when it was received, else what to tell the person; what was chosen stays on the page."""
    words = session.words
    try:
        said = OwnAnswers(answers=answers, language=words.language)
        st.session_state[FILLED] = session.client.portal.fill(form.questionnaire_id, said)
    except SignInRequired:
        return words("gate.session_ended")
    except Conflict:
        return words("questionnaires.not_offered")
    except AlmonerError:
        return words("questionnaires.trouble")
    return None


def _thanks(words: Words, filled: OwnFilled) -> None:
    """Help first, where an answer asks for it; never a score."""
    if filled.crisis_words:
        st.error(filled.crisis_words)
    st.success(words("questionnaires.thanks"))
    if filled.unanswered:
        st.write(words("questionnaires.unanswered", count=filled.unanswered))
    if st.button(words("questionnaires.done")):
        for key in (CHOSEN, FILLED):
            st.session_state.pop(key, None)
        st.rerun()
    st.caption(words("gate.emergency"))
