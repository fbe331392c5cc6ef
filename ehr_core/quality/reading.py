"""Reads measures: the list, one measure's page with strata and trend, and its CSV; small cells hidden by role."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import Row, text

from data_contracts.api.quality import (
    FUNNEL_KINDS,
    Counts,
    MeasureLine,
    MeasureList,
    MeasurePage,
    PublishedStratum,
    Stratum,
)
from data_contracts.rate_statistics import Z_998, funnel_limits, funnel_place, wilson_rate
from data_contracts.suppression import Cell, suppress_cell, suppress_strata
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.errors import NotFound
from ehr_core.quality.cells import COUNTS, STRATUM_KINDS
from ehr_core.quality.described import Described, described, described_measure
from ehr_core.quality.labels import labels
from ehr_core.quality.official import kept_measures, package_of_active
from ehr_core.quality.over_time import change_of, read_trend, shifts_of
from ehr_core.quality.published import official_score, published_strata
from ehr_core.quality.runs import freshest, last_run, official_stale_sentence, stale_sentence

SHOWN_POINTS = 400
CSV_COLUMNS = (
    *(
        "measure_id",
        "version",
        "period_begin",
        "period_end",
        "as_of",
        "stratum_kind",
        "stratum_value",
        "label",
    ),
    *COUNTS,
    *("rate", "rate_low", "rate_high", "suppressed"),
    *("funnel_low", "funnel_high", "funnel_place"),
    *("score", "unit"),
)
"""The funnel's limits are those that chance alone passes once in 500 groups; only for clinics and clinicians. The
score is the publisher's, of official measures: of everybody, and of each stratum that the publisher asks for.
"""
PUBLISHED = "published"


def measure_list(work: UnitOfWork, small_cell: int) -> MeasureList:
    """Every measure that has results. Counts below `small_cell` are hidden from who may not drill."""
    work.actor.require("measure.read")
    cells = _cells(work, measure_id=None, kind="all")
    known = described(work, {row.measure_id for row in cells})
    lines = [_line(work, known[row.measure_id], row, small_cell) for row in cells if row.measure_id in known]
    return MeasureList(
        measures=sorted(lines, key=lambda line: line.title),
        nobody=_nobody(work, known.keys()),
        as_of=freshest(work.connection),
        stale=stale_sentence(work),
    )


def _nobody(work: UnitOfWork, with_results: Collection[str]) -> list[str]:
    """Active official measures that ran and found nobody: they are told, for a silent zero looks like no measure."""
    run = last_run(work.connection, "official")
    return [
        one.measure.title
        for one in kept_measures(work).measures
        if one.active
        and one.measure.measure_id not in with_results
        and run is not None
        and one.changed_at is not None
        and one.changed_at < run["started_at"]
    ]


def measure_page(work: UnitOfWork, measure_id: str, small_cell: int) -> MeasurePage:
    """Raises NotFound for a measure that there is not, or that has no results yet."""
    work.actor.require("measure.read")
    about = described_measure(work, measure_id)
    rows = _cells(work, measure_id=measure_id, kind=None)
    everyone = next((row for row in rows if row.stratum_kind == "all"), None)
    if everyone is None:
        raise NotFound(f"The measure '{measure_id}' has no results yet. They come with the next nightly run.")
    rated = about.scoring == "proportion"
    trend = read_trend(work, measure_id, lambda cell: _seen(work, cell, small_cell)) if rated else []
    limit = 0 if sees_single_patients(work) else small_cell
    line = _line(work, about, everyone, small_cell)
    hidden = line.counts.suppressed
    return MeasurePage(
        line=line,
        definition=about.definition,
        strata=_strata(work, everyone, rows, small_cell, rated=rated),
        trend=trend[-SHOWN_POINTS:],
        shifts=shifts_of(trend),
        provenance=_provenance(work, about),
        as_of=freshest(work.connection),
        score=official_score(work, about.official, everyone.period_begin, hidden=hidden),
        published_strata=published_strata(
            work, about.official, everyone.period_begin, limit=limit, hidden=hidden
        ),
        stale=official_stale_sentence(work) if about.official else None,
    )


def measure_csv(work: UnitOfWork, measure_id: str, small_cell: int) -> bytes:
    """The page's strata as CSV, with what the reader may see and nothing more."""
    page = measure_page(work, measure_id, small_cell)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    line = page.line
    for stratum in page.strata:
        counts = stratum.counts.model_dump()
        writer.writerow(
            [
                *(line.measure_id, line.version, line.period_begin, line.period_end, page.as_of),
                *(stratum.kind, plain_cell(stratum.value), plain_cell(stratum.label)),
                *(counts[name] for name in COUNTS),
                *(counts["rate"], counts["rate_low"], counts["rate_high"], counts["suppressed"]),
                *_funnel(stratum, line.counts.rate),
                *(
                    (page.score.value, page.score.unit)
                    if page.score and stratum.kind == "all"
                    else (None, None)
                ),
            ]
        )
    unit = page.score.unit if page.score else None
    for one in page.published_strata:
        writer.writerow(
            [
                *(line.measure_id, line.version, line.period_begin, line.period_end, page.as_of),
                *(PUBLISHED, plain_cell(one.value_words), plain_cell(one.definition)),
                *_published_counts(one),
                *(None, None, None, one.counts is None),
                *(None, None, None),
                *(one.value, unit),
            ]
        )
    return file.getvalue().encode()


def _published_counts(one: PublishedStratum) -> list[int | None]:
    """In the columns of people's counts what the publisher counts: it may be visits. Who was not judged is in none."""
    counts = one.counts
    if counts is None:
        return [None] * len(COUNTS)
    excluded = counts.get("denominator-exclusion", 0) + counts.get("measure-population-exclusion", 0)
    excepted = counts.get("denominator-exception", 0)
    below = counts.get("denominator", 0) + counts.get("measure-population", 0) - excluded - excepted
    return [counts.get("initial-population"), below, excluded, excepted, counts.get("numerator"), None]


def _funnel(stratum: Stratum, expected: float | None) -> tuple[float | None, float | None, str | None]:
    """Its limits and where the group stands; nothing where a count is hidden, or the rate that is expected."""
    counts = stratum.counts
    if (
        stratum.kind not in FUNNEL_KINDS
        or expected is None
        or not counts.denominator
        or counts.numerator is None
    ):
        return None, None, None
    low, high = funnel_limits(expected, counts.denominator, Z_998)
    return low, high, funnel_place(expected, counts.numerator, counts.denominator)


def current_period(work: UnitOfWork, measure_id: str) -> date | None:
    """First day of the newest period that has begun."""
    return work.connection.execute(
        text(
            "SELECT max(period_begin) FROM quality.summary_cell WHERE measure_id = :id AND period_begin <= :today"
        ),
        {"id": measure_id, "today": work.today()},
    ).scalar_one()


def _cells(work: UnitOfWork, *, measure_id: str | None, kind: str | None) -> Sequence[Row]:
    """Cells of each measure's newest period, with that period's end and version."""
    return work.connection.execute(
        text(f"""
        SELECT cell.measure_id, cell.period_begin, cell.stratum_kind, cell.stratum_value,
               {", ".join(f"cell.{name}" for name in COUNTS)}, said.period_end, said.measure_version
        FROM quality.summary_cell AS cell
        JOIN (SELECT measure_id, max(period_begin) AS period_begin FROM quality.summary_cell
              WHERE period_begin <= :today AND (:measure_id = '' OR measure_id = :measure_id)
              GROUP BY measure_id) AS newest USING (measure_id, period_begin)
        CROSS JOIN LATERAL (SELECT period_end, measure_version FROM quality.measure_flag AS flag
                            WHERE flag.measure_id = cell.measure_id AND flag.period_begin = cell.period_begin
                              AND (flag.initial_population OR NOT flag.evaluable) LIMIT 1) AS said
        WHERE :kind = '' OR cell.stratum_kind = :kind"""),
        {"today": work.today(), "measure_id": measure_id or "", "kind": kind or ""},
    ).all()


def _line(work: UnitOfWork, about: Described, row: Row, small_cell: int) -> MeasureLine:
    rated = about.scoring == "proportion"
    counts = _seen(work, _cell(row), small_cell, rated=rated)

    def show(cell: Cell) -> Counts:
        return _seen(work, cell, small_cell)

    change = change_of(work, row.measure_id, row.period_begin, counts, show) if rated else None
    scored = None
    if not rated:
        scored = official_score(work, about.official, row.period_begin, hidden=counts.suppressed)
    return MeasureLine(
        measure_id=row.measure_id,
        official=about.official is not None,
        scoring=about.scoring,
        version=row.measure_version,
        title=about.title,
        counts_words=about.definition.numerator if about.of_several else None,
        improvement=about.improvement,
        period_begin=row.period_begin,
        period_end=row.period_end,
        counts=counts,
        change=change.value if change else None,
        change_low=change.low if change else None,
        change_high=change.high if change else None,
        score=scored.value if scored else None,
        unit=scored.unit if scored else None,
    )


def _strata(
    work: UnitOfWork, everyone: Row, rows: Sequence[Row], small_cell: int, *, rated: bool
) -> list[Stratum]:
    made = []
    for kind in STRATUM_KINDS:
        of_kind = [
            row for row in rows if row.stratum_kind == kind and any(getattr(row, name) for name in COUNTS)
        ]
        cells = [_cell(row) for row in of_kind]
        if kind == "all":
            shown = [_shown(work, cell, small_cell) for cell in cells]
        elif sees_single_patients(work):
            shown = cells
        else:
            shown = suppress_strata(_cell(everyone), cells, small_cell)
        words = labels(work.connection, kind, [row.stratum_value for row in of_kind])
        made += sorted(
            (
                Stratum(
                    kind=kind,
                    value=row.stratum_value,
                    label=words[row.stratum_value],
                    counts=_counts(cell, rated=rated),
                )
                for row, cell in zip(of_kind, shown, strict=True)
            ),
            key=lambda stratum: stratum.label,
        )
    return made


def sees_single_patients(work: UnitOfWork) -> bool:
    """Who may open the list behind a number sees every number."""
    return work.actor.may("measure.drill")


def _shown(work: UnitOfWork, cell: Cell, small_cell: int) -> Cell:
    return cell if sees_single_patients(work) else suppress_cell(cell, small_cell)


def _seen(work: UnitOfWork, cell: Cell, small_cell: int, *, rated: bool = True) -> Counts:
    return _counts(_shown(work, cell, small_cell), rated=rated)


def _cell(row: Row) -> Cell:
    return Cell(**{name: getattr(row, name) for name in COUNTS})


def _counts(cell: Cell, *, rated: bool) -> Counts:
    """Counts with the rate of people, where that is how the measure is scored."""
    known = rated and cell.numerator is not None and cell.denominator is not None
    rate = wilson_rate(cell.numerator, cell.denominator) if known else None
    return Counts(
        **{name: getattr(cell, name) for name in COUNTS},
        rate=rate.value if rate else None,
        rate_low=rate.low if rate else None,
        rate_high=rate.high if rate else None,
        suppressed=cell.suppressed,
    )


def _provenance(work: UnitOfWork, about: Described) -> dict[str, str]:
    run = last_run(work.connection, "official" if about.official else "nightly")
    if run is None:
        return {}
    finished: datetime = run["finished_at"]
    package = package_of_active(work, about.measure_id) if about.official else {}
    return {
        **package,
        "Snapshot": run["snapshot_id"],
        "Profile": "limited data set (PHI)",
        "Key": run["key_id"],
        "Code version": run["code_version"],
        "As of": run["as_of"].isoformat(),
        "Computed at": finished.isoformat(timespec="seconds"),
    }


def plain_cell(cell: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t" else cell
