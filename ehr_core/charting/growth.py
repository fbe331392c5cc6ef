"""How a child grows against a reference: z-score and percentile by the LMS method. Pure.

Under two years the WHO Child Growth Standards (2006), from two to twenty the CDC growth charts (2000), as CDC
recommends for the United States. Figures: growth_reference.csv, ages in days (WHO) and months (CDC).
z = ((value / M)^L − 1) / (L × S); Cole & Green, Statistics in Medicine 1992;11:1305–1319.
Sex is the sex recorded for the person; without it, or without a full birth date, nothing is reckoned.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Literal

Indicator = Literal["weight", "length", "head_circumference", "bmi"]
Sex = Literal["female", "male"]
Reference = Literal["who", "cdc"]

CDC_FROM_MONTHS = 24
LAST_MONTH = 240
DAYS_IN_MONTH = 30.4375
STANDING_IS_SHORTER_CM = 0.7
"""WHO: a child under two measured standing is taken to be this much longer lying."""

SHOWN_PERCENTILES = (3, 10, 25, 50, 75, 90, 97)


@dataclass(frozen=True)
class Growth:
    reference: Reference
    z: float
    percentile: float


def age_months(born: date, on: date) -> float:
    return (on - born).days / DAYS_IN_MONTH


def growth_of(indicator: Indicator, sex: str | None, born: date, on: date, value: float) -> Growth | None:
    """Where a value stands; None outside the reference's ages, for another sex, or for a value of zero or less."""
    months = age_months(born, on)
    if sex not in ("female", "male") or not 0 <= months <= LAST_MONTH or value <= 0:
        return None
    reference: Reference = "who" if months < CDC_FROM_MONTHS else "cdc"
    lms = _lms(reference, indicator, sex, (on - born).days if reference == "who" else months)
    if lms is None:
        return None
    power, median, spread = lms
    z = (
        math.log(value / median) / spread
        if power == 0
        else ((value / median) ** power - 1) / (power * spread)
    )
    return Growth(reference, z, 100 * 0.5 * (1 + math.erf(z / math.sqrt(2))))


def length_for_reference(height_cm: float, months: float, position: str | None) -> float:
    """A height as the reference means it: lying under two years. An unstated position is taken as the usual one."""
    if months < CDC_FROM_MONTHS and position == "standing":
        return height_cm + STANDING_IS_SHORTER_CM
    if months >= CDC_FROM_MONTHS and position == "lying":
        return height_cm - STANDING_IS_SHORTER_CM
    return height_cm


def curve(reference: Reference, indicator: Indicator, sex: str, percentile: int) -> list[tuple[float, float]]:
    """(age in months, value) of one percentile's line; empty where the reference has none."""
    z = _z_of(percentile)
    lines = _reference().get((reference, indicator, sex), [])
    scale = DAYS_IN_MONTH if reference == "who" else 1
    return [(age / scale, _value(power, median, spread, z)) for age, power, median, spread in lines]


def bmi(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    """Body mass index in kg/m2, to one digit."""
    metres = height_cm / 100
    return (weight_kg / (metres * metres)).quantize(Decimal("0.1"))


def _value(power: float, median: float, spread: float, z: float) -> float:
    if power == 0:
        return median * math.exp(spread * z)
    return median * (1 + power * spread * z) ** (1 / power)


def _z_of(percentile: int) -> float:
    return NormalDist().inv_cdf(percentile / 100)


def _lms(
    reference: Reference, indicator: Indicator, sex: str, age: float
) -> tuple[float, float, float] | None:
    """Between two ages of the table the three are taken from the straight line between them."""
    lines = _reference().get((reference, indicator, sex))
    if not lines or age > lines[-1][0]:
        return None
    place = bisect_left(lines, age, key=lambda line: line[0])
    if lines[place][0] == age or place == 0:
        return lines[place][1:]
    before, after = lines[place - 1], lines[place]
    share = (age - before[0]) / (after[0] - before[0])
    power, median, spread = (
        low + share * (high - low) for low, high in zip(before[1:], after[1:], strict=True)
    )
    return power, median, spread


@cache
def _reference() -> dict[tuple[str, str, str], list[tuple[float, float, float, float]]]:
    found = defaultdict(list)
    path = Path(__file__).with_name("growth_reference.csv")
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            key = (row["reference"], row["indicator"], row["sex"])
            found[key].append((float(row["age"]), float(row["l"]), float(row["m"]), float(row["s"])))
    return found
