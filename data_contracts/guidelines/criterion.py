"""A criterion: which recorded facts say something about a person, and for how long."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data_contracts.guidelines.duration import DurationText, Window, WindowText, usual_window
from data_contracts.valuesets import value_sets

FactType = Literal[
    "observation",
    "diagnostic_report",
    "procedure",
    "immunization",
    "medication_request",
    "condition",
    "encounter",
    "discharge",
    "allergy",
]

FHIR_TYPES: dict[str, str] = {
    "observation": "Observation",
    "diagnostic_report": "DiagnosticReport",
    "procedure": "Procedure",
    "immunization": "Immunization",
    "medication_request": "MedicationRequest",
    "condition": "Condition",
    "encounter": "Encounter",
    "discharge": "Encounter",
    "allergy": "AllergyIntolerance",
}

Organ = Literal["breast", "cervix"]


class Strict(BaseModel):
    """The base of every part of a pack: an unknown field is refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def known_value_set(name: str) -> str:
    """The name itself; raises ValueError when there is no such value set."""
    if name not in value_sets():
        raise ValueError(f"there is no value set '{name}' in data_contracts/valuesets/manifest.toml")
    return name


class Recorded(Strict):
    """Codes of a value set, in the kinds of record where they count."""

    value_set: str
    places: tuple[FactType, ...] = Field(alias="in", min_length=1)

    @field_validator("value_set")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_value_set(name)


class Criterion(Strict):
    """Facts that count, for how long (recommendation), and where in the period (measure)."""

    recorded: tuple[Recorded, ...] = Field(min_length=1)
    counts_for: DurationText
    measure_counts: WindowText | None = None
    age_at_least_at_test: int | None = Field(None, ge=0, le=120, description="Years at the day of the fact.")
    needs_number: bool = Field(False, description="A result without a readable number does not count.")
    needs_result_in: tuple[str, ...] = Field(
        (),
        description="A result that is not coded in these sets does not count. A procedure counts by its act.",
    )
    number_at_least: float | None = Field(
        None, description="Only numbers of at least this, in `number_unit`."
    )
    number_unit: str | None = Field(None, description="UCUM unit of the number.")

    @field_validator("needs_result_in")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(known_value_set(name) for name in names)

    @model_validator(mode="after")
    def _number_has_a_unit(self) -> Criterion:
        if self.number_at_least is not None and self.number_unit is None:
            raise ValueError("number_at_least needs number_unit: a number without a unit decides nothing")
        return self

    @property
    def window(self) -> Window:
        return self.measure_counts or usual_window(self.counts_for)


class ExclusionWay(Strict):
    """One way to meet an exclusion: every criterion of `all_of`, and the age where one is given."""

    age_at_least: int | None = Field(None, ge=0, le=120, description="Years; only from this age on.")
    all_of: tuple[Criterion, ...] = Field(min_length=1)


class Exclusion(Strict):
    """A reason, by name, why care is not asked for. Any of its ways is enough."""

    id: str
    title: str
    why: str
    clinical: bool = True
    ways: tuple[ExclusionWay, ...] = Field(min_length=1)
