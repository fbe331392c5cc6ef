"""What an equation answers: a number with its unit, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data_contracts.equations.coefficients import Range


@dataclass(frozen=True)
class Computed:
    """A number that an equation gave. `grade` is its class in words; `notes` are what a reader must know first."""

    value: float
    unit: str
    equation: str
    source: str
    grade: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotComputed:
    """No number, and why. `missing` names the absent inputs; it is empty when one is there but cannot be used."""

    equation: str
    why: str
    missing: tuple[str, ...] = ()


Answer = Computed | NotComputed


def absent(equation: str, inputs: Mapping[str, object]) -> NotComputed | None:
    """The refusal that names every input that is not known; null when all are. An unknown is never zero or "no"."""
    missing = tuple(words for words, value in inputs.items() if value is None)
    if not missing:
        return None
    return NotComputed(equation, f"Not known: {', '.join(missing)}.", missing)


def outside(equation: str, inputs: Mapping[str, tuple[float, Range]]) -> NotComputed | None:
    """The refusal that names the first input beyond its range; null when all are within."""
    for words, (value, allowed) in inputs.items():
        if value not in allowed:
            why = f"Made for {words} of {allowed}; here it is {value:g} {allowed.unit}."
            return NotComputed(equation, why)
    return None


def unlisted(equation: str, words: str, value: str, known: tuple[str, ...]) -> NotComputed | None:
    """The refusal for a word that the equation has no coefficient for; null when it has."""
    if value in known:
        return None
    return NotComputed(
        equation, f"Has coefficients for {words} {' or '.join(known)} only; here it is {value}."
    )
