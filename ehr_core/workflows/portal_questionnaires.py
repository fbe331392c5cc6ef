"""Questionnaires that a person answers about themselves in the portal; one that may show a crisis needs its coverage.

Crosses registration (who this is) and charting (the answers, their score, and the urgent item that one may open).
"""

from __future__ import annotations

from data_contracts.api.questionnaires import (
    CrisisCoverage,
    FillQuestionnaire,
    OwnAnswers,
    OwnFilled,
    OwnQuestionnaires,
)
from ehr_core.access.actor import Actor
from ehr_core.access.chart_policy import whole_record
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.questionnaires.crisis import OWN_HELP_WORDS, OWN_TOLD_WORDS
from ehr_core.charting.questionnaires.definitions import definitions
from ehr_core.charting.questionnaires.service import keep_filled
from ehr_core.charting.questionnaires.translations import in_language
from ehr_core.kernel.errors import Conflict
from ehr_core.workflows.portal_language import answer_language, own_person

COVERAGE_READER = Actor("service:crisis-coverage", "service", "Crisis coverage", (), frozenset())

NOT_OFFERED = (
    "This questionnaire is not offered here now: nobody of the clinic is named to answer it at once. "
    "Please call the clinic. If you need help right now, call or text 988, or call 911."
)


def own_questionnaires(work: UnitOfWork, coverage: CrisisCoverage, language: str | None) -> OwnQuestionnaires:
    """Those that may be answered now: without coverage, none that may show a crisis."""
    person = own_person(work)
    spoken = answer_language(language, person)
    forms = [one.form for one in definitions().values() if coverage.people or not one.form.crisis_item]
    work.audit("portal.questionnaires.read", patient_id=person.patient_id)
    return OwnQuestionnaires(
        forms=[in_language(form, spoken) for form in forms], crisis_words=OWN_HELP_WORDS[spoken]
    )


def fill_own_questionnaire(
    work: UnitOfWork, questionnaire_id: str, said: OwnAnswers, coverage: CrisisCoverage
) -> OwnFilled:
    """Answers, score and, for a worrying answer, the urgent item with who is on call: in this one transaction.

    A score may carry a sensitive label that a person's own session does not reach, so it is written as part of the
    whole record; nothing of it is shown. Raises Conflict where nobody is named to answer; InvalidResource for an
    answer that is not offered.
    """
    work.actor.require("own.reply")
    person = own_person(work)
    definition = definitions().get(questionnaire_id)
    if definition is not None and definition.form.crisis_item and not coverage.people:
        raise Conflict(NOT_OFFERED)
    filled = FillQuestionnaire(at=work.now(), where="remote", answers=said.answers)
    with whole_record(work):
        kept = keep_filled(work, person.patient_id, questionnaire_id, filled, coverage)
    language = answer_language(said.language, person)
    work.audit(
        "portal.questionnaire.filled",
        resource_type="QuestionnaireResponse",
        resource_id=kept.response_id,
        patient_id=person.patient_id,
    )
    told = f"{OWN_HELP_WORDS[language]} {OWN_TOLD_WORDS[language]}"
    return OwnFilled(unanswered=len(kept.unanswered), crisis_words=told if kept.crisis else None)
