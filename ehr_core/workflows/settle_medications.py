"""Says that the medicines of a merged record have been reconciled: the banner no longer asks for it."""

from __future__ import annotations

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import Conflict
from ehr_core.workflows.merge.clinical import end_flag, flags_to_reconcile


def settle_medications(work: UnitOfWork, *, patient_id: str) -> None:
    """Ends the flags that a merge left. Raises Forbidden, or Conflict when nothing waits to be reconciled."""
    work.actor.require("medication.reconcile")
    waiting = flags_to_reconcile(work, patient_id)
    if not waiting:
        raise Conflict("Nothing waits to be reconciled in this record: somebody has done it already.")
    for flag_id in waiting:
        end_flag(work, flag_id)
