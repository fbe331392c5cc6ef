"""The analytes and their unit conversions as two small tables, one row a LOINC code (and written unit)."""

from __future__ import annotations

from functools import cache

import duckdb
import pyarrow as pa

from data_contracts.units import load_analytes


def load_conversions(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables in the connection, unless they are there."""
    for name, table in conversion_tables().items():
        connection.register(f"{name}_arrow", table)
        connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS SELECT * FROM {name}_arrow").fetchall()
        connection.unregister(f"{name}_arrow")


@cache
def listed_analyte_codes() -> str:
    """The LOINC codes that have conversions, as a DuckDB list."""
    codes = sorted(code for analyte in load_analytes() for code in analyte.loinc)
    return "[" + ", ".join(f"'{code}'" for code in codes) + "]"


@cache
def conversion_tables() -> dict[str, pa.Table]:
    """The tables by the names under which the views join them."""
    analytes, conversions = [], []
    for analyte in load_analytes():
        for loinc in analyte.loinc:
            bounds = {"low": float(analyte.low), "high": float(analyte.high)}
            analytes.append({"loinc": loinc, "unit": analyte.unit, "no_unit": analyte.no_unit, **bounds})
            for conversion in analyte.conversions:
                factors = {
                    "factor": float(conversion.factor),
                    "offset": float(conversion.offset),
                    "decimals": analyte.decimals,
                    "is_identity": conversion.is_identity,
                }
                conversions += [
                    {"loinc": loinc, "written_unit": unit, **factors} for unit in conversion.units
                ]
    return {
        "flatten_analyte": pa.Table.from_pylist(analytes),
        "flatten_conversion": pa.Table.from_pylist(conversions),
    }
