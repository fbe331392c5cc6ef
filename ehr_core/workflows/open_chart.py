"""Opens a chart: who this is (registration) above what is known (charting), as one read."""

from __future__ import annotations

from data_contracts.api.chart import ChartSummary
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.reading import read_summary, require_reading
from ehr_core.registration.presenters import present_banner
from ehr_core.registration.service import person_by_id


def open_chart(work: UnitOfWork, *, patient_id: str) -> ChartSummary:
    """The summary with its banner. Raises Forbidden, or NotFound for a record that this actor does not reach."""
    require_reading(work, patient_id)
    banner = present_banner(person_by_id(work, patient_id), work.today())
    return read_summary(work, banner=banner)
