"""Goals and care plans at the chart: what is aimed at, how it goes, and the steps that are done."""

from __future__ import annotations

from typing import get_args

import streamlit as st

from dashboards.clinician.form_parts import about, done, parse_decimal
from dashboards.shared.forms import fresh_form
from dashboards.shared.markup import tag, text
from dashboards.shared.page import told_errors
from dashboards.shared.session import StaffSession
from dashboards.shared.site_time import show_date
from data_contracts.api.chart import ChartSummary, Problem
from data_contracts.api.history import (
    Achievement,
    CarePlanLine,
    ChangeCarePlan,
    ChangeGoal,
    GoalLine,
    GoalStatus,
    RecordCarePlan,
    RecordGoal,
)
from data_contracts.api.patients import PatientBanner

MEASURES = {
    "": "Nothing that is measured",
    "4548-4": "HbA1c (%)",
    "8480-6": "Systolic blood pressure (mm[Hg])",
    "29463-7": "Body weight (kg)",
    "39156-5": "Body mass index (kg/m2)",
    "13457-7": "LDL cholesterol (mg/dL)",
}
UNITS = {"4548-4": "%", "8480-6": "mm[Hg]", "29463-7": "kg", "39156-5": "kg/m2", "13457-7": "mg/dL"}


def plans_panel(session: StaffSession, summary: ChartSummary) -> None:
    with st.expander("Goals and care plans", key="plans", on_change="rerun") as opened:
        if not opened.open:
            return
        with told_errors():
            view = session.client.history.plans(summary.banner.patient_id)
            if session.may("chart.write"):
                with st.container(horizontal=True):
                    if st.button("Add goal"):
                        goal_dialog(session, summary.banner, summary.problems, fresh_form("goal"))
                    if st.button("Add care plan"):
                        plan_dialog(session, summary.banner, view.goals, fresh_form("plan"))
            for goal in view.goals:
                _goal(session, summary.banner, goal)
            for plan in view.plans:
                _plan(session, summary.banner, plan)
            if not (view.goals or view.plans):
                st.caption("No goals and no care plans recorded.")


def goal_html(goal: GoalLine) -> str:
    due = f"by {show_date(goal.due_on)}" if goal.due_on else "no day set"
    standing = (goal.achievement or goal.status).replace("-", " ")
    notes = "".join(f'<p class="quiet">{text(note)}</p>' for note in goal.notes[-2:])
    return (
        f'<div class="card"><h4>{text(goal.description)} {tag(standing, "waiting")}</h4>'
        f'<p class="quiet">{text(goal.target, "no target value")} · {text(due)}</p>{notes}</div>'
    )


def plan_html(plan: CarePlanLine) -> str:
    steps = "".join(
        f"<li>{'☑' if finished else '☐'} {text(words)}{' (done)' if finished else ''}</li>"
        for words, finished in plan.activities
    )
    aims = f'<p class="quiet">Aims: {text("; ".join(plan.goals))}</p>' if plan.goals else ""
    review = f"review on {show_date(plan.review_on)}" if plan.review_on else "no review day set"
    return (
        f'<div class="card"><h4>{text(plan.title)} {tag(plan.status, "waiting")}</h4>'
        f'<p class="quiet">{text(review)}</p>{aims}<ul class="plain">{steps}</ul></div>'
    )


def _goal(session: StaffSession, banner: PatientBanner, goal: GoalLine) -> None:
    with st.container(border=True, key=f"goal-{goal.goal_id}"):
        words, act = st.columns([5, 1.2])
        words.html(goal_html(goal))
        if session.may("chart.write") and act.button(
            "Change", key=f"change-goal-{goal.goal_id}", width="stretch"
        ):
            change_goal_dialog(session, banner, goal, fresh_form("goal"))


def _plan(session: StaffSession, banner: PatientBanner, plan: CarePlanLine) -> None:
    with st.container(border=True, key=f"plan-{plan.plan_id}"):
        words, act = st.columns([5, 1.2])
        words.html(plan_html(plan))
        if session.may("chart.write") and act.button(
            "Change", key=f"change-plan-{plan.plan_id}", width="stretch"
        ):
            change_plan_dialog(session, banner, plan, fresh_form("plan"))


@st.dialog("Add a goal", width="medium")
def goal_dialog(session: StaffSession, banner: PatientBanner, problems: list[Problem], form: str) -> None:
    about(banner)
    description = st.text_input("Goal, in the patient's words", max_chars=500, key=f"{form}-words")
    names = {problem.condition_id: problem.name for problem in problems}
    about_what = st.multiselect(
        "For which problems", list(names), format_func=names.get, key=f"{form}-problems"
    )
    measure = st.selectbox("Measured by", list(MEASURES), format_func=MEASURES.get, key=f"{form}-measure")
    low = high = ""
    if measure:
        left, right = st.columns(2)
        low = left.text_input("At least", max_chars=10, key=f"{form}-low")
        high = right.text_input("At most", max_chars=10, key=f"{form}-high")
    due = st.date_input("By when", value=None, format="YYYY-MM-DD", key=f"{form}-due")
    with told_errors():
        if st.button("Save goal", type="primary", disabled=len((description or "").strip()) < 3):
            bounds = {
                name: parse_decimal(value) for name, value in (("low", low), ("high", high)) if value.strip()
            }
            if None in bounds.values():
                st.error("Not saved: a target is a number with a point, such as 7.0.")
                return
            goal = RecordGoal(
                description=description.strip(),
                condition_ids=about_what,
                due_on=due,
                measure_code=measure or None,
                unit=UNITS.get(measure),
                **bounds,
            )
            session.client.history.goal(banner.patient_id, goal)
            done("Goal recorded.")


@st.dialog("Change a goal", width="medium")
def change_goal_dialog(session: StaffSession, banner: PatientBanner, goal: GoalLine, form: str) -> None:
    """Bound to the version that was shown."""
    about(banner)
    st.write(goal.description)
    states, steps = list(get_args(GoalStatus)), list(get_args(Achievement))
    status = st.selectbox(
        "Standing", states, index=states.index(goal.status) if goal.status in states else 0, key=f"{form}-s"
    )
    goes = steps.index(goal.achievement) if goal.achievement in steps else None
    how = st.selectbox("How it goes", steps, index=goes, key=f"{form}-h")
    note = st.text_area("Note (optional)", max_chars=1000, key=f"{form}-note")
    with told_errors():
        if st.button("Save", type="primary"):
            change = ChangeGoal(
                version_id=goal.version_id, status=status, achievement=how, note=(note or "").strip() or None
            )
            session.client.history.change_goal(goal.goal_id, change)
            done("Goal changed.")


@st.dialog("Add a care plan", width="medium")
def plan_dialog(session: StaffSession, banner: PatientBanner, goals: list[GoalLine], form: str) -> None:
    about(banner)
    title = st.text_input("Name of the plan", max_chars=200, key=f"{form}-title")
    names = {goal.goal_id: goal.description for goal in goals}
    aims = st.multiselect("Goals", list(names), format_func=names.get, key=f"{form}-goals")
    steps = st.text_area("Steps, one a line", max_chars=4000, key=f"{form}-steps")
    review = st.date_input("Review on", value=None, format="YYYY-MM-DD", key=f"{form}-review")
    listed = [line.strip() for line in (steps or "").splitlines() if line.strip()]
    with told_errors():
        if st.button("Save care plan", type="primary", disabled=len((title or "").strip()) < 3 or not listed):
            plan = RecordCarePlan(title=title.strip(), goal_ids=aims, activities=listed, review_on=review)
            session.client.history.care_plan(banner.patient_id, plan)
            done("Care plan recorded.")


@st.dialog("Change a care plan", width="medium")
def change_plan_dialog(session: StaffSession, banner: PatientBanner, plan: CarePlanLine, form: str) -> None:
    """Bound to the version that was shown."""
    about(banner)
    st.write(plan.title)
    finished = [
        place
        for place, (words, is_done) in enumerate(plan.activities)
        if st.checkbox(words, value=is_done, key=f"{form}-{place}")
    ]
    states = ["active", "on-hold", "completed", "revoked"]
    status = st.selectbox(
        "Standing", states, index=states.index(plan.status) if plan.status in states else 0, key=f"{form}-s"
    )
    with told_errors():
        if st.button("Save", type="primary"):
            change = ChangeCarePlan(version_id=plan.version_id, status=status, done=finished)
            session.client.history.change_care_plan(plan.plan_id, change)
            done("Care plan changed.")
