"""Somebody who may be there already, as a card: all that tells two people apart, the grade, and why."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.patients import hit_html
from dashboards.shared.chart_button import profile_button
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.session import StaffSession
from data_contracts.api.registration import (
    GRADE_WORDS,
    SHORTEST_REASON,
    AnotherPerson,
    DuplicateCandidate,
    DuplicateCandidates,
    Grade,
)

GRADE_KIND: dict[Grade, str] = {"certain": "open", "possible": "waiting", "certainly_not": "apart"}


def grade_tag(grade: Grade) -> str:
    return tag(GRADE_WORDS[grade], GRADE_KIND[grade])


def candidate_html(candidate: DuplicateCandidate) -> str:
    earlier = (
        '<p class="quiet">Found by an earlier record that was merged into this one.</p>'
        if candidate.earlier_record
        else ""
    )
    reasons = lines(map(text, candidate.reasons), "No fact in common is recorded.")
    return f'<div class="card">{hit_html(candidate.hit)}{earlier}{grade_tag(candidate.grade)}{reasons}</div>'


def ask_about_each(
    session: StaffSession, found: DuplicateCandidates, form: str
) -> list[AnotherPerson] | None:
    """What the clerk says about each who may be the person; None until something is said about all of them."""
    said: list[AnotherPerson] = []
    to_look_at = found.to_look_at()
    for candidate in to_look_at:
        if answer := _ask(session, candidate, form):
            said.append(answer)
    return said if len(said) == len(to_look_at) else None


def _ask(session: StaffSession, candidate: DuplicateCandidate, form: str) -> AnotherPerson | None:
    patient_id = candidate.hit.patient_id
    with st.container(border=True, key=f"candidate-{patient_id}"):
        facts, act = st.columns([6, 2.2], vertical_alignment="center")
        facts.html(candidate_html(candidate))
        with act:
            profile_button(session, patient_id, key=f"{form}-open-{patient_id}", label="This is the person")
            another = st.checkbox("Another person", key=f"{form}-another-{patient_id}")
        reason = None
        if another and candidate.grade == "certain":
            reason = st.text_input(
                "Why it is another person, although everything agrees",
                key=f"{form}-why-{patient_id}",
                max_chars=500,
            )
            if len((reason or "").strip()) < SHORTEST_REASON:
                return None
    return AnotherPerson(patient_id=patient_id, reason=reason) if another else None


def show_namesakes(found: DuplicateCandidates) -> None:
    """People of the same name who are somebody else: so that nobody takes one for the other later."""
    others = [candidate for candidate in found.candidates if candidate.grade == "certainly_not"]
    if others:
        with st.expander(f"{len(others)} others of the same or a similar name, certainly somebody else"):
            for candidate in others:
                st.html(candidate_html(candidate))
