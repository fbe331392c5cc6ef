"""Care gaps: what a recommendation's answer means on a worklist. Results in, care_gaps out."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import duckdb
import pyarrow as pa

from data_contracts.guidelines import open_gap_definitions
from data_contracts.guidelines.sql import empty_table, parsed
from data_contracts.tables.results import CARE_GAPS as CONTRACT
from pipelines.gaps.statements import CARE_GAPS

_INSERT = parsed(f"INSERT INTO {CONTRACT.name} {CARE_GAPS}")


@lru_cache(maxsize=1)
def _priorities() -> pa.Table:
    gaps = open_gap_definitions()
    return pa.table(
        {
            "topic": [gap.topic for gap in gaps],
            "gap_kind": [gap.gap_kind for gap in gaps],
            "priority": pa.array([gap.next_step.priority for gap in gaps], type=pa.int64()),
        }
    )


def derive(connection: duckdb.DuckDBPyConnection, *, as_of: date) -> None:
    """Creates care_gaps from recommendation_results, patient, flag and flag_coding.

    The deceased, merged-away, inactive, opted out and transferred out have no row, nor have people outside a
    recommendation's population. A patient's missing rows mean that stored gaps of theirs are to be withdrawn.
    Somebody whose opt-out ends on a day to come has no row that could name that day: patient_strata names it.
    """
    connection.register("gap_priority", _priorities())
    empty_table(connection, CONTRACT)
    connection.execute(_INSERT, {"as_of": as_of})
