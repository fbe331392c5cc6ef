"""Quantities that may tell who somebody is: an age over the oldest shown, or a long number without a unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.deidentify.treatments import GONE, Tools

UNITS_PER_YEAR = {
    **dict.fromkeys(("a", "yr", "year", "years", "y"), 1.0),
    **dict.fromkeys(("mo", "month", "months"), 12.0),
    **dict.fromkeys(("wk", "week", "weeks"), 52.0),
    **dict.fromkeys(("d", "day", "days"), 365.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 8760.0),
    **dict.fromkeys(("min", "s", "ms"), 525_600.0),
}
NO_UNIT = "1"
"""UCUM's unit of a bare number: it says no more than no unit at all."""


def guard_quantity(path: str, tools: Tools, *, is_age: bool) -> Callable[[Any], None]:
    """Takes the value out of a quantity that may identify.

    Without a unit it is a bare number, bounded as any other is; an age without a unit of time may be of any size.
    """
    oldest, most = tools.rules.get("oldest_age_shown"), tools.largest_bare_number
    tally, refused = tools.dropped.append, f"{path}.value (may identify)"

    def may_identify(value: float, units: set[str]) -> bool:
        per_year = next((UNITS_PER_YEAR[unit] for unit in units if unit in UNITS_PER_YEAR), None)
        if per_year is not None:
            return oldest is not None and value >= (oldest + 1) * per_year
        if is_age and oldest is not None:
            return True
        return not units and value >= most

    def guard(quantity: Any) -> None:
        if quantity.value is GONE:
            return
        units = {unit for unit in (quantity.code, quantity.unit) if unit not in (GONE, NO_UNIT)}
        if may_identify(abs(float(bytes(quantity.value))), units):
            quantity.value = GONE
            tally(refused)

    return guard
