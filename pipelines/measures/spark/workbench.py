"""A workbench on Spark: the same tables by the same SELECTs, each kept as Parquet where all executors reach it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from data_contracts.contract import Column, ColumnType, Table
from pipelines.measures.spark.dialect import spark_sql

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SPARK_TYPES: dict[ColumnType, str] = {
    "text": "STRING",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "instant": "TIMESTAMP",
    "text_list": "ARRAY<STRING>",
}


class SparkWorkbench:
    """Tables of a Spark session. `folder` is where they are kept: a path or address that all executors reach.

    The session's time zone must be the site's, as with DuckDB.
    """

    def __init__(self, session: SparkSession, folder: str | Path):
        self.session, self.folder = session, str(folder)

    def open(self, name: str, files: str | Path) -> None:
        """A table of Parquet files that are there already, such as a flat table of a snapshot."""
        self.session.read.parquet(str(files)).createOrReplaceTempView(name)

    def lay(self, name: str, rows: pa.Table) -> None:
        self.session.createDataFrame(rows).createOrReplaceTempView(name)

    def make(self, name: str, select: str, contract: Table | None = None) -> None:
        """Kept rather than left to be asked again: rows are numbered, and a number must stay what it was."""
        text = spark_sql(select)
        if contract is not None:
            text = _as_contracted(text, contract.columns)
        kept = f"{self.folder}/{name}"
        self.session.sql(text).write.mode("overwrite").parquet(kept)
        self.open(name, kept)

    def rows(self, name: str) -> pa.Table:
        return self.session.table(name).toArrow()


def _as_contracted(select: str, columns: tuple[Column, ...]) -> str:
    """The SELECT's columns by their order, each with the contract's name and type."""
    names = ", ".join(f"`{column.name}`" for column in columns)
    typed = ", ".join(f"CAST(`{one.name}` AS {SPARK_TYPES[one.type]}) AS `{one.name}`" for one in columns)
    return f"SELECT {typed} FROM ({select}) AS made ({names})"
