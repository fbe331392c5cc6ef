"""Acts on questionnaires: fill one in, read those that were filled, name who answers a crisis. No commit inside."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from data_contracts.api.questionnaires import (
    AnsweredLine,
    AnsweredQuestionnaires,
    Choice,
    CrisisCoverage,
    CrisisHelp,
    FilledQuestionnaire,
    FillQuestionnaire,
    Score,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.parts import instant, person
from ehr_core.charting.queries import outbox_position, sorted_facts
from ehr_core.charting.questionnaires.building import (
    QUESTIONNAIRE_URL,
    build_answer,
    build_response,
    build_score,
)
from ehr_core.charting.questionnaires.crisis import (
    COVERAGE_CODE,
    HELP_WORDS,
    build_coverage,
    build_task,
    held_by,
    read_coverage,
)
from ehr_core.charting.questionnaires.definitions import (
    Definition,
    definition_of,
    definitions,
    is_crisis,
    score_of,
    whole_answers,
)
from ehr_core.charting.reading import require_chart
from ehr_core.charting.service import create, moment_checked, subject_to_write
from ehr_core.kernel.errors import Conflict, StaleVersion
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.store.repository import Store

NO_COVERAGE = (
    "Nobody is named to answer a crisis, so this questionnaire is not filled in at a distance. Name the coverage "
    "first, or ask the questions in the room."
)

FILLED = text("""
SELECT 'QuestionnaireResponse' AS kind, version_id, body FROM fhir.questionnaire_response
WHERE patient_id = :id AND NOT deleted AND status <> 'entered-in-error' ORDER BY date_low DESC NULLS LAST, id LIMIT 50
""")
COVERAGE = text("""
SELECT id, version_id, body FROM fhir.care_team
WHERE NOT deleted AND patient_id IS NULL AND status = 'active' AND category_tokens @> ARRAY[:category]
ORDER BY last_updated DESC LIMIT 1
""")


def fill_questionnaire(
    work: UnitOfWork, *, patient_id: str, questionnaire_id: str, filled: FillQuestionnaire
) -> FilledQuestionnaire:
    """Answers, score and, for a worrying answer, the urgent task: all in this one transaction.

    Raises Conflict for one that can need help at once, filled at a distance while nobody is named to answer.
    """
    subject = subject_to_write(work, patient_id, filled.encounter_id)
    moment_checked(work, filled.at, subject)
    return keep_filled(work, patient_id, questionnaire_id, filled, stored_coverage(work))


def keep_filled(
    work: UnitOfWork,
    patient_id: str,
    questionnaire_id: str,
    filled: FillQuestionnaire,
    coverage: CrisisCoverage,
) -> FilledQuestionnaire:
    """As `fill_questionnaire`, for callers that have checked permission, patient and moment."""
    definition = definition_of(questionnaire_id)
    if definition.form.crisis_item and filled.where == "remote" and not coverage.people:
        raise Conflict(NO_COVERAGE)
    answered = whole_answers(definition, filled.answers)
    response_id = _keep_response(work, patient_id, definition, answered, filled)
    score = score_of(definition, answered)
    _keep_findings(work, patient_id, definition, answered, score, filled, response_id)
    crisis = None
    if is_crisis(definition, answered):
        crisis = _open_crisis(work, patient_id, response_id, filled, coverage)
    return FilledQuestionnaire(
        response_id=response_id,
        score=score,
        unanswered=[
            question.words for question in definition.form.questions if question.code not in answered
        ],
        crisis=crisis,
        outbox_position=outbox_position(work),
    )


def read_questionnaires(work: UnitOfWork, *, patient_id: str) -> AnsweredQuestionnaires:
    """Those that were filled in, newest first, each with its score reckoned from the stored answers."""
    work.actor.require("chart.read")
    require_chart(work, patient_id)
    rows = work.connection.execute(FILLED, {"id": patient_id})
    facts = sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))
    work.audit("questionnaires_read", patient_id=patient_id)
    return AnsweredQuestionnaires(
        patient_id=patient_id, answered=[_line(found) for found in facts.of("QuestionnaireResponse")]
    )


def stored_coverage(work: UnitOfWork) -> CrisisCoverage:
    """Who answers now; empty when nobody is named."""
    row = _coverage_row(work)
    return read_coverage(decode(row.body) if row else None, row.version_id if row else 0)


def read_crisis_coverage(work: UnitOfWork) -> CrisisCoverage:
    work.actor.require("chart.read")
    return stored_coverage(work)


def name_coverage(work: UnitOfWork, *, coverage: CrisisCoverage) -> CrisisCoverage:
    """Who answers from now on. Raises StaleVersion when somebody else changed it first."""
    work.actor.require("note.sign")
    Store(work).lock_condition("CareTeam", [("category", COVERAGE_CODE[1])])
    row = _coverage_row(work)
    if (row.version_id if row else 0) != coverage.version:
        raise StaleVersion("Somebody else changed the coverage first. Look at it, then change it.")
    for one in coverage.people:
        Store(work).read("Practitioner", one.practitioner_id)
    built = build_coverage(coverage)
    if row is None:
        Store(work).create("CareTeam", encode(built))
    else:
        Store(work).update("CareTeam", row.id, encode(built), if_match=row.version_id)
    work.audit("crisis_coverage_named", detail={"people": len(coverage.people)})
    return stored_coverage(work)


def _coverage_row(work: UnitOfWork) -> Any:
    return work.connection.execute(COVERAGE, {"category": "|".join(COVERAGE_CODE)}).one_or_none()


def _keep_response(
    work: UnitOfWork,
    patient_id: str,
    definition: Definition,
    answered: dict[str, Choice],
    filled: FillQuestionnaire,
) -> str:
    built = build_response(
        definition,
        answered,
        patient_id=patient_id,
        encounter_id=filled.encounter_id,
        author=person(work.actor),
        at=filled.at,
        remote=filled.where == "remote",
    )
    return create(work, built).id


def _keep_findings(
    work: UnitOfWork,
    patient_id: str,
    definition: Definition,
    answered: dict[str, Choice],
    score: Score | None,
    filled: FillQuestionnaire,
    response_id: str,
) -> None:
    """The score where there is one; of a questionnaire that has none, each answer."""
    about = {
        "response_id": response_id,
        "patient_id": patient_id,
        "encounter_id": filled.encounter_id,
        "performer": person(work.actor),
        "at": filled.at,
        "issued": instant(work.now()),
    }
    if score is not None:
        create(work, build_score(definition, score, **about))
    elif definition.score is None:
        for code, choice in answered.items():
            create(work, build_answer(definition, code, choice, **about))


def _open_crisis(
    work: UnitOfWork,
    patient_id: str,
    response_id: str,
    filled: FillQuestionnaire,
    coverage: CrisisCoverage,
) -> CrisisHelp:
    now = work.now()
    built = build_task(
        patient_id=patient_id,
        response_id=response_id,
        encounter_id=filled.encounter_id,
        requester=person(work.actor),
        coverage=coverage,
        at=now,
    )
    task = create(work, built)
    held = held_by(built, now)
    work.audit("crisis_task_opened", resource_type="Task", resource_id=task.id, patient_id=patient_id)
    return CrisisHelp(
        task_id=task.id,
        words=HELP_WORDS,
        owner=held.owner,
        owner_phone=held.phone,
        then=held.next_owner,
        escalates_at=held.escalates_at,
        covered=bool(coverage.people),
    )


def _line(response: dict[str, Any]) -> AnsweredLine:
    found = (response.get("questionnaire") or "").partition("|")[0]
    identity = found.removeprefix(QUESTIONNAIRE_URL) if found.startswith(QUESTIONNAIRE_URL) else None
    definition = definitions().get(identity or "")
    return AnsweredLine(
        response_id=response["id"],
        questionnaire_id=definition.form.questionnaire_id if definition else None,
        title=definition.form.title if definition else "Questionnaire from elsewhere",
        at=response.get("authored"),
        score=score_of(definition, _given(definition, response)) if definition else None,
        status=response.get("status", "unknown"),
        by=(response.get("author") or {}).get("display"),
    )


def _given(definition: Definition, response: dict[str, Any]) -> dict[str, Choice]:
    """The answers of a stored response to questions of this definition."""
    answered = {}
    for item in response.get("item") or ():
        question = definition.questions.get((item.get("linkId") or "").removeprefix("/"))
        codes = {(answer.get("valueCoding") or {}).get("code") for answer in item.get("answer") or ()}
        choice = next((one for one in question.choices if one.code in codes), None) if question else None
        if question and choice:
            answered[question.code] = choice
    return answered
