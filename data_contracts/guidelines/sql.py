"""Pieces of SQL that both engines use, so that a birthday or a lapse means the same day everywhere."""

from __future__ import annotations

NEVER = "DATE '9999-12-31'"
ALWAYS = "DATE '1000-01-01'"


def anniversary(day: str, months: str) -> str:
    """The day `months` later. A day that the month lacks becomes the first of the next month.

    So somebody born on 29 February has their birthday on 1 March in ordinary years.
    """
    moved = f"CAST({day} + to_months({months}) AS DATE)"
    return f"({moved} + CASE WHEN day({moved}) < day({day}) THEN 1 ELSE 0 END)"


def season_end(day: str) -> str:
    """The first day of the next influenza season (1 July) after a day."""
    return f"make_date(year({day}) + CASE WHEN month({day}) >= 7 THEN 1 ELSE 0 END, 7, 1)"


def earliest(*days: str) -> str:
    """The earliest of some days, leaving out nulls."""
    return f"least({', '.join(days)})"


def sensitivity_rank(label: str) -> str:
    """A text that sorts by strictness: very restricted, then a named category, then restricted, then the rest."""
    return (
        f"CASE WHEN {label} IS NULL THEN NULL WHEN {label} = 'V' THEN '9' || {label} "
        f"WHEN {label} = 'R' THEN '5' || {label} WHEN {label} IN ('N', 'M', 'L', 'U') THEN '1' || {label} "
        f"ELSE '7' || {label} END"
    )
