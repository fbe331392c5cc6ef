"""Finds what a write-back changes: rows that are new or say something else, and rows that are no longer said."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from data_contracts.contract import Table
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.staging import POSTGRES_TYPES

NEVER_COMPARED = frozenset({"key_id", "patient_key", "as_of"})
"""A new as-of day or key alone is not news: an unchanged answer must not touch its row."""


@dataclass(frozen=True)
class Target:
    """Where a contract's rows go. `said` is a condition on rows `held` that still count as said."""

    contract: Table
    table: str
    key: tuple[str, ...]
    source_column: str
    said: str
    in_scope: str = "true"

    @property
    def delta(self) -> str:
        return f"delta_{self.contract.name}"

    @property
    def gone(self) -> str:
        return f"gone_{self.contract.name}"

    @property
    def compared(self) -> list[str]:
        return [name for name in self.contract.column_names if name not in NEVER_COMPARED.union(self.key)]


def find_delta(connection: Connection, target: Target, staged: str) -> None:
    """Fills `target.delta` with the staged rows that differ from what is stored, each with its patient."""
    declared = ", ".join(f"{c.name} {POSTGRES_TYPES[c.type]}" for c in target.contract.columns)
    _fresh(connection, target.delta, f"patient_id text, is_new boolean, known_evidence_id text, {declared}")
    names = ", ".join(target.contract.column_names)
    said = ", ".join(f"staged.{name}" for name in target.contract.column_names)
    old = ", ".join(f"held.{name}" for name in target.compared)
    new = ", ".join(f"staged.{name}" for name in target.compared)
    connection.execute(
        text(f"""
        INSERT INTO {target.delta} (patient_id, is_new, known_evidence_id, {names})
        SELECT crosswalk.patient_id, held.patient_id IS NULL,
               CASE WHEN held.evidence_key = staged.evidence_key AND held.key_id = staged.key_id
                    THEN held.evidence_id END,
               {said}
        FROM {staged} AS staged
        JOIN core.crosswalk ON crosswalk.key_id = staged.key_id AND crosswalk.pseudonym = staged.patient_key
        LEFT JOIN {target.table} AS held
          ON held.patient_id = crosswalk.patient_id AND {_same_key(target, "staged")}
        WHERE held.patient_id IS NULL OR NOT ({target.said}) OR ({old}) IS DISTINCT FROM ({new})""")
    )


def find_gone(connection: Connection, target: Target, staged: str, scope: WriteBackScope) -> None:
    """Fills `target.gone` with stored rows in scope that the staged ones no longer say."""
    keys = ", ".join(f"{name} {POSTGRES_TYPES[target.contract.by_name[name].type]}" for name in target.key)
    _fresh(connection, target.gone, f"patient_id text, {keys}")
    if not scope.complete:
        return
    condition, values = _scope_condition(scope, target)
    held_keys = ", ".join(f"held.{name}" for name in target.key)
    connection.execute(
        text(f"""
        INSERT INTO {target.gone} (patient_id, {", ".join(target.key)})
        SELECT held.patient_id, {held_keys}
        FROM {target.table} AS held
        WHERE {target.said} AND {target.in_scope} AND {condition} AND NOT EXISTS (
          SELECT 1 FROM {staged} AS staged
          JOIN core.crosswalk ON crosswalk.key_id = staged.key_id AND crosswalk.pseudonym = staged.patient_key
          WHERE crosswalk.patient_id = held.patient_id AND {_same_key(target, "staged")})"""),
        {**values, "as_of": scope.as_of},
    )


def count_unknown(connection: Connection, staged: str) -> int:
    """Staged rows of a patient that the crosswalk does not know under their key."""
    return connection.execute(
        text(
            f"SELECT count(*) FROM {staged} AS staged WHERE NOT EXISTS (SELECT 1 FROM core.crosswalk "
            "WHERE crosswalk.key_id = staged.key_id AND crosswalk.pseudonym = staged.patient_key)"
        )
    ).scalar_one()


def patients_in_scope(scope: WriteBackScope, column: str) -> tuple[str, dict[str, object]]:
    """An SQL condition on a patient id, and its values: whom this write-back speaks for."""
    if scope.patient_keys is not None:
        inner = "crosswalk.pseudonym = ANY(:patient_keys)"
        values: dict[str, object] = {"patient_keys": list(scope.patient_keys)}
    elif scope.patient_from is not None or scope.patient_to is not None:
        inner = (
            "crosswalk.pseudonym >= :patient_from AND (:patient_to = '' OR crosswalk.pseudonym < :patient_to)"
        )
        values = {"patient_from": scope.patient_from or "", "patient_to": scope.patient_to or ""}
    else:
        return "true", {}
    values["scope_key"] = scope.key_id
    chosen = f"SELECT patient_id FROM core.crosswalk WHERE crosswalk.key_id = :scope_key AND {inner}"
    return f"{column} IN ({chosen})", values


def _scope_condition(scope: WriteBackScope, target: Target) -> tuple[str, dict[str, object]]:
    condition, values = patients_in_scope(scope, "held.patient_id")
    if scope.source_ids is not None:
        condition += f" AND held.{target.source_column} = ANY(:source_ids)"
        values["source_ids"] = list(scope.source_ids)
    return condition, values


def _same_key(target: Target, alias: str) -> str:
    return " AND ".join(f"held.{name} = {alias}.{name}" for name in target.key)


def _fresh(connection: Connection, name: str, columns: str) -> None:
    connection.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS"))
    connection.execute(text(f"DELETE FROM {name}"))
