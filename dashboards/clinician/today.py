"""Today: the schedule in order, each visit with the care gaps that it could close."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboards.clinician.notes_panel import begin
from dashboards.clinician.unfinished import unfinished_panel
from dashboards.clinician.urgent import coverage_panel, urgent_panel
from dashboards.clinician.waiting_refills import waiting_refills_panel
from dashboards.shared.chart_button import chart_button
from dashboards.shared.gap_words import gap_line
from dashboards.shared.markup import lines, tag, text
from dashboards.shared.page import start_page, tell_remembered, told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.notes import StartVisit
from data_contracts.api.schedule import TodaySchedule, TodayVisit
from ehr_core.client.streamlit_app import app_settings
from ehr_core.display import show_age, show_name, show_time

SHOWN_GAPS = 4
EVERYONE = "everyone"
NO_VISIT = ("proposed", "noshow")


def visit_html(visit: TodayVisit) -> str:
    """Who comes and why, on two lines."""
    marks = []
    if visit.interpreter_required:
        marks.append(tag(f"Interpreter: {visit.language or 'language not recorded'}", "waiting"))
    if visit.same_name_today:
        marks.append(tag("Same name today", "open"))
    return (
        f"<h4>{text(show_name(visit.patient_name))}</h4>"
        f'<p class="quiet">{text(show_age(visit.age_years))} · {text(visit.sex, "sex not recorded")} · '
        f"{text(visit.reason, 'no reason given')} · {text(visit.practitioner, 'no clinician named')}</p>"
        f"{' '.join(marks)}"
    )


def gaps_html(visit: TodayVisit) -> str:
    """The first gaps of a visit; what is not shown is counted, what is not known is said."""
    if visit.gaps is None:
        return '<p class="quiet">Care gaps not computed yet</p>'
    shown = [gap_line(gap) for gap in visit.gaps[:SHOWN_GAPS]]
    if len(visit.gaps) > SHOWN_GAPS:
        shown.append(f'<span class="quiet">and {len(visit.gaps) - SHOWN_GAPS} more in the chart</span>')
    return lines(shown, "No open care gaps")


def today_page() -> None:
    session: StaffSession = st.session_state["session"]
    start_page("Today")
    tell_remembered()
    urgent_panel(session)
    unfinished_panel(session)
    waiting_refills_panel(session)
    with told_errors():
        day, of_whom = st.columns([1, 2], width=560)
        with day:
            on = _chosen_day()
        st.session_state.setdefault("schedule_of", session.me.practitioner_id or EVERYONE)
        chosen = st.session_state["schedule_of"]
        schedule = session.client.scheduling.today(
            on=on, practitioner_id=None if chosen == EVERYONE else chosen
        )
        with of_whom:
            _choose_practitioner(schedule, chosen)
        _summary(schedule)
        for visit in schedule.visits:
            _visit(session, visit, schedule)
        if not schedule.visits:
            st.info(
                "No visits are booked for this day and clinician. Choose another day, or everyone's schedule."
            )
        coverage_panel(session, schedule.practitioners)


def _chosen_day() -> date:
    today = datetime.now(ZoneInfo(app_settings().site_time_zone)).date()
    return st.date_input("Day", value=today, key="day", bind="query-params", format="YYYY-MM-DD")


def _choose_practitioner(schedule: TodaySchedule, chosen: str) -> None:
    offered = {EVERYONE: "Everyone", **dict(schedule.practitioners)}
    offered.setdefault(chosen, "My schedule")
    st.selectbox("Schedule of", list(offered), format_func=offered.get, key="schedule_of")


def _summary(schedule: TodaySchedule) -> None:
    facts = [show_date(schedule.on), f"{len(schedule.visits)} visits"]
    if schedule.gaps_shown:
        facts.append(gap_count_words(schedule.visits))
    if schedule.unreviewed_results is not None:
        facts.append(f"{schedule.unreviewed_results} results not yet reviewed")
    st.caption(" · ".join([*facts, f"times in {schedule.time_zone}"]))


def gap_count_words(visits: list[TodayVisit]) -> str:
    """How many gaps want action; who was never measured is counted apart, because nothing is known of them."""
    measured = [visit.gaps for visit in visits if visit.gaps is not None]
    unknown = len(visits) - len(measured)
    if visits and not measured:
        return "care gaps not computed yet"
    counted = f"{sum(map(len, measured))} care gaps that want action"
    return f"{counted}, not computed yet for {unknown} visits" if unknown else counted


def _visit(session: StaffSession, visit: TodayVisit, schedule: TodaySchedule) -> None:
    with st.container(border=True, key=f"visit-{visit.appointment_id}"):
        when, who, gaps, go = st.columns([1, 3, 5, 1.2], vertical_alignment="top")
        when.html(
            f'<div class="card"><h4>{show_time(visit.starts_at, schedule.time_zone)}</h4>'
            f'<p class="quiet">{text(visit.minutes, "?")} min · {text(visit.status)}</p></div>'
        )
        who.html(f'<div class="card">{visit_html(visit)}</div>')
        if schedule.gaps_shown:
            gaps.html(f'<div class="card">{gaps_html(visit)}</div>')
        with go:
            chart_button(session, visit.patient_id, key=f"open-{visit.appointment_id}")
            _start_note(session, visit)


def _start_note(session: StaffSession, visit: TodayVisit) -> None:
    """One click: the visit begins, or is found again, and its note is open."""
    if not session.may("note.write") or visit.status in NO_VISIT:
        return
    if st.button("Start note", key=f"start-{visit.appointment_id}", width="stretch"):
        begin(session, visit.patient_id, StartVisit(kind="office", appointment_id=visit.appointment_id))
