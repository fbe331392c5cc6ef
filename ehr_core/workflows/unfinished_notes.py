"""What waits for this clinician's hand: unsigned drafts and co-signatures, each with whom it is about."""

from __future__ import annotations

from data_contracts.api.notes import UnfinishedNote, UnfinishedNotes
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.notes.model import as_line
from ehr_core.charting.notes.reading import waiting_rows
from ehr_core.kernel.clock import FixedClock, site_date
from ehr_core.registration.presenters import present_banner
from ehr_core.registration.queries import people_by_id


def unfinished_notes(work: UnitOfWork) -> UnfinishedNotes:
    """Oldest first. One audit row with the sealed list of the patients named."""
    rows = waiting_rows(work)
    people = people_by_id(work, sorted({row.patient_id for row in rows}))
    work.audit("unfinished_notes_read", patient_ids=list(people), detail={"notes": len(rows)})
    return UnfinishedNotes(
        notes=[
            UnfinishedNote(
                note=as_line(row),
                patient=present_banner(people[row.patient_id], work.today()),
                days_old=(work.today() - site_date(FixedClock(row.created_at), work.site_time_zone)).days,
            )
            for row in rows
            if row.patient_id in people
        ]
    )
