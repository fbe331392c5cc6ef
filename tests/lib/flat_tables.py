"""A tiny builder of flat tables: rows of the few columns a test is about, into empty contract tables in DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import count

import duckdb

from data_contracts.code_systems import code_system
from data_contracts.tables.flat import FLAT_TABLES

KEY_ID = "test-key"
BY_NAME = {table.name: table for table in FLAT_TABLES}
DATED = {
    "observation": "effective",
    "diagnostic_report": "effective",
    "procedure": "performed",
    "immunization": "occurrence",
    "medication_request": "authored",
    "condition": "onset",
    "encounter": "start",
    "allergy": "recorded",
    "flag": "start",
    "service_request": "authored",
}
HAPPENED = {
    "observation": {"status": "final"},
    "diagnostic_report": {"status": "final"},
    "procedure": {"status": "completed"},
    "immunization": {"status": "completed"},
    "medication_request": {"status": "active", "intent": "order"},
    "condition": {"clinical_status": "active", "verification_status": "confirmed"},
    "encounter": {"status": "finished", "class_code": "AMB"},
    "allergy": {"clinical_status": "active", "verification_status": "confirmed"},
    "flag": {"status": "active"},
    "service_request": {"status": "completed", "intent": "order"},
}
CODE_ELEMENT = {"immunization": "vaccine", "medication_request": "medication", "encounter": "type"}


class FlatTables:
    """Empty contract tables and the acts that fill them; a date is a day or ISO text, a code is 'system|code'."""

    def __init__(self, *, pseudonyms: bool = False) -> None:
        """`pseudonyms`: resources that a test does not name get keys of that form, as contracts want them."""
        self._pseudonyms = pseudonyms
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        for table in FLAT_TABLES:
            self._connection.execute(table.duckdb_ddl())
        self._numbers = count(1)
        self._touched: set[str] = set()
        self._pending: dict[tuple[str, tuple[str, ...]], list[list[object]]] = {}

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, once every row that was added is in it."""
        for (table, names), rows in self._pending.items():
            columns = ", ".join(f'"{name}"' for name in names)
            place = f"({', '.join('?' for _ in names)})"
            values = [value for row in rows for value in row]
            self._connection.execute(
                f"INSERT INTO {table} ({columns}) VALUES {', '.join([place] * len(rows))}", values
            )
        self._pending.clear()
        return self._connection

    def empty(self) -> FlatTables:
        """Empties the tables that were filled, so that one connection serves many tests."""
        self._pending.clear()
        for table in self._touched:
            self._connection.execute(f"DELETE FROM {table}")
        self._touched.clear()
        return self

    def insert(self, table: str, **columns: object) -> None:
        """One row; columns that are not named are null."""
        unknown = set(columns) - set(BY_NAME[table].column_names)
        if unknown:
            raise ValueError(f"{table} has no column {', '.join(sorted(unknown))}")
        self._touched.add(table)
        self._pending.setdefault((table, tuple(columns)), []).append(list(columns.values()))

    def patient(
        self, patient: str = "ana", *, born: str | tuple[str, str] | None = "1970-05-04", **columns: object
    ) -> str:
        """A patient, female unless said otherwise; `born` may be a pair of bounds or null."""
        low, high = (born, born) if isinstance(born, str) or born is None else born
        row = {
            "sex": "female",
            "birth_low": low,
            "birth_high": high,
            "birth_precision": low and "day",
        } | columns
        self.insert("patient", key_id=KEY_ID, patient_key=patient, **row)
        return patient

    def fact(
        self,
        table: str,
        code: str,
        on: str | date | None,
        *,
        patient: str = "ana",
        result: str | None = None,
        key: str | None = None,
        **columns: object,
    ) -> str:
        """A resource that happened, with one coding; `result` is a coded value or interpretation."""
        number = next(self._numbers)
        key = key or (f"{number:032x}" if self._pseudonyms else f"{table}-{number}")
        day = {f"{DATED[table]}_low": on, f"{DATED[table]}_high": on}
        row = day | HAPPENED[table] | columns
        self.insert(table, key_id=KEY_ID, patient_key=patient, resource_key=key, **row)
        self.coding(table, key, CODE_ELEMENT.get(table, "code"), code, patient)
        if result:
            element = "conclusion" if table == "diagnostic_report" else "value"
            self.coding(table, key, element, result, patient)
        return key

    def coding(self, table: str, key: str, element: str, code: str, patient: str = "ana") -> None:
        """One more coding of a resource."""
        system, _, plain = code.partition("|")
        self.insert(
            f"{table}_coding",
            key_id=KEY_ID,
            patient_key=patient,
            resource_key=key,
            element=element,
            system=code_system(system).uri,
            code=plain,
        )

    def number(
        self,
        code: str,
        on: str | date,
        value: str,
        unit: str | None,
        normal: float | None = None,
        **columns: object,
    ) -> str:
        """A numeric result as written, normalised only where the test says so."""
        normalised: Mapping[str, object] = {
            "normalised_reason": "no_unit" if unit is None else "unknown_unit"
        }
        if normal is not None:
            normalised = {"normalised_value": normal, "normalised_unit": "%" if unit == "mmol/mol" else unit}
        row = {"value_number": float(value), "value_text": value, "value_unit": unit} | normalised | columns
        return self.fact("observation", code, on, **row)

    def blood_pressure(
        self,
        on: str | date,
        systolic: int | None,
        diastolic: int | None,
        *,
        unit: str | None = "mm[Hg]",
        **columns,
    ) -> str:
        """A blood pressure panel with one or both components."""
        key = self.fact("observation", "loinc|85354-9", on, **columns)
        for index, (code, value) in enumerate((("8480-6", systolic), ("8462-4", diastolic))):
            if value is None:
                continue
            self.insert(
                "observation_component",
                key_id=KEY_ID,
                patient_key=columns.get("patient", "ana"),
                resource_key=key,
                component_index=index,
                code_system="http://loinc.org",
                code=code,
                value_number=value,
                value_text=str(value),
                value_unit=unit,
                normalised_value=value if unit else None,
                normalised_unit=unit,
                normalised_reason=None if unit else "no_unit",
            )
        return key

    def one(self, table: str, **where: object) -> dict:
        """The single row of a result table that matches; fails when there is none or more than one."""
        found = self.rows(table, **where)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} rows in {table} for {where}: {found}")
        return found[0]

    def rows(self, table: str, **where: object) -> list[dict]:
        """The rows of a table that match, as dictionaries."""
        test = " AND ".join(f"{name} = ?" for name in where) or "TRUE"
        cursor = self.connection.execute(f"SELECT * FROM {table} WHERE {test}", list(where.values()))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
