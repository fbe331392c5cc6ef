"""Units per analyte: which LOINC codes measure it, its standard unit, and how others convert (TOML, loaded once)."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Conversion:
    """normalised = factor × value + offset, for values written in one of `units`."""

    units: tuple[str, ...]
    factor: float = 1.0
    offset: float = 0.0

    @property
    def is_identity(self) -> bool:
        return self.factor == 1.0 and self.offset == 0.0


@dataclass(frozen=True)
class Analyte:
    """One thing that is measured. `low` and `high` are the plausible bounds in `unit`, inclusive."""

    key: str
    name: str
    loinc: tuple[str, ...]
    unit: str
    decimals: int
    low: float
    high: float
    conversions: tuple[Conversion, ...]
    no_unit: bool = False

    def normalise(self, value: float, written_unit: str | None) -> float | None:
        """The value in the standard unit; None when the unit is missing or not listed, or the result implausible."""
        conversion = self._conversion(written_unit)
        if conversion is None:
            return None
        if conversion.is_identity:
            normalised = value
        else:
            normalised = round_half_up(conversion.factor * value + conversion.offset, self.decimals)
        return normalised if self.low <= normalised <= self.high else None

    def _conversion(self, written_unit: str | None) -> Conversion | None:
        if written_unit is None:
            return Conversion(()) if self.no_unit else None
        return next((found for found in self.conversions if written_unit in found.units), None)


def round_half_up(value: float, decimals: int) -> float:
    """Rounds as laboratories and SQL do: a half goes away from zero (Python's own rounding goes to the even digit)."""
    scale = 10.0**decimals
    return math.copysign(math.floor(abs(value) * scale + 0.5) / scale, value)


@cache
def load_analytes() -> tuple[Analyte, ...]:
    """Every analyte that has conversions."""
    tables = tomllib.loads((FOLDER / "analytes.toml").read_text(encoding="utf-8"))
    return tuple(_analyte(key, table) for key, table in tables.items())


@cache
def known_units() -> frozenset[str]:
    """Written units that are units and not typed words: the analytes' own and the listed others."""
    listed = tomllib.loads((FOLDER / "written_units.toml").read_text(encoding="utf-8"))["units"]
    ours = (
        unit for analyte in load_analytes() for conversion in analyte.conversions for unit in conversion.units
    )
    return frozenset((*listed, *ours))


def _analyte(key: str, table: dict) -> Analyte:
    conversions = tuple(
        Conversion(tuple(dict.fromkeys(item["units"])), item.get("factor", 1.0), item.get("offset", 0.0))
        for item in table["from"]
    )
    return Analyte(
        key=key,
        name=table["name"],
        loinc=tuple(table["loinc"]),
        unit=table["unit"],
        decimals=table["decimals"],
        low=table["low"],
        high=table["high"],
        conversions=conversions,
        no_unit=table.get("no_unit", False),
    )
