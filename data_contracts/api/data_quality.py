"""Data quality as the screens show it: findings with their share, trend and touched measures; the records behind."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel
from data_contracts.api.patients import PatientName

Outcome = Literal["ran", "nothing_to_check", "could_not_run"]
Kind = Literal["completeness", "unmapped_codes", "units", "implausible", "duplicates", "freshness"]


class TouchedMeasure(ApiModel):
    """A measure that reads what a defect spoils."""

    measure_id: str
    title: str
    official: bool
    records: int | None = Field(
        description="Defective records that it reads; null where the defect hides which, or where it is suppressed."
    )
    suppressed: bool = False
    reads: str = Field(description="The value sets by which it reads them; empty for all of the type.")


class DataPoint(ApiModel):
    """One night's counts; null unless the check ran, or where they are suppressed."""

    on: date
    outcome: Outcome
    failing: int | None
    checked: int | None


class DataFinding(ApiModel):
    """One check. A count is null when it is unknown or suppressed, never when it is zero."""

    check_id: str
    kind: Kind
    resource_type: str
    title: str
    why: str
    repair: str
    counts: Literal["records", "people", "days", "lines"]
    quiet: int = Field(default=0, description="So many are nothing to look at yet.")
    has_records: bool = Field(description="Single records with the defect can be looked at.")
    outcome: Outcome
    failing: int | None
    checked: int | None
    share: float | None
    suppressed: bool = False
    newest_on: date | None = None
    touches: list[TouchedMeasure] = []
    trend: list[DataPoint] = []

    @property
    def is_defect(self) -> bool:
        """Something to look at, or not known to be nothing."""
        hidden = self.suppressed and self.failing is None
        return hidden or self.outcome == "could_not_run" or (self.failing or 0) > self.quiet


class DataQuality(ApiModel):
    """The newest night. `on` is null before the first."""

    on: date | None
    computed_at: datetime | None
    stale: str | None = None
    findings: list[DataFinding]
    not_loaded: dict[str, list[str]] = Field(
        default={}, description="Code systems that are not loaded, with the measures that name them."
    )


class DefectiveRecord(ApiModel):
    """A record with a defect, and whose it is."""

    patient_id: str
    name: PatientName
    birth_date: str | None
    mrn: str | None
    same_name: bool = False
    resource_type: str
    resource_id: str | None = Field(description="Null when it was deleted since, or a label hides it.")
    on: date | None
    masked: bool = False


class DefectiveRecords(ApiModel):
    """Some of the records with a defect: as many as the night keeps, of charts that the reader may open."""

    check_id: str
    rows: list[DefectiveRecord]
