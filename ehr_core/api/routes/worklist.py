"""The care manager's worklist: pages, choices, assigning, contact attempts, patients' replies."""

from __future__ import annotations

from fastapi import APIRouter, Response

from data_contracts.api.care_gaps import (
    AssignedGaps,
    AssignGaps,
    ContactAttempt,
    LogContact,
    PatientReplies,
    ReviewReply,
    WorklistChoices,
    WorklistPage,
    WorklistQuery,
)
from ehr_core.api.dependencies import Work
from ehr_core.care_gaps import contact, replies, service
from ehr_core.scheduling.queries import next_appointments
from ehr_core.workflows import patient_replies, worklist
from ehr_core.workflows.worklist_csv import worklist_csv

router = APIRouter(prefix="/api", tags=["worklist"])


@router.post("/worklist")
def page(query: WorklistQuery, work: Work) -> WorklistPage:
    """A body, not an address: a name that is searched for is patient data."""
    return worklist.worklist_page(work, query)


@router.post("/worklist/csv")
def as_csv(query: WorklistQuery, work: Work) -> Response:
    """Everybody whom the filters show, as a file."""
    return Response(worklist_csv(work, query), media_type="text/csv")


@router.get("/worklist/choices")
def choices(work: Work) -> WorklistChoices:
    return worklist.worklist_choices(work)


@router.post("/worklist/assign")
def assign(act: AssignGaps, work: Work) -> AssignedGaps:
    return service.assign(work, act, worklist.account_name(work, act.owner_id))


@router.post("/patients/{patient_id}/contact-attempts")
def log_contact(patient_id: str, attempt: LogContact, work: Work) -> ContactAttempt:
    return contact.log_contact(
        work, patient_id, attempt, next_appointments(work, [patient_id]).get(patient_id)
    )


@router.get("/patients/{patient_id}/contact-attempts")
def contact_attempts(patient_id: str, work: Work) -> list[ContactAttempt]:
    return contact.contact_attempts(work, patient_id)


@router.get("/worklist/replies")
def replies_to_review(work: Work) -> PatientReplies:
    return patient_replies.replies_to_review(work)


@router.post("/worklist/replies/{reply_id}/review", status_code=204)
def review_reply(reply_id: str, review: ReviewReply, work: Work) -> None:
    replies.review_reply(work, reply_id, review)
