"""Body mass index as a formula, of numbers or of columns."""

from __future__ import annotations

from typing import Any


def kg_per_m2(weight_kg: Any, height_cm: Any) -> Any:
    return weight_kg / (height_cm / 100) ** 2
