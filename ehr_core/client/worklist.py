"""The care manager's worklist: pages, choices, assigning, contact attempts, patients' replies."""

from __future__ import annotations

from pydantic import TypeAdapter

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
from ehr_core.client.transport import Transport

ATTEMPTS = TypeAdapter(list[ContactAttempt])


class WorklistRoom:
    def __init__(self, transport: Transport):
        self._transport = transport

    def page(self, query: WorklistQuery) -> WorklistPage:
        return self._transport.post("/api/worklist", WorklistPage, query)

    def csv(self, query: WorklistQuery) -> bytes:
        """Everybody whom the filters show; raises TooMuch for a list that is longer than a file may be."""
        body = {"content": query.model_dump_json().encode(), "headers": {"Content-Type": "application/json"}}
        return self._transport.request("POST", "/api/worklist/csv", **body).content

    def choices(self) -> WorklistChoices:
        return self._transport.get("/api/worklist/choices", WorklistChoices)

    def assign(self, act: AssignGaps) -> AssignedGaps:
        return self._transport.post("/api/worklist/assign", AssignedGaps, act)

    def log_contact(self, patient_id: str, attempt: LogContact) -> ContactAttempt:
        """Raises Conflict when this person may not be contacted, or not by this channel."""
        return self._transport.post(f"/api/patients/{patient_id}/contact-attempts", ContactAttempt, attempt)

    def contact_attempts(self, patient_id: str) -> list[ContactAttempt]:
        answer = self._transport.request("GET", f"/api/patients/{patient_id}/contact-attempts")
        return ATTEMPTS.validate_json(answer.content)

    def replies(self) -> PatientReplies:
        """'I already had this', waiting for somebody to look; the oldest first."""
        return self._transport.get("/api/worklist/replies", PatientReplies)

    def review_reply(self, reply_id: str, review: ReviewReply) -> None:
        """Raises Conflict for "recorded" before the chart has moved the gap."""
        self._transport.send("POST", f"/api/worklist/replies/{reply_id}/review", review)
