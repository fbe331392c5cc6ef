"""Strata: parts of a group by the values that a stratifier gives, of a patient or of each subject of a function."""

from __future__ import annotations

import numpy as np

from pipelines.measures.elm.columns import Bool, Choice, Code, Column, Concept, Listing, Null, Record
from pipelines.measures.elm.conversions import system
from pipelines.measures.elm.logic import truth
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
    rows = np.arange(len(column))
    return _by_value(run, name, column, Members(rows, np.zeros(len(rows), np.int64)))


def strata_of_subjects(run: Run, name: str, column: Column, subjects: Members) -> dict[str, Members]:
    """What a function says of each subject: those of whom it is true, or by `name=value` those who have the value."""
    if is_valued(column):
        return _by_value(run, name, column, subjects)
    return {name: subjects.only(truth(column).values == 1)}


def _by_value(run: Run, name: str, column: Column, subjects: Members) -> dict[str, Members]:
    column = system(column)
    keys = run.equality.identity(column)
    found = {}
    for key in np.unique(keys[keys >= 0]):
        text = written(run, column, int(np.flatnonzero(keys == key)[0]))
        found[f"{name}={text}"] = subjects.only(keys == key)
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
