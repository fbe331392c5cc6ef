"""Goals and care plans: recorded, changed on the version that was seen, read together. No commit inside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import text

from data_contracts.api.chart import Recorded
from data_contracts.api.history import (
    CarePlanLine,
    ChangeCarePlan,
    ChangeGoal,
    GoalLine,
    PlansView,
    RecordCarePlan,
    RecordGoal,
)
from data_contracts.code_systems import LOINC as LOINC_SYSTEM
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import LOINC, Resource, day, instant, person, quantity, reference
from ehr_core.charting.queries import found_in_record, sorted_facts
from ehr_core.charting.reading import require_chart
from ehr_core.charting.recordable import refused
from ehr_core.charting.series import Versioned
from ehr_core.charting.service import create, recorded, subject_to_write, to_write, update
from ehr_core.display import show_quantity
from ehr_core.kernel.errors import StaleVersion
from ehr_core.kernel.fhir_json import codes, decode, reference_id, without_empty, words
from ehr_core.store.repository import Store
from ehr_core.store.versions import StoredResource

ACHIEVEMENT = "http://terminology.hl7.org/CodeSystem/goal-achievement"
PLAN_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"

PLANS = text("""
SELECT 'Goal' AS kind, version_id, body FROM fhir.goal
 WHERE patient_id = :id AND NOT deleted AND coalesce(status, '') <> 'entered-in-error'
UNION ALL
SELECT 'CarePlan', version_id, body FROM fhir.care_plan
 WHERE patient_id = :id AND NOT deleted AND coalesce(status, '') <> 'entered-in-error'
""")
NOT_THEIRS = "This is not in this patient's record. Choose from their own list."


def record_goal(work: UnitOfWork, *, patient_id: str, goal: RecordGoal) -> Recorded:
    """Raises InvalidResource naming the field."""
    subject_to_write(work, patient_id, None)
    _check_theirs(work, patient_id, "Condition", goal.condition_ids, "condition_ids")
    return recorded(work, [create(work, build_goal(goal, patient_id, person(work.actor), day(work.today())))])


def change_goal(work: UnitOfWork, *, goal_id: str, change: ChangeGoal) -> Recorded:
    """Raises StaleVersion when somebody else changed it first."""
    stored = _seen(work, "Goal", goal_id, change.version_id)
    goal = {**decode(stored.body), "lifecycleStatus": change.status, "statusDate": day(work.today())}
    if change.achievement:
        goal["achievementStatus"] = {"coding": [{"system": ACHIEVEMENT, "code": change.achievement}]}
    if change.note:
        note = {"text": change.note, "time": instant(work.now()), "authorString": work.actor.name}
        goal["note"] = [*goal.get("note", ()), note]
    return recorded(work, [update(work, stored, goal)])


def record_care_plan(work: UnitOfWork, *, patient_id: str, plan: RecordCarePlan) -> Recorded:
    subject_to_write(work, patient_id, None)
    _check_theirs(work, patient_id, "Condition", plan.condition_ids, "condition_ids")
    _check_theirs(work, patient_id, "Goal", plan.goal_ids, "goal_ids")
    built = build_care_plan(plan, patient_id, person(work.actor), day(work.today()))
    return recorded(work, [create(work, built)])


def change_care_plan(work: UnitOfWork, *, plan_id: str, change: ChangeCarePlan) -> Recorded:
    """Raises StaleVersion when somebody else changed it first."""
    stored = _seen(work, "CarePlan", plan_id, change.version_id)
    plan = {**decode(stored.body), "status": change.status}
    plan["activity"] = [
        _marked(activity, done=place in change.done)
        for place, activity in enumerate(plan.get("activity") or ())
    ]
    return recorded(work, [update(work, stored, without_empty(plan))])


def read_plans(work: UnitOfWork, *, patient_id: str) -> PlansView:
    work.actor.require("chart.read")
    require_chart(work, patient_id)
    rows = found_in_record(work, PLANS, {"id": patient_id})
    facts = sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))
    work.audit("plans_read", patient_id=patient_id)
    goals = [_goal_line(stored) for stored in facts.stored["Goal"]]
    names = {goal.goal_id: goal.description for goal in goals}
    return PlansView(
        patient_id=patient_id,
        goals=goals,
        plans=[_plan_line(stored, names) for stored in facts.stored["CarePlan"]],
    )


def build_goal(goal: RecordGoal, patient_id: str, by: Resource, today: str) -> Resource:
    """Pure. Raises InvalidResource for a bound without a unit, or a low above a high."""
    bounds = {name: value for name, value in (("low", goal.low), ("high", goal.high)) if value is not None}
    if bounds and not (goal.unit and goal.measure_code):
        raise refused("unit", "A target value needs what is measured and its unit.")
    if goal.low is not None and goal.high is not None and goal.low > goal.high:
        raise refused("low", "The lower bound is above the upper one.")
    target: dict[str, Any] = {"dueDate": day(goal.due_on) if goal.due_on else None}
    if goal.measure_code and bounds:
        target["measure"] = {"coding": [{"system": LOINC, "code": LOINC_SYSTEM.checked(goal.measure_code)}]}
        target["detailRange"] = {
            name: quantity(Decimal(f"{value:f}"), goal.unit or "") for name, value in bounds.items()
        }
    return without_empty(
        {
            "resourceType": "Goal",
            "lifecycleStatus": "active",
            "achievementStatus": {"coding": [{"system": ACHIEVEMENT, "code": "in-progress"}]},
            "description": {"text": goal.description},
            "subject": reference("Patient", patient_id),
            "startDate": today,
            "target": [target],
            "expressedBy": by if "reference" in by else None,
            "addresses": [reference("Condition", one) for one in goal.condition_ids],
        }
    )


def build_care_plan(plan: RecordCarePlan, patient_id: str, by: Resource, today: str) -> Resource:
    """Pure. Each activity is one step, not started."""
    category = {"coding": [{"system": PLAN_CATEGORY, "code": "assess-plan"}]}
    return without_empty(
        {
            "resourceType": "CarePlan",
            "status": "active",
            "intent": "plan",
            "category": [category],
            "title": plan.title,
            "subject": reference("Patient", patient_id),
            "period": {"start": today, "end": day(plan.review_on) if plan.review_on else None},
            "created": today,
            "author": by if "reference" in by else None,
            "addresses": [reference("Condition", one) for one in plan.condition_ids],
            "goal": [reference("Goal", one) for one in plan.goal_ids],
            "activity": [
                {"detail": {"status": "not-started", "description": words}} for words in plan.activities
            ],
        }
    )


def _marked(activity: Resource, *, done: bool) -> Resource:
    """An activity that refers to a resource of its own keeps that resource's status."""
    if "detail" not in activity:
        return activity
    before = activity["detail"].get("status")
    status = "completed" if done else ("not-started" if before == "completed" else before)
    return {**activity, "detail": {**activity["detail"], "status": status}}


def _check_theirs(work: UnitOfWork, patient_id: str, kind: str, identities: list[str], field: str) -> None:
    found = {stored.id: stored.patient_id for stored in Store(work).read_many(kind, identities)}
    if any(found.get(identity) != patient_id for identity in identities):
        raise refused(field, NOT_THEIRS)


def _seen(work: UnitOfWork, kind: str, identity: str, version_id: int) -> StoredResource:
    stored = to_write(work, kind, identity)
    if stored.version_id != version_id:
        raise StaleVersion("Somebody else changed this first. Look at what it says now, then change it.")
    return stored


def _goal_line(stored: Versioned) -> GoalLine:
    goal = stored.resource
    target = next(iter(goal.get("target") or ()), {})
    return GoalLine(
        goal_id=goal["id"],
        version_id=stored.version_id,
        description=words(goal.get("description")) or "not described",
        status=goal.get("lifecycleStatus", "unknown"),
        achievement=next(iter(codes(goal.get("achievementStatus"))), None),
        target=_target_words(target),
        due_on=target.get("dueDate"),
        notes=[note["text"] for note in goal.get("note") or () if note.get("text")],
    )


def _target_words(target: Resource) -> str | None:
    held = target.get("detailRange") or {}
    exact = target.get("detailQuantity")
    if exact:
        return show_quantity(str(exact.get("value")), exact.get("code") or exact.get("unit"))
    shown = {name: show_quantity(str(value["value"]), value.get("code")) for name, value in held.items()}
    if len(shown) == 2:
        return f"{shown['low']} to {shown['high']}"
    prefix = {"low": "at least", "high": "at most"}
    return next((f"{prefix[name]} {words_}" for name, words_ in shown.items()), None)


def _plan_line(stored: Versioned, goals: dict[str, str]) -> CarePlanLine:
    plan = stored.resource
    steps = [activity["detail"] for activity in plan.get("activity") or () if activity.get("detail")]
    named = [reference_id(goal, "Goal") for goal in plan.get("goal") or ()]
    return CarePlanLine(
        plan_id=plan["id"],
        version_id=stored.version_id,
        title=plan.get("title") or words(next(iter(plan.get("category") or ()), None)) or "Care plan",
        status=plan.get("status", "unknown"),
        activities=[
            (
                step.get("description") or words(step.get("code")) or "not described",
                step.get("status") == "completed",
            )
            for step in steps
        ],
        goals=[goals[one] for one in named if one in goals],
        review_on=(plan.get("period") or {}).get("end"),
    )
