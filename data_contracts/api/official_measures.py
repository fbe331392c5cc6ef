"""Official measures as a site keeps them: what was imported, what is active, and what the screens say of each."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Base64Bytes, Field

from data_contracts.api.model import ApiModel

MEASURE_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
PACKAGE_ID = r"^[0-9a-f]{64}$"
MOST_PACKAGE_BYTES = 20_000_000


class OfficialPopulation(ApiModel):
    """One population of a group, or a stratifier (`code` is then 'stratifier')."""

    id: str
    code: str
    definition: str = Field(description="Name of the definition that decides it.")
    words: str = ""


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


class KeptMeasures(ApiModel):
    measures: list[KeptMeasure]


class Activation(ApiModel):
    """Which of the imported versions is meant; null: the newest import."""

    operator: str = Field(default="", max_length=100)
    version: str | None = None


class ActiveMeasures(ApiModel):
    """What the pipeline evaluates: per package the measures that are active."""

    packages: dict[str, list[str]] = Field(default={}, description="Active measure ids by package id.")
