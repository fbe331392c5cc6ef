"""Makes the note screens of a demonstration alive: a signed note, one that waits for a co-signature, a draft, a plan.

All of it by the ordinary acts, of people and patients that are synthetic. Told stories are left alone: their records
say exactly what their stories say.
"""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.api.history import RecordCarePlan, RecordFamilyHistory, RecordGoal, RecordSurgery
from data_contracts.api.notes import (
    KeepPhrase,
    NoteContent,
    PlanItem,
    SaveNote,
    SignNote,
    StartVisit,
)
from data_contracts.api.questionnaires import CoveragePerson, CrisisCoverage, FillQuestionnaire
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting import history, plans
from ehr_core.charting.notes.drafts import read_draft, save_draft
from ehr_core.charting.notes.phrases import keep_phrase
from ehr_core.charting.questionnaires import service as questionnaires
from ehr_core.charting.questionnaires.definitions import definition_of
from ehr_core.workflows.sign_visit import sign_visit
from ehr_core.workflows.start_visit import start_visit

CALL = (
    "Called about a prescription that ran out. Feels well, takes the medicines as agreed. No new complaints."
)
ADVICE = "Keep taking your medicines as before.\nCall us if your blood sugar is above 250 two days in a row."


def write_demonstration_notes(
    work: UnitOfWork, patient_ids: Sequence[str], coverage: Sequence[tuple[str, str]]
) -> int:
    """Notes of who acts, for at least three patients; `coverage` is (practitioner id, name). Returns how many."""
    people = [CoveragePerson(practitioner_id=identity, name=name) for identity, name in coverage]
    questionnaires.name_coverage(work, coverage=CrisisCoverage(people=people))
    keep_phrase(work, phrase=KeepPhrase(name="knee-exam", words="Knee: no effusion, full range, stable."))
    _signed_call(work, patient_ids[0], "seeded-note-signed-0001", cosign=False)
    _signed_call(work, patient_ids[1], "seeded-note-cosign-0001", cosign=True)
    started = start_visit(work, patient_id=patient_ids[2], start=StartVisit(kind="phone"))
    _write(work, started.note_id, NoteContent(texts={"subjective": "Asked to be called back about ***."}))
    _plan(work, patient_ids[0])
    return 3


def _signed_call(work: UnitOfWork, patient_id: str, key: str, *, cosign: bool) -> None:
    started = start_visit(
        work, patient_id=patient_id, start=StartVisit(kind="phone", reason="Prescription ran out")
    )
    item = PlanItem(
        item_id="p1", code="Z76.0", name="Encounter for issue of repeat prescription", words="Renewed."
    )
    content = NoteContent(texts={"subjective": CALL, "patient": ADVICE}, plan=[item])
    version = _write(work, started.note_id, content)
    sign_visit(work, note_id=started.note_id, sign=SignNote(version=version, key=key, cosign_wanted=cosign))


def _write(work: UnitOfWork, note_id: str, content: NoteContent) -> int:
    draft = read_draft(work, note_id=note_id)
    whole = content.model_copy(update={"pulled": draft.content.pulled})
    return save_draft(work, note_id=note_id, save=SaveNote(version=draft.version, content=whole)).version


def _plan(work: UnitOfWork, patient_id: str) -> None:
    """A goal with its plan, a screening, and some history."""
    goal = plans.record_goal(
        work, patient_id=patient_id, goal=RecordGoal(description="Walk 30 minutes on five days a week")
    )
    plan = RecordCarePlan(
        title="Staying active",
        goal_ids=[goal.resources[0][1]],
        activities=["Walk to the shop instead of driving", "Join the walking group"],
    )
    plans.record_care_plan(work, patient_id=patient_id, plan=plan)
    history.record_family(
        work, patient_id=patient_id, told=RecordFamilyHistory(relationship="FTH", condition="Heart attack")
    )
    history.record_surgery(work, patient_id=patient_id, told=RecordSurgery(name="Appendectomy", on="1998"))
    form = definition_of("gad-7").form
    answers = {
        question.code: question.choices[place % 2].code for place, question in enumerate(form.questions)
    }
    questionnaires.fill_questionnaire(
        work,
        patient_id=patient_id,
        questionnaire_id="gad-7",
        filled=FillQuestionnaire(at=work.now(), where="in_person", answers=answers),
    )
