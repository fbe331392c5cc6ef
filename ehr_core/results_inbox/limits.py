"""Critical limits by analyte and unit, from critical_limits.toml. A unit that is not listed is never guessed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Bounds:
    """At or beyond a bound is critical; an absent one is not known."""

    unit: str
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True)
class CriticalLimit:
    name: str
    adults_from_years: int
    bounds: tuple[Bounds, ...]
    source: str

    def in_unit(self, unit: str | None) -> Bounds | None:
        return next((each for each in self.bounds if each.unit == unit), None)


@cache
def critical_limits() -> dict[str, CriticalLimit]:
    """The limit of each LOINC code that has one."""
    page = _page()
    found: dict[str, CriticalLimit] = {}
    for entry in page["limit"]:
        limit = CriticalLimit(
            entry["name"],
            entry["adults_from_years"],
            tuple(_bounds(unit) for unit in entry["units"]),
            page["source"][entry["source"]]["where"],
        )
        found |= dict.fromkeys(entry["loinc"], limit)
    return found


def limits_words() -> str:
    """Where the limits are from, for the screen."""
    page = _page()
    reviewed = page["reviewed_by"] or "no clinician of this site"
    return f"Critical limits for adults: {page['source']['kost']['where']}. Reviewed by {reviewed}."


def _bounds(entry: dict[str, str]) -> Bounds:
    low, high = (Decimal(entry[name]) if name in entry else None for name in ("low", "high"))
    return Bounds(entry["unit"], low, high)


@cache
def _page() -> dict:
    text = files("ehr_core.results_inbox").joinpath("critical_limits.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
