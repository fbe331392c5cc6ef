"""The portal's own routes: a person's language, home, results, and "I already had this".

`language` is 'en', 'es' or a tag such as 'es-MX'; without it, or with one that the portal does not speak, the record's
language counts.
"""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.portal import AlreadyHadThis, OwnLanguage, OwnResults, PortalHome, ReplyReceived
from data_contracts.api.portal_questionnaires import AnswerOwn, OwnAnswers, OwnQuestionnaires
from data_contracts.api.portal_visits import OwnVisits
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.care_gaps.replies import say_already_had, take_back
from ehr_core.workflows.portal_home import portal_home
from ehr_core.workflows.portal_language import answer_language, own_language, own_person
from ehr_core.workflows.portal_questionnaires import answer_own, own_questionnaires
from ehr_core.workflows.portal_results import read_own_results
from ehr_core.workflows.portal_visits import own_visits

router = APIRouter(prefix="/api/portal", tags=["portal"])

THANKS = {
    "en": "Thank you. We will look for the record and tell you.",
    "es": "Gracias. Buscaremos el registro y le avisaremos.",
}


@router.get("/language")
def language_of_record(work: Work) -> OwnLanguage:
    return own_language(work)


@router.get("/home")
def home(parts: ProcessParts, work: Work, language: str | None = None) -> PortalHome:
    return portal_home(work, parts.settings.site_name, language)


@router.get("/visits")
def visits(work: Work, language: str | None = None) -> OwnVisits:
    return own_visits(work, language)


@router.get("/results")
def results(work: Work, language: str | None = None) -> OwnResults:
    return read_own_results(work, language)


@router.get("/questionnaires")
def questionnaires(work: Work) -> OwnQuestionnaires:
    return own_questionnaires(work)


@router.post("/questionnaires/{questionnaire_id}")
def answer_questionnaire(questionnaire_id: str, given: AnswerOwn, work: Work) -> OwnAnswers:
    return answer_own(work, questionnaire_id, given)


@router.post("/things-to-do/{gap_id}/already-had")
def already_had(gap_id: str, said: AlreadyHadThis, work: Work) -> ReplyReceived:
    received_at = say_already_had(work, gap_id, said)
    words = THANKS[answer_language(said.language, own_person(work))]
    return ReplyReceived(gap_id=gap_id, received_at=received_at, message=words)


@router.delete("/things-to-do/{gap_id}/already-had", status_code=204)
def take_back_already_had(gap_id: str, work: Work) -> None:
    take_back(work, gap_id)
