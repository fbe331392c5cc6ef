"""Vital signs typed in US units, as the metric values that are stored. Pure.

Doses are reckoned in kilograms only, so one unit is stored for each sign; what was typed is kept in its own words.
Exact factors: 1 lb = 0.45359237 kg, 1 in = 2.54 cm, degrees Celsius = (F − 32) × 5/9.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from data_contracts.api.chart import RecordVitals
from ehr_core.charting.recordable import refused


@dataclass(frozen=True)
class Conversion:
    """From a US field to the stored one; `step` is the last digit that is kept."""

    field: str
    stored: str
    words: str
    step: Decimal
    convert: Callable[[Decimal], Decimal]


CONVERSIONS = (
    Conversion("weight_lb", "weight_kg", "lb", Decimal("0.01"), lambda lb: lb * Decimal("0.45359237")),
    Conversion("height_in", "height_cm", "in", Decimal("0.1"), lambda inches: inches * Decimal("2.54")),
    Conversion(
        "temperature_fahrenheit",
        "temperature_celsius",
        "°F",
        Decimal("0.1"),
        lambda degrees: (degrees - 32) * 5 / 9,
    ),
)


def in_metric(vitals: RecordVitals) -> tuple[RecordVitals, dict[str, str]]:
    """(the same signs in stored units, what was typed by stored field). Raises InvalidResource when both are given."""
    changes: dict[str, Decimal | None] = {}
    typed: dict[str, str] = {}
    for one in CONVERSIONS:
        value = getattr(vitals, one.field)
        if value is None:
            continue
        if getattr(vitals, one.stored) is not None:
            raise refused(one.field, "This sign was entered in two units. Leave one of them empty.")
        changes |= {one.field: None, one.stored: one.convert(value).quantize(one.step, ROUND_HALF_UP)}
        typed[one.stored] = f"{value} {one.words}"
    return vitals.model_copy(update=changes), typed
