"""Gaps of official proportion measures: what a result means on a worklist, beside what our own guidelines ask for.

A measure that asks for the same care as a guideline of ours raises no second gap: while ours is open it alone is
shown. A closed or excluded gap of such a measure is not shown either; the guideline's own says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import pyarrow as pa

from data_contracts.api.official_measures import OfficialMeasure
from data_contracts.guidelines.sql import dated
from data_contracts.tables.official import OFFICIAL_GAPS
from data_contracts.workbench import Workbench, workbench
from pipelines.gaps.statements import LEFT_THE_PANEL_SELECT, ON_THE_PANEL

PRIORITY = 4
"""After what a guideline ranks first to third: a measure's gap is care that the year still misses."""
ASKED = pa.schema(
    [
        pa.field("measure_id", pa.string()),
        pa.field("inverse", pa.bool_()),
        pa.field("asks_like", pa.string()),
    ]
)

OFFICIAL_GAPS_SELECT = f"""
WITH left_the_panel AS ({LEFT_THE_PANEL_SELECT}),
judged AS (
  SELECT r.*, m.asks_like, CASE
      WHEN NOT r.evaluable THEN 'not_evaluable'
      WHEN r.denominator_exclusion OR r.denominator_exception THEN 'excluded'
      WHEN r.numerator <> m.inverse THEN 'closed'
      ELSE 'open' END AS computed_status
  FROM official_results r JOIN official_asked m ON m.measure_id = r.measure_id
  WHERE r.denominator OR NOT r.evaluable
)
SELECT r.key_id, r.patient_key, 'measure', r.measure_id, r.measure_version, r.computed_status,
  CASE r.computed_status WHEN 'open' THEN 'due' ELSE 'none' END,
  CASE r.computed_status WHEN 'open' THEN coalesce(r.unmet_condition, 'not_met')
    WHEN 'excluded' THEN coalesce(r.exclusion_reason, 'excluded')
    WHEN 'not_evaluable' THEN r.not_evaluable_reason ELSE 'met' END,
  CASE r.computed_status WHEN 'open' THEN r.period_end END,
  CASE r.computed_status WHEN 'open' THEN {PRIORITY} END,
  r.evidence_type, r.evidence_key, r.evidence_on, r.evidence_code_system, r.evidence_code, r.evidence_value,
  r.evidence_sensitivity, r.rests_also_on, r.as_of, least(r.next_change_on, l.leaves_on)
FROM judged r
JOIN patient n ON n.patient_key = r.patient_key
LEFT JOIN left_the_panel l ON l.patient_key = r.patient_key
LEFT JOIN care_gaps own ON own.patient_key = r.patient_key AND own.source_id = r.asks_like
WHERE {ON_THE_PANEL}
  AND (own.source_id IS NULL OR (r.computed_status = 'open' AND own.computed_status <> 'open'))
"""


def asked_of(measures: Sequence[OfficialMeasure]) -> pa.Table:
    """The measures that raise gaps: proportions, and which of them count failures in the numerator."""
    rows = [
        {
            "measure_id": one.measure_id,
            "inverse": one.improvement == "decrease",
            "asks_like": one.asks_like,
        }
        for one in measures
        if one.scoring == "proportion"
    ]
    return pa.Table.from_pylist(rows, schema=ASKED)


def derive_official(
    place: duckdb.DuckDBPyConnection | Workbench, measures: Sequence[OfficialMeasure], *, as_of: date
) -> None:
    """Makes official_gaps of official_results, care_gaps, patient, flag and flag_coding."""
    tables = workbench(place)
    tables.lay("official_asked", asked_of(measures))
    tables.make(OFFICIAL_GAPS.name, dated(OFFICIAL_GAPS_SELECT, as_of), OFFICIAL_GAPS)
