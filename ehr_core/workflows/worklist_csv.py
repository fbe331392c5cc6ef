"""The worklist as a file: everybody whom the filters show, a row a patient. An export, audited with its patients."""

from __future__ import annotations

import csv
import io

from data_contracts.api.care_gaps import WorklistQuery, WorklistRow
from data_contracts.api.risk import TIER_WORDS
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.display import show_name
from ehr_core.kernel.errors import TooMuch
from ehr_core.workflows.worklist import everybody

MOST_PATIENTS = 2_000
HEADINGS = (
    "name",
    "born",
    "mrn",
    "clinic",
    "clinician",
    "language",
    "care_tier",
    "computed_tier",
    "tier_adjusted_by",
    "tier_adjusted_until",
    "gaps",
    "earliest_due",
    "owner",
    "last_contact",
)


def worklist_csv(work: UnitOfWork, query: WorklistQuery) -> bytes:
    """UTF-8. Raises TooMuch for a longer list: a filter makes it one that somebody works."""
    work.actor.require("worklist.read")
    rows, total = everybody(work, query, MOST_PATIENTS)
    if total > MOST_PATIENTS:
        raise TooMuch(
            f"The list has {total} patients, and a file holds {MOST_PATIENTS} at most. Set a filter first."
        )
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEADINGS)
    writer.writerows([_safe(cell) for cell in _cells(row)] for row in rows)
    work.audit("worklist.export", patient_ids=[row.patient_id for row in rows], detail={"rows": len(rows)})
    return file.getvalue().encode()


def _cells(row: WorklistRow) -> list[str | None]:
    said = row.tier.adjustment
    due = min((gap.due_on for gap in row.gaps if gap.due_on), default=None)
    return [
        show_name(row.name),
        row.birth_date,
        row.mrn,
        row.clinic,
        row.clinician,
        row.language,
        TIER_WORDS[row.tier.shown],
        TIER_WORDS[row.tier.computed] if row.tier.computed else None,
        said.by if said else None,
        said.until.isoformat() if said else None,
        "; ".join(gap.title for gap in row.gaps),
        due.isoformat() if due else None,
        row.owner,
        row.last_attempt_at.isoformat() if row.last_attempt_at else None,
    ]


def _safe(cell: str | None) -> str:
    """A name that begins like a formula must not run in a spreadsheet."""
    written = cell or ""
    return f"'{written}" if written[:1] in ("=", "+", "-", "@", "\t", "\r") else written
