"""The numbers behind a grade, each with its meaning and range, read from grading.toml."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Agreement = Literal["same", "alike", "different", "unknown"]
MOST_POINTS = 20


class Number(BaseModel):
    """One number that decides something."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    lowest: float
    highest: float
    means: str = Field(min_length=20, description="What the number decides, with an example where one helps.")

    @model_validator(mode="after")
    def in_range(self) -> Number:
        if not self.lowest <= self.value <= self.highest:
            raise ValueError(f"must lie between {self.lowest} and {self.highest}")
        return self


class Points(BaseModel):
    """What agreement and disagreement on one fact add to the sum. Unknown adds nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    same: float = Field(ge=0, le=MOST_POINTS)
    alike: float = Field(ge=0, le=MOST_POINTS)
    different: float = Field(ge=-MOST_POINTS, le=0)
    means: str = Field(min_length=20)

    def of(self, agreement: Agreement) -> float:
        return {"same": self.same, "alike": self.alike, "different": self.different, "unknown": 0.0}[
            agreement
        ]


class Numbers(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reviewed_on: Any
    spelled_alike: Number
    shortest_spelled: Number
    address_alike: Number
    certain: Number
    possible: Number
    points: dict[str, Points]


@lru_cache(maxsize=1)
def numbers() -> Numbers:
    """The numbers of this version; raises ValidationError when one lies outside its range."""
    text = files("ehr_core.registration.matching").joinpath("grading.toml").read_text(encoding="utf-8")
    return Numbers.model_validate(tomllib.loads(text))
