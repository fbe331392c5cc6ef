"""The urgent task that a worrying answer opens, and who has it at a given moment. Pure.

The Task names its first owner and, in its extension, who comes next and when. Whose it is now is reckoned from the
time and the Task alone, so that no clockwork has to run for an escalation to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from data_contracts.api.questionnaires import CoveragePerson, CrisisCoverage, TaskState
from ehr_core.charting.parts import Resource, instant, reference
from ehr_core.kernel.fhir_json import extension, without_empty

TASK_CODE = "https://almoner.dev/fhir/CodeSystem/task"
SUICIDE_RISK = "suicide-risk"
COVERAGE_CODE = ("https://almoner.dev/fhir/CodeSystem/care-team", "crisis-coverage")
ESCALATION_URL = "https://almoner.dev/fhir/StructureDefinition/escalation"
PHONE_URL = "https://almoner.dev/fhir/StructureDefinition/on-call-phone"
RESPOND_URL = "https://almoner.dev/fhir/StructureDefinition/respond-within-minutes"

WORDS = "Thoughts of being better off dead or of self-harm (PHQ-9, item 9)"
HELP_WORDS = (
    "Stay with the patient. Ask about thoughts, plan and means now. The patient can call or text 988 (Suicide & Crisis "
    "Lifeline) at any hour; call 911 if there is immediate danger."
)

OWN_HELP_WORDS = {
    "en": "You are not alone, and you do not have to wait. Call or text 988 (Suicide & Crisis Lifeline) now. It is "
    "free and open at any hour. If you are in danger right now, call 911.",
    "es": "Usted no está solo ni sola, y no tiene que esperar. Llame o envíe un mensaje de texto al 988 (Línea de "
    "Prevención del Suicidio y Crisis) ahora; para español, oprima 2. Es gratis y atiende a toda hora. Si está en "
    "peligro ahora mismo, llame al 911.",
}
"""What the person reads at once who answers this about themselves."""
OWN_TOLD_WORDS = {
    "en": "We have told the people on call at the clinic.",
    "es": "Ya avisamos a las personas de guardia de la clínica.",
}

DONE = frozenset({"completed", "cancelled", "rejected", "failed", "entered-in-error"})


@dataclass(frozen=True)
class Held:
    """Whose the task is now, and what comes next."""

    owner: str
    phone: str | None
    escalated: bool
    next_owner: str | None
    escalates_at: datetime | None


def build_task(
    *,
    patient_id: str,
    response_id: str,
    encounter_id: str | None,
    requester: Resource,
    coverage: CrisisCoverage,
    at: datetime,
) -> Resource:
    """An urgent Task for the first of the coverage; without coverage it is the requester's own."""
    people = coverage.people
    task: Resource = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "stat",
        "code": {
            "coding": [{"system": TASK_CODE, "code": SUICIDE_RISK, "display": "Suicide risk follow-up"}],
            "text": WORDS,
        },
        "description": WORDS,
        "focus": reference("QuestionnaireResponse", response_id),
        "for": reference("Patient", patient_id),
        "authoredOn": instant(at),
        "lastModified": instant(at),
        "requester": requester,
        "owner": _person(people[0]) if people else requester,
    }
    if encounter_id:
        task["encounter"] = reference("Encounter", encounter_id)
    if people:
        task["extension"] = [
            _escalation(person, at + timedelta(minutes=coverage.respond_within_minutes * step))
            for step, person in enumerate(people)
        ]
    return task


def held_by(task: Resource, now: datetime) -> Held:
    """Who has the task at `now`: its owner once it is taken or done, else whom the time has brought it to."""
    steps = _steps(task)
    owner = (task.get("owner") or {}).get("display") or "nobody named"
    if state_of(task) != "waiting" or not steps:
        phone = next((phone for name, phone, _ in steps if name == owner), None)
        return Held(owner, phone, False, None, None)
    due = [step for step in steps if step[2] <= now] or steps[:1]
    later = [step for step in steps if step[2] > now]
    name, phone, _ = due[-1]
    upcoming = later[0] if later else None
    return Held(
        name,
        phone,
        len(due) > 1,
        upcoming[0] if upcoming else None,
        upcoming[2] if upcoming else None,
    )


def state_of(task: Resource) -> TaskState:
    status = task.get("status")
    if status in DONE:
        return "done"
    return "taken" if status in ("accepted", "in-progress") else "waiting"


def taken(task: Resource, *, by: Resource, at: datetime) -> Resource:
    return {**task, "status": "in-progress", "owner": by, "lastModified": instant(at)}


def finished(task: Resource, *, by: Resource, at: datetime, outcome: str) -> Resource:
    """Done, with what was found and done."""
    note = {"authorReference": by, "time": instant(at), "text": outcome}
    if "reference" not in by:
        note = {"authorString": by.get("display", ""), "time": instant(at), "text": outcome}
    notes = [*task.get("note", ()), note]
    return {**task, "status": "completed", "owner": by, "lastModified": instant(at), "note": notes}


def build_coverage(coverage: CrisisCoverage) -> Resource:
    """The CareTeam that keeps who answers, in order. It belongs to no patient."""
    system, code = COVERAGE_CODE
    team = {
        "resourceType": "CareTeam",
        "status": "active",
        "name": "Crisis coverage",
        "category": [{"coding": [{"system": system, "code": code, "display": "Crisis coverage"}]}],
        "extension": [{"url": RESPOND_URL, "valuePositiveInt": coverage.respond_within_minutes}],
        "participant": [
            {
                "member": reference("Practitioner", person.practitioner_id, person.name),
                "extension": [{"url": PHONE_URL, "valueString": person.phone}] if person.phone else [],
            }
            for person in coverage.people
        ],
    }
    return without_empty(team)


def read_coverage(team: Resource | None, version: int) -> CrisisCoverage:
    """The coverage that a CareTeam says; an empty one when there is none."""
    if team is None:
        return CrisisCoverage()
    minutes = (extension(team, RESPOND_URL) or {}).get("valuePositiveInt", 15)
    people = [
        CoveragePerson(
            practitioner_id=member["reference"].rpartition("/")[2],
            name=member.get("display") or "Name not recorded",
            phone=(extension(participant, PHONE_URL) or {}).get("valueString"),
        )
        for participant in team.get("participant") or ()
        if (member := participant.get("member") or {}).get("reference", "").startswith("Practitioner/")
    ]
    return CrisisCoverage(people=people, respond_within_minutes=minutes, version=version)


def _person(person: CoveragePerson) -> Resource:
    return reference("Practitioner", person.practitioner_id, person.name)


def _escalation(person: CoveragePerson, at: datetime) -> Resource:
    parts: list[dict[str, Any]] = [
        {"url": "who", "valueReference": _person(person)},
        {"url": "when", "valueDateTime": instant(at)},
    ]
    if person.phone:
        parts.append({"url": "phone", "valueString": person.phone})
    return {"url": ESCALATION_URL, "extension": parts}


def _steps(task: Resource) -> list[tuple[str, str | None, datetime]]:
    """(name, phone, from when) of everybody whom the task comes to, in order."""
    found = []
    for mark in task.get("extension") or ():
        if mark.get("url") == ESCALATION_URL:
            said = {part["url"]: part for part in mark.get("extension") or ()}
            name = (said["who"].get("valueReference") or {}).get("display") or "Name not recorded"
            phone = (said.get("phone") or {}).get("valueString")
            found.append((name, phone, datetime.fromisoformat(said["when"]["valueDateTime"])))
    return sorted(found, key=lambda step: step[2])
