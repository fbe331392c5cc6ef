"""Flatten: ViewDefinitions compiled to DuckDB SQL over typed columns, from files or from lines in memory."""

from __future__ import annotations

from pipelines.flatten.engine import FlattenedType, FlattenReport, flatten
from pipelines.flatten.minute import flatten_minute, words_of
from pipelines.flatten.parquet import open_parquet, write_parquet
from pipelines.flatten.sources import Source

__all__ = [
    "FlattenReport",
    "FlattenedType",
    "Source",
    "flatten",
    "flatten_minute",
    "open_parquet",
    "words_of",
    "write_parquet",
]
