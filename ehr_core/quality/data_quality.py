"""Data quality as the nights found it: keeps what a run says, and reads it with small counts hidden by role."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from data_contracts.api.data_quality import DataFinding, DataPoint, DataQuality, TouchedMeasure
from data_contracts.data_quality import DataCheck, described_check
from data_contracts.guidelines import definitions
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.quality.described import Described, described
from ehr_core.quality.official import active_official
from ehr_core.quality.reading import plain_cell, sees_single_patients
from ehr_core.quality.runs import stale_sentence

TREND_DAYS = 90
CSV_COLUMNS = (
    *(
        "as_of",
        "check_id",
        "kind",
        "title",
        "resource_type",
        "counts",
        "outcome",
        "failing",
        "checked",
        "share",
    ),
    *("suppressed", "newest_on", "earlier_on", "earlier_failing", "earlier_checked", "measures_touched"),
)
FINDING = ("kind", "resource_type", "element", "outcome", "failing", "checked", "newest_on")


def keep_findings(connection: Connection, staged: str, on_day: date, run_id: str, now: datetime) -> int:
    """The findings of a day in place of those of an earlier run on that day; returns how many were taken back."""
    gone = connection.execute(text("DELETE FROM quality.data_finding WHERE on_day = :day"), {"day": on_day})
    connection.execute(
        text(
            f"INSERT INTO quality.data_finding (on_day, check_id, {', '.join(FINDING)}, run_id, computed_at) "
            f"SELECT as_of, check_id, {', '.join(FINDING)}, :run_id, :now FROM {staged}"
        ),
        {"run_id": run_id, "now": now},
    )
    return gone.rowcount


def keep_touches(connection: Connection, staged: str) -> int:
    """What the newest night says of the measures, in place of what was said before."""
    gone = connection.execute(text("DELETE FROM quality.data_touch"))
    connection.execute(
        text(
            "INSERT INTO quality.data_touch (check_id, measure_id, official, records, reads) "
            f"SELECT check_id, measure_id, official, records, reads FROM {staged}"
        )
    )
    return gone.rowcount


def data_quality(work: UnitOfWork, small_cell: int) -> DataQuality:
    """The newest night's findings, the worst share first, with their trend and the measures that they touch."""
    work.actor.require("data_quality.read")
    rows = _rows(work)
    newest = max((row.on_day for row in rows), default=None)
    touched = _touched(work)
    names = described(work, {row.measure_id for each in touched.values() for row in each})
    made = [
        _finding(work, row, [one for one in rows if one.check_id == row.check_id], touched, names, small_cell)
        for row in rows
        if row.on_day == newest
    ]
    return DataQuality(
        on=newest,
        computed_at=max((row.computed_at for row in rows if row.on_day == newest), default=None),
        stale=stale_sentence(work),
        findings=sorted(made, key=lambda one: (-(one.share or 0), one.title)),
        not_loaded=_not_loaded(work),
    )


def data_quality_csv(work: UnitOfWork, small_cell: int) -> bytes:
    """The page's findings as CSV, with what the reader may see and nothing more."""
    page = data_quality(work, small_cell)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    for one in page.findings:
        earlier = one.trend[-2] if len(one.trend) > 1 else None
        writer.writerow(
            [
                *(page.on, one.check_id, one.kind, plain_cell(one.title), one.resource_type, one.counts),
                *(one.outcome, one.failing, one.checked, one.share, one.suppressed, one.newest_on),
                *((earlier.on, earlier.failing, earlier.checked) if earlier else (None, None, None)),
                " ".join(touch.measure_id for touch in one.touches),
            ]
        )
    return file.getvalue().encode()


def _rows(work: UnitOfWork) -> Sequence[Row]:
    """The findings of the last ninety days up to the newest."""
    return work.connection.execute(
        text(
            "SELECT * FROM quality.data_finding WHERE on_day > (SELECT max(on_day) FROM quality.data_finding) "
            "- CAST(:days AS integer) ORDER BY check_id, on_day"
        ),
        {"days": timedelta(days=TREND_DAYS).days},
    ).all()


def _touched(work: UnitOfWork) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in work.connection.execute(
        text("SELECT * FROM quality.data_touch ORDER BY check_id, measure_id")
    ):
        found.setdefault(row.check_id, []).append(row)
    return found


def _finding(
    work: UnitOfWork,
    row: Row,
    earlier: Sequence[Row],
    touched: Mapping[str, list[Row]],
    names: Mapping[str, Described],
    small_cell: int,
) -> DataFinding:
    check = described_check(row.check_id)
    seen = _Seen(work, check, small_cell)
    failing, checked = seen.counts(row)
    return DataFinding(
        check_id=row.check_id,
        kind=row.kind,
        resource_type=row.resource_type,
        title=check.title if check else row.check_id.replace("_", " ").capitalize(),
        why=check.why if check else "",
        repair=check.repair if check else "",
        counts=check.counts if check else "records",
        quiet=check.quiet if check else 0,
        has_records=bool(check and check.failing),
        outcome=row.outcome,
        failing=failing,
        checked=checked,
        share=failing / checked if failing is not None and checked else None,
        suppressed=row.outcome == "ran" and (failing is None or checked is None),
        newest_on=row.newest_on,
        touches=[seen.touch(row, one, names) for one in touched.get(row.check_id, ())],
        trend=[
            DataPoint(on=one.on_day, outcome=one.outcome, failing=counts[0], checked=counts[1])
            for one, counts in zip(earlier, map(seen.counts, earlier), strict=True)
        ],
    )


class _Seen:
    """What this reader may see of a check's counts. Days speak of nobody; who may drill sees every number."""

    def __init__(self, work: UnitOfWork, check: DataCheck | None, small_cell: int):
        of_days = check is not None and check.counts == "days"
        self._limit = 0 if of_days or sees_single_patients(work) else small_cell

    def counts(self, row: Row) -> tuple[int | None, int | None]:
        """How many have the defect, of how many. Null where small, or where the rest is: that tells as much.

        Nobody with the defect is said of any number: zero speaks of nobody.
        """
        if row.failing is None:
            return None, None
        checked = None if self._small(row.checked) else row.checked
        hidden = self._small(row.failing) or (row.failing and self._small(row.checked - row.failing))
        return None if hidden or (row.failing and checked is None) else row.failing, checked

    def touch(self, row: Row, one: Row, names: Mapping[str, Described]) -> TouchedMeasure:
        known = names.get(one.measure_id)
        failing, _ = self.counts(row)
        records: Any = one.records
        if records is not None and (
            failing is None or self._small(records) or self._small(failing - records)
        ):
            records = None
        return TouchedMeasure(
            measure_id=one.measure_id,
            title=known.title if known else one.measure_id,
            official=one.official,
            records=records,
            suppressed=one.records is not None and records is None,
            reads=one.reads or "",
        )

    def _small(self, count: int) -> bool:
        return 0 < count < self._limit


def _not_loaded(work: UnitOfWork) -> dict[str, list[str]]:
    """Code systems of which this site keeps no codes, and the measures that name them."""
    ids = [*definitions(), *(one.measure_id for one in active_official(work))]
    found: dict[str, list[str]] = {}
    for one in described(work, ids).values():
        for system in one.definition.code_systems_not_loaded:
            found.setdefault(system, []).append(one.title)
    return {system: sorted(titles) for system, titles in sorted(found.items())}
