"""Sets people aside whose record could not be checked: last answers kept, and nowhere taken for checked ones.

The chart, the worklist and the portal say that the record was not checked. Measures count the person as not evaluable,
beside the rate: an old answer would be neither met nor missed for certain. Who died, moved or opted out in the
meantime still gets no gap. The next record of theirs that can be read whole brings everything back.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from data_contracts.api.pipeline import RunReport
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.computed import withdraw
from ehr_core.care_gaps.measured import TRIES_BEFORE_QUARANTINE, note_failed
from ehr_core.care_gaps.standing import left_the_panel
from ehr_core.kernel.logging import get_logger
from ehr_core.quality.not_checked import count_as_not_evaluable
from ehr_core.workflows.write_back.left_alone import TABLE, find_left_alone, take_lock
from ehr_core.workflows.write_back.scope import WriteBackScope

log = get_logger(__name__)


def count_failures(work: UnitOfWork, patient_ids: Sequence[str], *, failures: int = 1) -> list[str]:
    """Counts so many failures of each; sets aside who failed too often in a row, returns who is to be tried again."""
    if not patient_ids:
        return []
    counted = note_failed(work.connection, patient_ids, work.now(), failures=failures)
    _set_aside(work, [row.patient_id for row in counted if row.quarantined])
    for row in counted:
        if row.is_new:
            log.error("remeasure_quarantined", patient_id=row.patient_id)
            work.audit("pipeline.remeasure.quarantined", patient_id=row.patient_id, outcome="failure")
    return [row.patient_id for row in counted if not row.quarantined]


def set_aside_not_checked(work: UnitOfWork, report: RunReport) -> None:
    """After a whole run: those whom it could not check, unless a later change of theirs waits for re-measure."""
    if not report.not_checked:
        return
    take_lock(work.connection)
    scope = WriteBackScope(report.run_id, report.key_id, report.outbox_transaction, report.as_of)
    find_left_alone(work.connection, scope)
    people = work.connection.execute(
        text(
            "SELECT patient_id FROM core.crosswalk WHERE key_id = :key AND pseudonym = ANY(:keys) "
            f"AND patient_id NOT IN (SELECT patient_id FROM {TABLE}) ORDER BY patient_id"
        ),
        {"key": report.key_id, "keys": report.not_checked},
    )
    count_failures(work, people.scalars().all(), failures=TRIES_BEFORE_QUARANTINE)


def _set_aside(work: UnitOfWork, patient_ids: Sequence[str]) -> None:
    if not patient_ids:
        return
    take_lock(work.connection)
    count_as_not_evaluable(work.connection, patient_ids, today=work.today(), now=work.now())
    withdraw(work, left_the_panel(work, patient_ids))
