"""Care gaps: what a recommendation's answer means on a worklist. Results in, care_gaps out."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import duckdb
import pyarrow as pa

from data_contracts.guidelines import open_gap_definitions
from data_contracts.guidelines.sql import dated
from data_contracts.tables.results import CARE_GAPS as CONTRACT
from data_contracts.workbench import Workbench, workbench
from pipelines.gaps.official import OFFICIAL_GAPS_SELECT, derive_official
from pipelines.gaps.statements import CARE_GAPS as CARE_GAPS_SELECT

__all__ = ["CARE_GAPS_SELECT", "OFFICIAL_GAPS_SELECT", "derive", "derive_official"]


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


def derive(place: duckdb.DuckDBPyConnection | Workbench, *, as_of: date) -> None:
    """Makes care_gaps of recommendation_results, patient, flag and flag_coding.

    The deceased, merged-away, inactive, opted out and transferred out have no row, nor have people outside a
    recommendation's population. A patient's missing rows mean that stored gaps of theirs are to be withdrawn.
    Somebody whose opt-out ends on a day to come has no row that could name that day: patient_strata names it.
    """
    tables = workbench(place)
    tables.lay("gap_priority", _priorities())
    tables.make(CONTRACT.name, dated(CARE_GAPS_SELECT, as_of), CONTRACT)
