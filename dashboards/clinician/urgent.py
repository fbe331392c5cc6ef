"""Urgent items above the day's list: who it is about, who has it now, and the way to take it."""

from __future__ import annotations

import streamlit as st

from dashboards.clinician.form_parts import about
from dashboards.shared.chart_button import chart_button
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import tag, text
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date, show_instant
from data_contracts.api.questionnaires import (
    CoveragePerson,
    CrisisCoverage,
    FinishUrgent,
    UrgentItem,
)
from ehr_core.display import show_name

MOST_PEOPLE = 3


def urgent_panel(session: StaffSession) -> None:
    """Nothing when nothing is urgent."""
    if not session.may("chart.read"):
        return
    with told_errors():
        for item in session.client.questionnaires.urgent().items:
            _item(session, item)


def _item(session: StaffSession, item: UrgentItem) -> None:
    with st.container(border=True, key=f"urgent-{item.task_id}"):
        words, acts = st.columns([5, 2])
        words.html(urgent_html(item))
        with acts, told_errors():
            _acts(session, item)
            chart_button(session, item.patient.patient_id, key=f"urgent-chart-{item.task_id}")


def _acts(session: StaffSession, item: UrgentItem) -> None:
    if not session.may("chart.write"):
        return
    wanted = item.state == "waiting"
    if wanted and st.button("I take it", key=f"take-{item.task_id}", type="primary", width="stretch"):
        session.client.questionnaires.take(item.task_id, item.version_id)
        st.rerun()
    if st.button("Finish", key=f"finish-{item.task_id}", width="stretch"):
        finish_dialog(session, item, fresh_form("finish"))


def urgent_html(item: UrgentItem) -> str:
    patient = item.patient
    who = f"{show_name(patient.name)}, born {show_date(patient.birth_date)}, MRN {patient.mrn or 'not recorded'}"
    phone = f", {item.owner_phone}" if item.owner_phone else ""
    holds = "has it" if item.state == "waiting" else "took it"
    marks = [tag("Urgent", "open")]
    if item.escalated:
        marks.append(tag("Escalated: not taken in time", "open"))
    line = f"{item.owner}{phone} {holds} · since {show_instant(item.since)}"
    if item.state == "waiting" and item.next_owner:
        line += f" · goes to {item.next_owner} at {show_instant(item.escalates_at)}"
    return (
        f'<div class="card"><h4>{text(who)} {" ".join(marks)}</h4><p>{text(item.words)}</p>'
        f'<p class="quiet">{text(line)}</p></div>'
    )


@st.dialog("Finish an urgent item")
def finish_dialog(session: StaffSession, item: UrgentItem, form: str) -> None:
    about(item.patient)
    st.write(item.words)
    outcome = st.text_area("What was found and done", max_chars=1000, key=f"{form}-outcome")
    with told_errors():
        if st.button("Finish", type="primary", disabled=len((outcome or "").strip()) < 5, key=f"{form}-go"):
            act = FinishUrgent(version_id=item.version_id, outcome=outcome)
            session.client.questionnaires.finish(item.task_id, act)
            remember("The urgent item is finished.")
            st.rerun()


def coverage_panel(session: StaffSession, practitioners: list[tuple[str, str]]) -> None:
    """Who answers a crisis, in order. Named by who may sign; everybody who reads charts sees it."""
    if not session.may("chart.read"):
        return
    with st.expander("Crisis coverage", key="coverage", on_change="rerun") as opened:
        if not opened.open:
            return
        with told_errors():
            _coverage(session, practitioners)


def _coverage(session: StaffSession, practitioners: list[tuple[str, str]]) -> None:
    named = session.client.questionnaires.coverage()
    if not named.people:
        st.warning("Nobody is named. A PHQ-9 at a distance is refused until somebody is.")
    names = {person.practitioner_id: person.name for person in named.people} | dict(practitioners)
    if session.me.practitioner_id:
        names.setdefault(session.me.practitioner_id, session.me.name)
    with st.form("coverage-form", border=False):
        people = []
        for place in range(MOST_PEOPLE):
            before = named.people[place] if place < len(named.people) else None
            who, phone = st.columns([2, 1])
            chosen = who.selectbox(
                f"{place + 1}. to answer",
                list(names),
                index=list(names).index(before.practitioner_id) if before else None,
                format_func=names.get,
                key=f"coverage-{named.version}-{place}",
            )
            number = phone.text_input(
                f"Phone of {place + 1}.",
                value=before.phone or "" if before else "",
                max_chars=40,
                key=f"coverage-phone-{named.version}-{place}",
            )
            if chosen:
                people.append(
                    CoveragePerson(practitioner_id=chosen, name=names[chosen], phone=number.strip() or None)
                )
        minutes = st.number_input(
            "Minutes to take an item before the next one gets it", 1, 240, named.respond_within_minutes
        )
        if st.form_submit_button("Save coverage", disabled=not session.may("note.sign")):
            session.client.questionnaires.name_coverage(
                CrisisCoverage(people=people, respond_within_minutes=int(minutes), version=named.version)
            )
            remember("Crisis coverage saved.")
            st.rerun()
