"""Logs a call or a message for the gaps that it was about, after looking once more at who may be contacted how."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from data_contracts.api.care_gaps import ContactAttempt, LogContact
from data_contracts.api.patients import NextAppointment
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import rules
from ehr_core.care_gaps.events import tell
from ehr_core.care_gaps.reading import read_row
from ehr_core.care_gaps.service import SET_MANUAL_STATE, set_workflow_state
from ehr_core.care_gaps.standing import check_on_panel
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.store.channel_consents import CHANNELS, consents

FURTHER_ON = ("scheduled", "result_pending")
"""A call about a gap that is already booked or ordered is counted, and does not take it back to "outreach sent"."""


def log_contact(
    work: UnitOfWork, patient_id: str, contact: LogContact, appointment: NextAppointment | None
) -> ContactAttempt:
    """One attempt, for all of a patient's gaps that it was about; `appointment`: the patient's next one.

    Raises BadRequest for an unconfirmed "no" to a follow-up; Conflict when the patient has died, was merged away, opted
    out, moved, or refused this channel: read again at this moment, whatever the screen still showed.
    """
    work.actor.require("outreach.log")
    check_on_panel(work, patient_id)
    if contact.channel in CHANNELS:
        rules.check_reachable(contact.channel, consents(work, [patient_id])[patient_id][contact.channel])
    rows = _gaps_of(work, patient_id, contact.gap_ids)
    attempt = _store(work, patient_id, contact)
    effect = rules.contact_effect(
        contact.outcome,
        today=work.today(),
        try_again_on=contact.try_again_on,
        next_appointment_on=appointment.on if appointment else None,
    )
    for row in rows:
        if effect.human_state == "declined":
            rules.check_follow_up_declined(row["gap_kind"], contact.follow_up_confirmed)
        reference = (
            appointment.appointment_id if appointment and effect.workflow_state == "scheduled" else None
        )
        _apply(work, row, contact, effect, reference)
    work.audit(
        "care_gaps.contact_logged",
        patient_id=patient_id,
        detail={"channel": contact.channel, "outcome": contact.outcome, "gaps": len(rows)},
    )
    return attempt


def contact_attempts(work: UnitOfWork, patient_id: str) -> list[ContactAttempt]:
    """Every attempt, newest first; those about a record that was merged into this one too."""
    work.actor.require("worklist.read")
    rows = work.connection.execute(
        text(
            "SELECT * FROM care_gaps.contact_attempt WHERE patient_id = :id "
            "OR patient_id IN (SELECT id FROM fhir.patient WHERE replaced_by = :id) ORDER BY at DESC"
        ),
        {"id": patient_id},
    ).mappings()
    attempts = [_as_attempt(row) for row in rows]
    work.audit("care_gaps.contact_attempts.read", patient_id=patient_id)
    return attempts


def _gaps_of(work: UnitOfWork, patient_id: str, gap_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """The locked rows; a gap that has closed in the meantime is left as it is, one of somebody else is refused."""
    rows = [read_row(work, gap_id, lock=True) for gap_id in sorted(set(gap_ids))]
    if any(row["patient_id"] != patient_id for row in rows):
        raise BadRequest("One of these gaps belongs to another patient. Reload the page and select again.")
    return [row for row in rows if row["computed_status"] == "open"]


def _store(work: UnitOfWork, patient_id: str, contact: LogContact) -> ContactAttempt:
    row = (
        work.connection.execute(
            text(
                "INSERT INTO care_gaps.contact_attempt (patient_id, at, by_id, by_name, channel, outcome, gap_ids, "
                "interpreter_used, try_again_on, note) VALUES (:patient_id, :at, :by_id, :by_name, :channel, :outcome, "
                "CAST(:gap_ids AS uuid[]), :interpreter_used, :try_again_on, :note) RETURNING *"
            ),
            {
                "patient_id": patient_id,
                "at": work.now(),
                "by_id": work.actor.actor_id,
                "by_name": work.actor.name,
                "channel": contact.channel,
                "outcome": contact.outcome,
                "gap_ids": [_uuid(gap_id) for gap_id in contact.gap_ids],
                "interpreter_used": contact.interpreter_used,
                "try_again_on": contact.try_again_on,
                "note": contact.note,
            },
        )
        .mappings()
        .one()
    )
    return _as_attempt(row)


def _apply(
    work: UnitOfWork,
    row: Mapping[str, Any],
    contact: LogContact,
    effect: rules.ContactEffect,
    reference: str | None,
) -> None:
    work.connection.execute(
        text(
            "UPDATE care_gaps.gap SET attempts = attempts + 1, last_attempt_at = :at, last_attempt_outcome = :outcome, "
            "version = version + 1 WHERE gap_id = :gap_id"
        ),
        {"at": work.now(), "outcome": contact.outcome, "gap_id": row["gap_id"]},
    )
    if effect.workflow_state == "outreach_sent" and row["status"] in FURTHER_ON:
        tell(work, row, act="contact_tried", from_status=row["status"], to_status=row["status"])
    elif effect.workflow_state is not None:
        set_workflow_state(
            work, row, effect.workflow_state, effect.until, act="contacted", reference=reference
        )
    elif effect.human_state is not None:
        _decline(work, row, effect, contact.note)
    else:
        tell(work, row, act="contact_tried", from_status=row["status"], to_status=row["status"])


def _decline(work: UnitOfWork, row: Mapping[str, Any], effect: rules.ContactEffect, note: str | None) -> None:
    work.connection.execute(
        text(SET_MANUAL_STATE),
        {
            "gap_id": row["gap_id"],
            "state": effect.human_state,
            "until": effect.until,
            "reason": None,
            "note": note,
            "by": work.actor.actor_id,
            "by_name": work.actor.name,
            "at": work.now(),
        },
    )
    tell(work, row, act="declined", from_status=row["status"], to_status="declined", note=note)


def _as_attempt(row: Mapping[str, Any]) -> ContactAttempt:
    return ContactAttempt(
        attempt_id=str(row["attempt_id"]),
        at=row["at"],
        by=row["by_name"],
        channel=row["channel"],
        outcome=row["outcome"],
        note=row["note"],
        try_again_on=row["try_again_on"],
    )


def _uuid(gap_id: str) -> str:
    try:
        return str(uuid.UUID(gap_id))
    except ValueError as error:
        raise NotFound(
            "One of these gaps is not there any more. Reload the page and select again."
        ) from error
