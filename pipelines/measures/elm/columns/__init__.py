"""Columns: the values of one expression for all rows at once, with nulls, by CQL type.

Every column knows which rows are null and how to take rows by position (-1 takes a null); with `concat` it stands after
another one. A list is ragged: offsets into one column of items. A choice holds one full-length column per alternative,
of which at most one is not null in a row.
"""

from pipelines.measures.elm.columns.base import (
    Choice,
    Column,
    Null,
    Rows,
    Single,
    alternatives_of,
    gather,
    is_untyped,
    offsets_of,
    ranges_of,
)
from pipelines.measures.elm.columns.joining import POINTLESS, choice_of, concat, merge, scatter
from pipelines.measures.elm.columns.scalars import FALSE, TRUE, UNKNOWN, Bool, Dec, Int, Long, Text, whole
from pipelines.measures.elm.columns.structures import (
    Code,
    Concept,
    Interval,
    Listing,
    Quantity,
    Ratio,
    Record,
)

__all__ = [
    "FALSE",
    "POINTLESS",
    "TRUE",
    "UNKNOWN",
    "Bool",
    "Choice",
    "Code",
    "Column",
    "Concept",
    "Dec",
    "Int",
    "Interval",
    "Listing",
    "Long",
    "Null",
    "Quantity",
    "Ratio",
    "Record",
    "Rows",
    "Single",
    "Text",
    "alternatives_of",
    "choice_of",
    "concat",
    "gather",
    "is_untyped",
    "merge",
    "offsets_of",
    "ranges_of",
    "scatter",
    "whole",
]
