"""What staff do with a gap: exclude, decline, snooze, undo, give it an owner. Each act is told and audited.

Every act names the version that the person saw: an older one is refused, so that nobody acts on what has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import text

from data_contracts.api.care_gaps import (
    AssignedGaps,
    AssignGaps,
    CareGap,
    DeclineGap,
    ExcludeGap,
    GapAct,
    SnoozeGap,
)
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps import rules
from ehr_core.care_gaps.events import tell
from ehr_core.care_gaps.reading import acted_on, as_care_gap, read_row, state_of
from ehr_core.care_gaps.standing import check_on_panel
from ehr_core.kernel.errors import Conflict, NotFound, StaleVersion

SET_MANUAL_STATE = """
UPDATE care_gaps.gap SET human_state = :state, human_until = :until, human_reason = :reason, human_note = :note,
  human_by = :by, human_by_name = :by_name, human_at = :at, version = version + 1
WHERE gap_id = :gap_id"""

SET_WORKFLOW_STATE = """
UPDATE care_gaps.gap SET workflow_state = :state, workflow_until = :until, workflow_at = :at,
  workflow_reference = :reference, version = version + 1
WHERE gap_id = :gap_id"""


def exclude(work: UnitOfWork, gap_id: str, act: ExcludeGap) -> CareGap:
    """Hides the gap until a day, for a coded reason. A measure never changes by it.

    Raises Forbidden for a clinical reason without a clinician, StaleVersion, Conflict when care is not due.
    """
    rules.check_may_exclude(act.reason, work.actor.permissions)
    row = row_to_act_on(work, gap_id, act.version)
    rules.check_manual_end("excluded", act.expires_on, work.today())
    return _set_manual_state(work, row, "excluded", act.expires_on, reason=act.reason, note=act.note)


def decline(work: UnitOfWork, gap_id: str, act: DeclineGap) -> CareGap:
    """The patient said no; the gap is asked about again on that day. A follow-up's "no" is confirmed for itself."""
    work.actor.require("gap.act")
    row = row_to_act_on(work, gap_id, act.version)
    rules.check_follow_up_declined(row["gap_kind"], act.follow_up_confirmed)
    rules.check_manual_end("declined", act.re_ask_on, work.today())
    return _set_manual_state(work, row, "declined", act.re_ask_on, note=act.note)


def snooze(work: UnitOfWork, gap_id: str, act: SnoozeGap) -> CareGap:
    """Not now; the gap comes back on that day."""
    work.actor.require("gap.act")
    row = row_to_act_on(work, gap_id, act.version)
    rules.check_manual_end("snoozed", act.until, work.today())
    return _set_manual_state(work, row, "snoozed", act.until, note=act.note)


def undo(work: UnitOfWork, gap_id: str, act: GapAct) -> CareGap:
    """Takes a manual state back, within 30 days. A clinical exclusion needs a clinician here too."""
    work.actor.require("gap.act")
    row = _locked(work, gap_id, act.version)
    if not rules.can_undo(state_of(row), work.today(), acted_on(work, row)):
        raise Conflict(
            f"There is nothing here to take back: a manual state can be undone for {rules.UNDO_DAYS} days."
        )
    if row["human_state"] == "excluded":
        rules.check_may_exclude(row["human_reason"], work.actor.permissions)
    return _set_manual_state(work, row, None, None, note=act.note, act="undone")


def assign(work: UnitOfWork, act: AssignGaps, owner_name: str | None) -> AssignedGaps:
    """Gives every present gap of these patients to one owner, or takes the owner away.

    `owner_name` is the name of the account `act.owner_id`, looked up by the route. Raises NotFound for a patient that
    is not there, Conflict when the owner has no name.
    """
    work.actor.require("gap.act")
    if (act.owner_id is None) != (owner_name is None):
        raise NotFound("There is no such account to give gaps to.")
    patient_ids = sorted(set(act.patient_ids))
    changed = (
        work.connection.execute(
            text(
                "UPDATE care_gaps.gap SET owner_id = :owner, owner_name = :name, version = version + 1 "
                "WHERE patient_id = ANY(:ids) AND present AND computed_status = 'open' "
                "AND owner_id IS DISTINCT FROM :owner RETURNING gap_id, patient_id"
            ),
            {"owner": act.owner_id, "name": owner_name, "ids": patient_ids},
        )
        .mappings()
        .all()
    )
    for gap in changed:
        tell(work, gap, act="assigned" if owner_name else "unassigned", note=owner_name)
    work.audit("care_gaps.assign", patient_ids=patient_ids, detail={"gaps": len(changed)})
    return AssignedGaps(patients=len(patient_ids), gaps=len(changed))


def set_workflow_state(
    work: UnitOfWork,
    row: Mapping[str, Any],
    state: rules.WorkflowState | None,
    until: date | None,
    *,
    act: str,
    reference: str | None = None,
) -> None:
    """For workflows: outreach sent, scheduled, result pending, or none any more. `reference`: the visit or order."""
    work.connection.execute(
        text(SET_WORKFLOW_STATE),
        {
            "gap_id": row["gap_id"],
            "state": state,
            "until": until,
            "at": work.now() if state else None,
            "reference": reference,
        },
    )
    after = read_row(work, str(row["gap_id"]))
    tell(work, row, act=act, from_status=row["status"], to_status=after["status"])


def row_to_act_on(work: UnitOfWork, gap_id: str, version: int) -> Mapping[str, Any]:
    """The locked row of an open gap of somebody who is on the panel now."""
    row = _locked(work, gap_id, version)
    check_on_panel(work, row["patient_id"])
    rules.check_can_act(state_of(row), work.today())
    return row


def _locked(work: UnitOfWork, gap_id: str, version: int) -> Mapping[str, Any]:
    row = read_row(work, gap_id, lock=True)
    if row["version"] != version:
        raise StaleVersion("This gap has changed since you saw it. Reload the page and look again.")
    return row


def _set_manual_state(
    work: UnitOfWork,
    row: Mapping[str, Any],
    state: rules.HumanState | None,
    until: date | None,
    *,
    reason: str | None = None,
    note: str | None = None,
    act: str | None = None,
) -> CareGap:
    work.connection.execute(
        text(SET_MANUAL_STATE),
        {
            "gap_id": row["gap_id"],
            "state": state,
            "until": until,
            "reason": reason,
            "note": note if state else None,
            "by": work.actor.actor_id if state else None,
            "by_name": work.actor.name if state else None,
            "at": work.now() if state else None,
        },
    )
    after = read_row(work, str(row["gap_id"]))
    name = act or state
    tell(work, row, act=name, from_status=row["status"], to_status=after["status"], reason=reason, note=note)
    work.audit(
        f"care_gaps.{name}",
        patient_id=row["patient_id"],
        detail={"gap_id": str(row["gap_id"]), "source_id": row["source_id"], "reason": reason},
    )
    return as_care_gap(work, after)
