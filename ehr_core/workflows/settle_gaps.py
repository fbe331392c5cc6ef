"""Lets workflow states follow what they wait for: a visit that is booked, moved or missed, an order that is revoked.

Also ends states whose day has come. The displayed status says so already without this; here it enters the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import RowMapping, text

from data_contracts.api.pipeline import ChangedPatient
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.events import tell
from ehr_core.care_gaps.reading import SELECT_GAPS
from ehr_core.care_gaps.service import set_workflow_state
from ehr_core.scheduling.queries import next_appointments

LAPSED_AT_ONCE = 500

STILL_ORDERED = """EXISTS (SELECT 1 FROM fhir.service_request AS ordered WHERE ordered.id = gap.workflow_reference
  AND NOT ordered.deleted AND ordered.status NOT IN ('revoked', 'entered-in-error'))"""


def settle_gaps(work: UnitOfWork, patients: Iterable[ChangedPatient]) -> None:
    """Looks at the gaps of patients whose appointments or orders changed, and ends what has lapsed."""
    changed = list(patients)
    _end_lapsed(work)
    visits = [patient.patient_id for patient in changed if "Appointment" in patient.changed_types]
    orders = [patient.patient_id for patient in changed if "ServiceRequest" in patient.changed_types]
    if visits:
        follow_visits(work, visits)
    if orders:
        _follow_orders(work, orders)


def follow_visits(work: UnitOfWork, patient_ids: Sequence[str]) -> None:
    """Missed or cancelled: open again. Booked after outreach, or moved: scheduled until the day after the visit."""
    coming = next_appointments(work, patient_ids)
    for gap in _gaps_in_state(work, patient_ids, ("scheduled", "outreach_sent")):
        visit = coming.get(gap["patient_id"])
        if visit is not None:
            until = visit.on + timedelta(days=1)
            if (gap["workflow_state"], gap["workflow_until"]) != ("scheduled", until):
                set_workflow_state(
                    work, gap, "scheduled", until, act="visit_booked", reference=visit.appointment_id
                )
        elif gap["workflow_state"] == "scheduled":
            set_workflow_state(work, gap, None, None, act="visit_off")


def _follow_orders(work: UnitOfWork, patient_ids: Sequence[str]) -> None:
    for gap in _gaps_in_state(work, patient_ids, ("result_pending",), f"AND NOT {STILL_ORDERED}"):
        set_workflow_state(work, gap, None, None, act="order_revoked")


def _gaps_in_state(
    work: UnitOfWork, patient_ids: Sequence[str], states: Sequence[str], condition: str = ""
) -> Sequence[RowMapping]:
    return (
        work.connection.execute(
            text(
                f"{SELECT_GAPS} AND gap.patient_id = ANY(:ids) AND gap.workflow_state = ANY(:states) {condition} "
                "ORDER BY gap.gap_id FOR UPDATE"
            ),
            {"ids": list(patient_ids), "states": list(states), "today": work.today()},
        )
        .mappings()
        .all()
    )


def _end_lapsed(work: UnitOfWork) -> None:
    """States whose day has come, the manual ones too: who set them stays in the history."""
    for kind, columns in (
        (
            "workflow",
            "workflow_state = NULL, workflow_until = NULL, workflow_at = NULL, workflow_reference = NULL",
        ),
        (
            "human",
            "human_state = NULL, human_until = NULL, human_reason = NULL, human_note = NULL, human_by = NULL, "
            "human_by_name = NULL, human_at = NULL",
        ),
    ):
        lapsed = work.connection.execute(
            text(
                f"WITH lapsed AS (SELECT gap_id, {kind}_state AS state FROM care_gaps.gap "
                f"WHERE {kind}_state IS NOT NULL AND {kind}_until <= :today LIMIT :most FOR UPDATE SKIP LOCKED) "
                f"UPDATE care_gaps.gap AS gap SET {columns}, version = version + 1 FROM lapsed "
                "WHERE gap.gap_id = lapsed.gap_id RETURNING gap.gap_id, gap.patient_id, lapsed.state"
            ),
            {"today": work.today(), "most": LAPSED_AT_ONCE},
        ).mappings()
        for gap in lapsed.all():
            tell(work, gap, act="lapsed", from_status=gap["state"])
