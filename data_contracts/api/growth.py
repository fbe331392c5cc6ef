"""A child's measurements against the growth references, with the lines to draw behind them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import Field

from data_contracts.api.model import ApiModel

GrowthIndicator = Literal["weight", "length", "head_circumference", "bmi"]

INDICATOR_WORDS: dict[str, str] = {
    "weight": "Weight",
    "length": "Length or height",
    "head_circumference": "Head circumference",
    "bmi": "Body mass index",
}
REFERENCE_WORDS: dict[str, str] = {
    "who": "WHO Child Growth Standards 2006 (under 2 years)",
    "cdc": "CDC growth charts 2000 (2 to 20 years)",
}


class GrowthPoint(ApiModel):
    """One measurement. Null z and percentile: outside the reference, or sex or birth date not recorded."""

    observation_id: str
    on: date
    age_months: float
    value: Decimal
    unit: str
    reference: Literal["who", "cdc"] | None
    z: float | None
    percentile: float | None


class GrowthCurve(ApiModel):
    reference: Literal["who", "cdc"]
    percentile: int
    points: list[tuple[float, float]] = Field(description="(age in months, value)")


class GrowthChart(ApiModel):
    indicator: GrowthIndicator
    unit: str
    points: list[GrowthPoint]
    curves: list[GrowthCurve]


class GrowthView(ApiModel):
    """`missing` says in words why nothing could be compared; null when it could."""

    patient_id: str
    sex: str | None
    charts: list[GrowthChart]
    missing: str | None = None
