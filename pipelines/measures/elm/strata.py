"""Strata: parts of a group by what a stratifier says of a patient, where that is a value and not true or false."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import Bool, Choice, Code, Column, Concept, Listing, Null, Record
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.plain import plain
from pipelines.measures.elm.populations import Members
from pipelines.measures.elm.run import Run


def is_valued(column: Column) -> bool:
    """Does it give a value for each patient, rather than truth or a list of members?"""
    column = system(column)
    if isinstance(column, Choice):
        return not any(isinstance(part, Bool | Listing) for part in column.alternatives)
    return not isinstance(column, Bool | Listing | Null)


def strata_by_value(run: Run, name: str, column: Column) -> dict[str, Members]:
    """By `name=value`, the patients who have the value; those without any are in no stratum."""
    column = system(column)
    keys = run.equality.identity(column)
    found = {}
    for key in np.unique(keys[keys >= 0]):
        rows = np.flatnonzero(keys == key)
        text = written(run, column, int(rows[0]))
        found[f"{name}={text}"] = Members(rows, np.zeros(len(rows), np.int64))
    return found


def written(run: Run, column: Column, row: int) -> str:
    """A value as a stratum is called: a code by its code, the parts of a tuple one after the other."""
    if isinstance(column, Concept):
        codes = column.part("codes")
        first = codes.items.take(codes.offsets[row : row + 1]) if isinstance(codes, Listing) else Null(1)
        return written(run, first, 0)
    if isinstance(column, Code):
        return written(run, column.part("code"), row)
    if isinstance(column, Choice):
        return next(written(run, one, row) for one in column.alternatives if not one.nulls()[row])
    if type(column) is Record:
        return ", ".join(f"{name}={written(run, system(part), row)}" for name, part in column.parts.items())
    value = plain(column, row, run.texts)
    return str(value).lower() if isinstance(value, bool) else str(value)
