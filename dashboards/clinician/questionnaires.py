"""Questionnaires at the chart: fill one in, see the score at once, and help at once where an answer calls for it."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about, now_at_site
from dashboards.clinician.gap_cards import watch_for_remeasure
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import table, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.patients import PatientBanner
from data_contracts.api.questionnaires import (
    AnsweredLine,
    CrisisHelp,
    FilledQuestionnaire,
    FillQuestionnaire,
    QuestionnaireForm,
    Score,
)

CRISIS_FROM = "Any answer but the first to the last question opens an urgent item at once."


def questionnaires_panel(session: StaffSession, banner: PatientBanner) -> None:
    with st.expander("Questionnaires and screening", key="questionnaires", on_change="rerun") as opened:
        if not opened.open:
            return
        with told_errors():
            answered = session.client.questionnaires.of_patient(banner.patient_id).answered
            if session.may("chart.write"):
                _offer(session, banner)
            st.html(answered_html(answered))


def _offer(session: StaffSession, banner: PatientBanner) -> None:
    forms = {form.questionnaire_id: form for form in session.client.questionnaires.forms()}
    chosen = st.menu_button("Fill in", list(forms), format_func=lambda key: forms[key].title)
    if chosen:
        questionnaire_dialog(session, banner, forms[chosen], fresh_form("questionnaire"))


def answered_html(answered: list[AnsweredLine]) -> str:
    if not answered:
        return '<p class="quiet">No questionnaires filled in.</p>'
    rows = [
        (
            text(show_date(line.at)),
            text(line.title),
            text(score_words(line.score), "no score: not every question was answered")
            if line.questionnaire_id
            else text("see the document"),
            text(line.by),
        )
        for line in answered
    ]
    return table(("Date", "Questionnaire", "Score", "Filled in by"), rows, caption="Questionnaires")


def score_words(score: Score | None) -> str | None:
    return f"{score.points} of {score.highest}: {score.band}" if score else None


@st.dialog("Questionnaire", width="large", dismissible=False)
def questionnaire_dialog(
    session: StaffSession, banner: PatientBanner, form: QuestionnaireForm, key: str
) -> None:
    """Each question by one click. The score is there as soon as it can be; a worrying answer is never waited for."""
    about(banner)
    done: FilledQuestionnaire | None = st.session_state.get(f"{key}-done")
    if done is not None:
        _show_done(done)
        return
    st.subheader(form.title, anchor=False)
    st.write(form.lead)
    answers = {}
    for question in form.questions:
        words = {choice.code: choice.words for choice in question.choices}
        chosen = st.radio(
            question.words,
            list(words),
            index=None,
            format_func=words.get,
            horizontal=True,
            key=f"{key}-{question.code}",
        )
        if chosen:
            answers[question.code] = chosen
    _show_crisis_warning(form, answers)
    _show_running_score(form, answers)
    where = st.segmented_control(
        "Asked",
        ["in_person", "remote"],
        default="in_person",
        required=True,
        format_func={"in_person": "In the room", "remote": "At a distance"}.get,
        key=f"{key}-where",
    )
    with st.container(horizontal=True), told_errors():
        if st.button("Save answers", type="primary", disabled=not answers):
            filled = FillQuestionnaire(at=now_at_site(), where=where, answers=answers)
            st.session_state[f"{key}-done"] = session.client.questionnaires.fill(
                banner.patient_id, form.questionnaire_id, filled
            )
            watch_for_remeasure()
            st.rerun(scope="fragment")
        if st.button("Close without saving"):
            st.rerun()


def _show_crisis_warning(form: QuestionnaireForm, answers: dict[str, str]) -> None:
    """At the click itself, before anything is saved."""
    if not form.crisis_item:
        return
    question = next(one for one in form.questions if one.code == form.crisis_item)
    points = {choice.code: choice.points for choice in question.choices}
    if points.get(answers.get(form.crisis_item, ""), 0) > 0:
        st.error(
            "**Do not leave the patient alone.** Ask about thoughts, plan and means now. "
            "988 (call or text, Suicide & Crisis Lifeline) is there at any hour; 911 in immediate danger. "
            "Saving opens an urgent item."
        )
    else:
        st.caption(CRISIS_FROM)


def _show_running_score(form: QuestionnaireForm, answers: dict[str, str]) -> None:
    if form.highest_score is None:
        return
    missing = len(form.questions) - len(answers)
    if missing:
        st.caption(f"{missing} of {len(form.questions)} questions without an answer: no score yet.")
        return
    points = sum(
        choice.points
        for question in form.questions
        for choice in question.choices
        if answers[question.code] == choice.code
    )
    st.write(f"Score so far: **{points}** of {form.highest_score}")


def _show_done(done: FilledQuestionnaire) -> None:
    if done.crisis:
        _show_help(done.crisis)
    if done.score:
        st.success(f"Saved. Score {score_words(done.score)}.")
    elif done.unanswered:
        st.warning(f"Saved without a score: {len(done.unanswered)} questions have no answer.")
    else:
        st.success("Saved.")
    if st.button("Close", type="primary"):
        st.rerun()


def _show_help(help_now: CrisisHelp) -> None:
    st.error(f"**{help_now.words}**")
    phone = f", {help_now.owner_phone}" if help_now.owner_phone else ""
    st.write(f"An urgent item is open. **{help_now.owner}{phone}** has it.")
    if help_now.then and help_now.escalates_at:
        st.write(f"Not taken by {show_instant(help_now.escalates_at)}, it goes to {help_now.then}.")
    if not help_now.covered:
        st.warning("No crisis coverage is named, so it is yours. Call a colleague now.")
