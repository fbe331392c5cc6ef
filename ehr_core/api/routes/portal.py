"""The portal's own routes: a person's home, results, and "I already had this"."""

from __future__ import annotations

from fastapi import APIRouter

from data_contracts.api.portal import AlreadyHadThis, OwnResults, PortalHome, ReplyReceived
from ehr_core.api.dependencies import ProcessParts, Work
from ehr_core.care_gaps.people import people
from ehr_core.care_gaps.replies import say_already_had
from ehr_core.workflows.portal_home import own_id, portal_home, portal_language
from ehr_core.workflows.portal_results import read_own_results

router = APIRouter(prefix="/api/portal", tags=["portal"])

THANKS = {
    "en": "Thank you. We will look for the record and tell you.",
    "es": "Gracias. Buscaremos el registro y le avisaremos.",
}


@router.get("/home")
def home(parts: ProcessParts, work: Work) -> PortalHome:
    return portal_home(work, parts.settings.site_name)


@router.get("/results")
def results(work: Work) -> OwnResults:
    return read_own_results(work, _language(work))


@router.post("/things-to-do/{gap_id}/already-had")
def already_had(gap_id: str, said: AlreadyHadThis, work: Work) -> ReplyReceived:
    received_at = say_already_had(work, gap_id, said)
    return ReplyReceived(gap_id=gap_id, received_at=received_at, message=THANKS[_language(work)])


def _language(work: Work) -> str:
    work.actor.require("own.read")
    patient_id = own_id(work)
    person = people(work, [patient_id]).get(patient_id)
    return portal_language(person) if person else "en"
