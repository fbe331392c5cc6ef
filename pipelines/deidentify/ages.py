"""Ages over the oldest that may be shown: a quantity of years, months, weeks or days that tells one loses its value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.deidentify.treatments import GONE, Tools

UNITS_PER_YEAR = {
    **dict.fromkeys(("a", "yr", "year", "years", "y"), 1.0),
    **dict.fromkeys(("mo", "month", "months"), 12.0),
    **dict.fromkeys(("wk", "week", "weeks"), 52.0),
    **dict.fromkeys(("d", "day", "days"), 365.0),
}


def hide_old_age(path: str, tools: Tools) -> Callable[[Any], None]:
    """Takes the value out of a quantity of time longer than the profile's `oldest_age_shown` (years)."""
    oldest, tally, refused = tools.rules["oldest_age_shown"], tools.dropped.append, f"{path}.value (age)"

    def hide(quantity: Any) -> None:
        if quantity.value is GONE:
            return
        units = {unit for unit in (quantity.code, quantity.unit) if unit is not GONE}
        per_year = next((UNITS_PER_YEAR[unit] for unit in units if unit in UNITS_PER_YEAR), None)
        if per_year is not None and float(bytes(quantity.value)) >= (oldest + 1) * per_year:
            quantity.value = GONE
            tally(refused)

    return hide
