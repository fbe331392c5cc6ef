"""A person's own questionnaires: what they can answer at home, and what becomes of a worrying answer."""

from __future__ import annotations

from datetime import date

from data_contracts.api.portal_questionnaires import (
    AnswerOwn,
    OwnAnswers,
    OwnQuestionnaire,
    OwnQuestionnaires,
)
from data_contracts.api.questionnaires import AnsweredLine
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.moments import day_of
from ehr_core.charting.questionnaires.service import (
    answer_own_questionnaire,
    answerable_at_a_distance,
    answered_lines,
)
from ehr_core.workflows.portal_language import own_person


def own_questionnaires(work: UnitOfWork) -> OwnQuestionnaires:
    """Raises Forbidden for anybody but a patient."""
    person = own_person(work)
    work.actor.require("own.answer")
    lines = answered_lines(work, person.patient_id)
    work.audit("portal.questionnaires_read", patient_id=person.patient_id)
    return OwnQuestionnaires(
        questionnaires=[
            OwnQuestionnaire(form=one.form, answered_on=_last(work, lines, one.form.questionnaire_id))
            for one in answerable_at_a_distance(work)
        ]
    )


def answer_own(work: UnitOfWork, questionnaire_id: str, given: AnswerOwn) -> OwnAnswers:
    """Keeps the answers; a worrying one opens the urgent task of the crisis coverage in the same transaction."""
    found = answer_own_questionnaire(work, questionnaire_id=questionnaire_id, answers=given.answers)
    return OwnAnswers(
        received_at=work.now(), needs_help=found.crisis is not None, unanswered=len(found.unanswered)
    )


def _last(work: UnitOfWork, lines: list[AnsweredLine], questionnaire_id: str) -> date | None:
    days = [
        day_of(line.at, work.site_time_zone)
        for line in lines
        if line.questionnaire_id == questionnaire_id and line.at
    ]
    return max(filter(None, days), default=None)
