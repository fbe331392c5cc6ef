"""Official measures as a site keeps them: what was imported, what is active, and what the screens say of each."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, Self

from pydantic import Base64Bytes, Field, model_validator

from data_contracts.api.model import ApiModel

MEASURE_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
PACKAGE_ID = r"^[0-9a-f]{64}$"
MOST_PACKAGE_BYTES = 20_000_000
PACKAGE_ENDINGS = (".zip", ".tgz", ".tar.gz", ".json", ".json.gz", ".ndjson", ".ndjson.gz")


class OfficialPopulation(ApiModel):
    """One population of a group, or a stratifier (`code` is then 'stratifier')."""

    id: str
    code: str
    definition: str = Field(description="Name of the definition that decides it.")
    words: str = ""
    aggregate: str | None = Field(
        default=None, description="How an observation's values become one number: sum, median …"
    )
    of: str | None = Field(
        default=None, description="Code of the population that an observation is made for."
    )


class OfficialMeasure(ApiModel):
    """One group of a measure: what is evaluated, shown and reported as one rate."""

    measure_id: str = Field(pattern=MEASURE_ID)
    name: str = Field(description="The measure's own name; several groups share it.")
    group_id: str
    version: str
    title: str
    url: str
    scoring: Literal["proportion", "ratio", "cohort", "continuous-variable"]
    basis: str = Field(description="'boolean', or the resource type that is counted.")
    improvement: Literal["increase", "decrease"]
    populations: list[OfficialPopulation]
    supplemental: dict[str, str] = Field(default={}, description="Definition by id of supplemental data.")
    aggregate: str | None = Field(default=None, description="How observations become one number.")
    unit: str | None = Field(default=None, description="Unit of the score, where its publisher gives one.")
    purpose: str = ""
    why_it_matters: str = ""
    source: str = ""
    definitions: dict[str, str] = Field(default={}, description="Each population's definition, explained.")
    reads: list[str] = Field(default=[], description="Resource types that it reads.")
    code_systems: list[str] = Field(default=[], description="Code systems of its value sets, by URI.")
    cut_value_sets: dict[str, str] = Field(
        default={}, description="Value sets that the package holds a part of, and which part."
    )
    asks_like: str | None = Field(
        default=None,
        description="Our own guideline that asks for the same care; its gap is shown, not a second one.",
    )
    period: Literal["calendar_year"] = "calendar_year"


class PackageImport(ApiModel):
    """A package that was checked where it can be run: its measures, and its content for the pipeline."""

    source: str = Field(max_length=200, description="Name of the folder or file.")
    operator: str = Field(max_length=100, description="Who imports it.")
    measures: list[OfficialMeasure] = Field(min_length=1, max_length=500)
    content: Base64Bytes


class KeptMeasure(ApiModel):
    """A measure of an imported package."""

    measure: OfficialMeasure
    package_id: str
    source: str
    imported_at: datetime
    imported_by: str
    active: bool
    changed_at: datetime | None = Field(
        default=None, description="When it was last activated or deactivated."
    )
    changed_by: str | None = None
    active_from: date | None = Field(default=None, description="First day on which it is run; null: at once.")
    active_until: date | None = Field(default=None, description="Last day on which it is run; null: no end.")
    reason: str | None = Field(default=None, description="Why it was activated or deactivated.")


class KeptMeasures(ApiModel):
    measures: list[KeptMeasure]


class Activation(ApiModel):
    """Which of the imported versions is meant (null: the newest import), for which days, and why."""

    operator: str = Field(default="", max_length=100)
    version: str | None = None
    active_from: date | None = Field(default=None, description="First day on which it is run; null: at once.")
    active_until: date | None = Field(default=None, description="Last day on which it is run; null: no end.")
    reason: str = Field(default="", max_length=300)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.active_from and self.active_until and self.active_until < self.active_from:
            raise ValueError("active_until must not lie before active_from")
        return self


class SurveyedMeasure(ApiModel):
    """What the check of a package says of one of its measures; what is missing is named with its place."""

    measure: str
    version: str
    title: str = ""
    runs: bool
    problem: str | None = None
    unsupported: dict[str, str] = Field(
        default={}, description="Operators that are not supported, and where."
    )
    missing_value_sets: dict[str, str] = Field(default={}, description="By address, and where each is named.")
    cut_value_sets: dict[str, str] = {}
    not_evaluable: list[str] = []
    retrieves: int = 0


class PackageReport(ApiModel):
    """What the check of a package says: nothing is imported while a problem is left."""

    problems: list[str]
    notes: list[str]
    measures: list[SurveyedMeasure]
    libraries: int
    value_sets: int


class CheckedPackage(ApiModel):
    """The answer of whoever checks an upload: the report, and what would be kept when nothing stands against it."""

    report: PackageReport
    measures: list[OfficialMeasure] = Field(default=[], max_length=500)
    content: Base64Bytes | None = None


UploadState = Literal["waiting", "checking", "checked", "refused", "imported"]


class Upload(ApiModel):
    """A package on its way in: uploaded, then checked where it can be run, then imported by a person."""

    upload_id: str
    file_name: str
    state: UploadState
    progress: str
    report: PackageReport | None
    uploaded_at: datetime
    uploaded_by: str
    settled_at: datetime | None


class Uploads(ApiModel):
    uploads: list[Upload]


class UploadWork(ApiModel):
    """An upload that was taken to be checked."""

    upload_id: str
    file_name: str


class UploadProgress(ApiModel):
    words: str = Field(max_length=200)


class UploadsWaiting(ApiModel):
    waiting: int


class ActiveMeasures(ApiModel):
    """What the pipeline evaluates: per package the measures that are active."""

    packages: dict[str, list[str]] = Field(default={}, description="Active measure ids by package id.")
