"""Vital signs that are possible and unusual: asked about once more before they are kept. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from data_contracts.api.chart import RecordVitals
from ehr_core.kernel.errors import InvalidResource, Issue

UNUSUAL = "business-rule"
"""The issue code of a value that may be kept once it is confirmed: the screen asks, and lists it in `confirmed`."""

ADULT_YEARS = 40
"""Limits of an adult are used where the age is not known: the widest that there are for most signs."""


@dataclass(frozen=True)
class LastWeight:
    kg: Decimal
    on: date


@cache
def limits() -> dict[str, list[tuple[int, int, Decimal, Decimal]]]:
    return {
        entry["field"]: [
            (low, high, Decimal(least), Decimal(most)) for low, high, least, most in entry["bands"]
        ]
        for entry in _file()["limit"]
    }


def check_unusual(
    vitals: RecordVitals, *, age_years: int | None, last_weight: LastWeight | None = None
) -> None:
    """Raises InvalidResource with code UNUSUAL for each unusual value that `vitals.confirmed` does not name."""
    issues = [
        issue
        for issue in (*_out_of_band(vitals, age_years), *_weight_jump(vitals, last_weight))
        if issue.expression not in vitals.confirmed
    ]
    if issues:
        raise InvalidResource(issues)


def _out_of_band(vitals: RecordVitals, age_years: int | None) -> Iterator[Issue]:
    age = ADULT_YEARS if age_years is None else age_years
    for field, bands in limits().items():
        value = getattr(vitals, field)
        band = next((band for band in bands if band[0] <= age < band[1]), None)
        if value is not None and band is not None and not band[2] <= value <= band[3]:
            yield Issue(
                field,
                f"unusual at this age (usually {band[2]} to {band[3]}). Measure again, or confirm it.",
                UNUSUAL,
            )


def _weight_jump(vitals: RecordVitals, last: LastWeight | None) -> Iterator[Issue]:
    """A weight far from a recent one is most often a wrong unit, or another patient."""
    if vitals.weight_kg is None or last is None or last.kg <= 0:
        return
    days = abs((vitals.at.date() - last.on).days)
    change = abs(vitals.weight_kg - last.kg) / last.kg
    if days <= _file()["weight_change_days"] and change > Decimal(_file()["weight_change_fraction"]):
        yield Issue(
            "weight_kg",
            f"{round(change * 100)} % away from {last.kg} kg {days} days before. Check unit and patient, "
            "or confirm it.",
            UNUSUAL,
        )


@cache
def _file() -> dict:
    return tomllib.loads(Path(__file__).with_name("vital_limits.toml").read_text(encoding="utf-8"))
