"""The portal's own routes: a person's language, home, results, and "I already had this".

`language` is 'en', 'es' or a tag such as 'es-MX'; without it, or with one that the portal does not speak, the record's
language counts.
"""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.portal import (
    AlreadyHadThis,
    OwnLanguage,
    OwnResults,
    PortalHome,
    RecordOpened,
    RecordOpenings,
    ReplyReceived,
)
from data_contracts.api.portal_visits import OwnVisits
from data_contracts.api.questionnaires import CrisisCoverage, OwnAnswers, OwnFilled, OwnQuestionnaires
from ehr_core.access.audit_reading import who_looked
from ehr_core.access.audit_words import actor_words
from ehr_core.access.unit_of_work import begin
from ehr_core.api.dependencies import Parts, ProcessParts, Work
from ehr_core.care_gaps.replies import say_already_had, take_back
from ehr_core.charting.questionnaires.service import stored_coverage
from ehr_core.workflows.portal_home import portal_home
from ehr_core.workflows.portal_language import answer_language, own_language, own_person
from ehr_core.workflows.portal_questionnaires import (
    COVERAGE_READER,
    fill_own_questionnaire,
    own_questionnaires,
)
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


@router.get("/who-looked")
def openings(work: Work) -> RecordOpenings:
    """Who opened or changed the record that I look at. Needs own.read."""
    return RecordOpenings(
        openings=[
            RecordOpened(
                day=row.day,
                who=actor_words(row.actor_id, row.name),
                roles=list(row.roles or ()),
                what=row.act,
                times=row.times,
                refused=row.refused,
            )
            for row in who_looked(work)
        ]
    )


@router.get("/visits")
def visits(work: Work, language: str | None = None) -> OwnVisits:
    return own_visits(work, language)


@router.get("/results")
def results(work: Work, language: str | None = None) -> OwnResults:
    return read_own_results(work, language)


@router.get("/questionnaires")
def questionnaires(parts: ProcessParts, work: Work, language: str | None = None) -> OwnQuestionnaires:
    return own_questionnaires(work, _crisis_coverage(parts), language)


@router.post("/questionnaires/{questionnaire_id}")
def fill(questionnaire_id: str, said: OwnAnswers, parts: ProcessParts, work: Work) -> OwnFilled:
    return fill_own_questionnaire(work, questionnaire_id, said, _crisis_coverage(parts))


def _crisis_coverage(parts: Parts) -> CrisisCoverage:
    """Whom the clinic has named: no patient's row, and out of a patient's reach."""
    with begin(parts.database, COVERAGE_READER, parts.clock, parts.settings.site_time_zone) as work:
        return stored_coverage(work)


@router.post("/things-to-do/{gap_id}/already-had")
def already_had(gap_id: str, said: AlreadyHadThis, work: Work) -> ReplyReceived:
    received_at = say_already_had(work, gap_id, said)
    words = THANKS[answer_language(said.language, own_person(work))]
    return ReplyReceived(gap_id=gap_id, received_at=received_at, message=words)


@router.delete("/things-to-do/{gap_id}/already-had", status_code=204)
def take_back_already_had(gap_id: str, work: Work) -> None:
    take_back(work, gap_id)
