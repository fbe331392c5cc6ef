"""What a contract is: a table that crosses a door, its columns with types, units, constraints and meaning.

Everything else is derived from these: DuckDB DDL, Arrow schemas, Great Expectations suites, the reference docs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal["text", "integer", "number", "boolean", "date", "instant", "text_list"]

DUCKDB_TYPES: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "instant": "TIMESTAMPTZ",
    "text_list": "VARCHAR[]",
}


@dataclass(frozen=True)
class Column:
    """One column: `required` means never null; `values` closes the list; `low`/`high` are inclusive bounds."""

    name: str
    type: ColumnType
    description: str
    required: bool = False
    values: tuple[str, ...] = ()
    unit: str | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """One table. `key` columns together are unique. `parent` names (table, shared columns) that must exist."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    parent: tuple[str, tuple[str, ...]] | None = None
    zone: Literal["limited", "safe_harbor", "results"] = "limited"
    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    def duckdb_ddl(self, name: str | None = None) -> str:
        """`CREATE TABLE` for DuckDB, with NOT NULL where a column is required."""
        lines = [
            f'  "{column.name}" {DUCKDB_TYPES[column.type]}{" NOT NULL" if column.required else ""}'
            for column in self.columns
        ]
        return f'CREATE TABLE "{name or self.name}" (\n' + ",\n".join(lines) + "\n)"


def date_columns(stem: str, meaning: str) -> tuple[Column, ...]:
    """A FHIR date as the lake keeps it: bounds in the site's time zone, precision and the offset as written."""
    return (
        Column(f"{stem}_low", "date", f"First day (site time zone) that {meaning} may have been."),
        Column(f"{stem}_high", "date", f"Last day (site time zone) that {meaning} may have been."),
        Column(
            f"{stem}_precision",
            "text",
            f"How exactly {meaning} was written.",
            values=("year", "month", "day", "instant"),
        ),
        Column(
            f"{stem}_offset_minutes", "integer", "Offset from UTC as written; null when none.", unit="min"
        ),
    )


KEY_COLUMNS = (
    Column("key_id", "text", "Which pseudonym key made the keys of this row.", required=True),
    Column("patient_key", "text", "The patient's pseudonym.", required=True),
)

RESOURCE_COLUMNS = (
    *KEY_COLUMNS,
    Column("resource_key", "text", "The resource's pseudonym; unique within its type.", required=True),
    Column(
        "sensitivity", "text", "Strictest sensitivity label of the resource (meta.security); null when none."
    ),
)
