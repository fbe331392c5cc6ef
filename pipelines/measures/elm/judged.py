"""One batch of people judged by measures: rows of the results, counts, and reports, ready to be sent elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pyarrow as pa

from pipelines.measures.elm.counted import Counted, counted
from pipelines.measures.elm.engine import Compiled, Engine
from pipelines.measures.elm.population import Batch
from pipelines.measures.elm.reports import individual_reports
from pipelines.measures.elm.results import SCHEMA, Period, measure_table


@dataclass
class Judged:
    """What measures say of a batch: rows, per measure what is counted by group, and FHIR reports."""

    people: int
    rows: pa.Table
    counts: list[dict[str, Counted]]
    reports: list[bytes] = field(default_factory=list)


def judge(
    engine: Engine,
    measures: Sequence[Compiled],
    batch: Batch,
    period: Period,
    *,
    key_id: str,
    individual: bool = False,
) -> Judged:
    """All measures over one batch, in one run, so that what they share is computed once."""
    run = engine.run(batch.records, (period.begin.isoformat(), period.end.isoformat()))
    found = Judged(len(batch.keys), SCHEMA.empty_table(), [])
    tables = []
    for one in measures:
        result = engine.evaluate(one, run)
        tables.append(measure_table(result, batch.keys, key_id, period, period.end))
        failed = result.failed()
        found.counts.append({group.group.id: counted(group, failed) for group in result.groups})
        if individual:
            found.reports += map(orjson.dumps, individual_reports(result, batch.keys, period))
    found.rows = pa.concat_tables(tables) if tables else found.rows
    return found
