"""The dated, commented assumptions that the population is drawn from: TOML files beside this one."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def assumptions(name: str) -> dict[str, Any]:
    """One assumptions file as plain data; read once. Never change what it returns."""
    text = (files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def snomed() -> dict[str, Any]:
    """The SNOMED CT codes, or nothing where a site without a licence has left the file out."""
    if not (files(__package__) / "snomed.toml").is_file():
        return {}
    return assumptions("snomed")


@cache
def by_age(name: str, *path: str) -> tuple[tuple[int, float], ...]:
    """A list of [from age, figure] rows, oldest first, ready to be searched."""
    table: Any = assumptions(name)
    for step in path:
        table = table[step]
    return tuple((int(age), float(figure)) for age, figure in reversed(table))


def at_age(rows: tuple[tuple[int, float], ...], age: int) -> float:
    """The figure for this age: the row with the highest starting age that is not above it."""
    for start, figure in rows:
        if age >= start:
            return figure
    return 0.0
