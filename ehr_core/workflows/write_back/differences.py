"""Finds what a write-back changes: rows that are new or say something else, and rows that are no longer said."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from data_contracts.contract import Table
from ehr_core.kernel.errors import BadRequest
from ehr_core.workflows.write_back.scope import WriteBackScope
from ehr_core.workflows.write_back.staging import POSTGRES_TYPES

NEVER_COMPARED = frozenset({"key_id", "patient_key", "as_of"})
"""A new as-of day or key alone is not news: an unchanged answer must not touch its row."""


@dataclass(frozen=True)
class Target:
    """Where a contract's rows go. `said`: a stored row (`held`) counts as said; `in_scope`: a run speaks of it.

    `kept_facts` says which facts of quality.official_label (`found`) are behind a row of the `delta`.
    `may_be_silent`: a whole run without a single row is possible, not a broken one.
    """

    contract: Table
    table: str
    key: tuple[str, ...]
    source_column: str
    said: str
    in_scope: str = "true"
    may_be_silent: bool = False
    kept_facts: str | None = None

    @property
    def has_evidence(self) -> bool:
        return "evidence_key" in self.contract.by_name

    @property
    def names_others(self) -> bool:
        """Whether its rows may name several facts."""
        return "rests_also_on" in self.contract.by_name

    @property
    def delta(self) -> str:
        return f"delta_{self.contract.name}"

    @property
    def gone(self) -> str:
        return f"gone_{self.contract.name}"

    @property
    def compared(self) -> list[str]:
        return [name for name in self.contract.column_names if name not in NEVER_COMPARED.union(self.key)]


def find_differences(connection: Connection, target: Target, staged: str, scope: WriteBackScope) -> None:
    """Fills `target.delta` with staged rows that are new or say something else, each with its patient, and
    `target.gone` with stored rows in scope that nothing staged says any more. One pass over both sides.
    """
    columns = target.contract.columns
    declared = ", ".join(f"{column.name} {POSTGRES_TYPES[column.type]}" for column in columns)
    keys = "".join(f", {name} {POSTGRES_TYPES[target.contract.by_name[name].type]}" for name in target.key)
    head = (
        "patient_id text, is_new boolean, is_gone boolean, known_evidence_id text, rests_also_on_ids text[]"
    )
    head += "" if target.names_others else ", rests_also_on text"
    fresh_table(connection, target.delta, f"{head}, {declared}")
    fresh_table(connection, target.gone, f"patient_id text{keys}")
    condition, values = _scope_condition(scope, target)
    known = (
        "CASE WHEN held.evidence_key = said.evidence_key AND held.key_id = said.key_id THEN held.evidence_id END"
        if target.has_evidence
        else "NULL"
    )
    known_others = (
        "CASE WHEN held.rests_also_on = said.rests_also_on AND held.key_id = said.key_id "
        "THEN held.rests_also_on_ids END"
        if target.names_others
        else "NULL"
    )
    names = ", ".join(column.name for column in columns)
    connection.execute(
        text(f"""
        INSERT INTO {target.delta} (patient_id, is_new, is_gone, known_evidence_id, rests_also_on_ids, {names})
        SELECT coalesce(said.patient_id, held.patient_id), held.patient_id IS NULL, said.patient_id IS NULL,
               {known}, {known_others},
               {", ".join(_said_or_held(target, column.name) for column in columns)}
        FROM (SELECT crosswalk.patient_id, staged.* FROM {staged} AS staged JOIN core.crosswalk
                ON crosswalk.key_id = staged.key_id AND crosswalk.pseudonym = staged.patient_key) AS said
        FULL JOIN (SELECT held.* FROM {target.table} AS held WHERE {condition}) AS held
          ON held.patient_id = said.patient_id{_same_key(target, "said")}
        WHERE held.patient_id IS NULL OR {_changed(target)} OR {_gone(target, scope)}"""),
        {**values, "as_of": scope.as_of},
    )
    chosen = ", ".join(("patient_id", *target.key))
    connection.execute(
        text(f"INSERT INTO {target.gone} ({chosen}) SELECT {chosen} FROM {target.delta} WHERE is_gone")
    )
    connection.execute(text(f"DELETE FROM {target.delta} WHERE is_gone"))


def forget_the_same(connection: Connection, target: Target) -> None:
    """Takes rows out of the delta that, with what was learnt of them since, say what is stored already."""
    connection.execute(
        text(
            f"DELETE FROM {target.delta} AS said USING {target.table} AS held "
            f"WHERE held.patient_id = said.patient_id{_same_key(target, 'said')} AND NOT {_changed(target)}"
        )
    )


def _said_or_held(target: Target, name: str) -> str:
    """A key column also stands in a row that only the stored side has."""
    return f"coalesce(said.{name}, held.{name})" if name in target.key else f"said.{name}"


def _changed(target: Target) -> str:
    old = ", ".join(f"held.{name}" for name in target.compared)
    new = ", ".join(f"said.{name}" for name in target.compared)
    return f"(said.patient_id IS NOT NULL AND (NOT ({target.said}) OR ({old}) IS DISTINCT FROM ({new})))"


def _gone(target: Target, scope: WriteBackScope) -> str:
    if not scope.complete:
        return "false"
    return f"(said.patient_id IS NULL AND {target.said} AND {target.in_scope})"


def refuse_outside(rows: pa.Table, scope: WriteBackScope, target: Target) -> None:
    """Raises BadRequest when a row is of a patient or definition that the write-back does not speak for."""
    if not rows.num_rows:
        return
    keys = rows["patient_key"]
    inside = True
    if scope.patient_keys is not None:
        inside = pc.all(pc.is_in(keys, pa.array(scope.patient_keys, pa.string()))).as_py()
    lowest, highest = pc.min(keys).as_py(), pc.max(keys).as_py()
    if scope.patient_from is not None and lowest < scope.patient_from:
        inside = False
    if scope.patient_to is not None and highest >= scope.patient_to:
        inside = False
    if scope.source_ids is not None:
        named = rows[target.source_column]
        inside &= pc.all(pc.is_in(named, pa.array(scope.source_ids, pa.string()))).as_py()
    if not inside:
        raise BadRequest(
            f"Some rows of '{target.contract.name}' lie outside what the write-back says that it speaks for."
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
    return "".join(f" AND held.{name} = {alias}.{name}" for name in target.key)


def fresh_table(connection: Connection, name: str, columns: str) -> None:
    """An empty temporary table of this transaction; kept by the connection, so that the catalog does not grow."""
    connection.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS"))
    connection.execute(text(f"DELETE FROM {name}"))
