"""How many stand in each population of a measure, counted as its publisher counts: people, visits, observations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text

from data_contracts.api.official_measures import OfficialMeasure, OfficialPopulation
from data_contracts.measure_scores import Observing, measure_score
from ehr_core.access.unit_of_work import UnitOfWork

FLAG_OF = {
    "initial-population": "initial_population",
    "denominator": "denominator",
    "denominator-exclusion": "denominator_exclusion",
    "denominator-exception": "denominator_exception",
    "numerator": "numerator",
    "measure-population": "denominator",
    "measure-population-exclusion": "denominator_exclusion",
}
COUNTED = """quality.measure_flag AS flag WHERE flag.measure_id = :id AND flag.period_begin = :period
  AND (CAST(:patient AS text) IS NULL OR flag.patient_id = :patient)"""


@dataclass
class Counted:
    """Members and observed values, by population id and by `stratum/population id`, and who was not judged."""

    members: dict[str, int] = field(default_factory=dict)
    observed: dict[str, list[float]] = field(default_factory=dict)
    people: int = 0
    not_evaluable: int = 0


def count_members(
    work: UnitOfWork, measure: OfficialMeasure, period: date, patient_id: str | None = None
) -> Counted:
    """Of everybody whom this actor may see, or of one person."""
    values = {"id": measure.measure_id, "period": period, "patient": patient_id}
    counted = Counted()
    flags = sorted(set(FLAG_OF.values()))
    sums = ", ".join(f"count(*) FILTER (WHERE evaluable AND {flag}) AS {flag}" for flag in flags)
    row = work.connection.execute(
        text(
            f"SELECT {sums}, count(*) FILTER (WHERE evaluable) AS people, "
            f"count(*) FILTER (WHERE NOT evaluable) AS not_evaluable, "
            f"count(population_counts) AS detailed FROM {COUNTED}"
        ),
        values,
    ).one()
    counted.people, counted.not_evaluable = row.people, row.not_evaluable
    for one in measure.populations:
        if one.code in FLAG_OF:
            counted.members[one.id] = getattr(row, FLAG_OF[one.code])
    if row.detailed:
        _add_details(work, measure, counted, values)
    return counted


def _add_details(
    work: UnitOfWork, measure: OfficialMeasure, counted: Counted, values: Mapping[str, Any]
) -> None:
    each = f"FROM {COUNTED} AND evaluable AND population_counts IS NOT NULL"
    listed = f"SELECT said.key, said.value FROM (SELECT population_counts {each}) AS held, "
    said = f"{listed} jsonb_each(held.population_counts::jsonb) AS said"
    for one in measure.populations:
        if one.code not in ("measure-observation", "stratifier"):
            counted.members[one.id] = 0
    sums = f"SELECT key, sum((value #>> '{{}}')::int)::int AS members FROM ({said}) AS each "
    for row in work.connection.execute(
        text(f"{sums} WHERE jsonb_typeof(value) = 'number' GROUP BY key"), values
    ):
        counted.members[row.key] = row.members
    arrays = f"SELECT key, jsonb_array_elements_text(value)::float AS number FROM ({said}) AS each "
    for row in work.connection.execute(text(f"{arrays} WHERE jsonb_typeof(value) = 'array'"), values):
        counted.observed.setdefault(row.key.removeprefix("observed/"), []).append(row.number)


def of_code(measure: OfficialMeasure, code: str) -> list[OfficialPopulation]:
    return [one for one in measure.populations if one.code == code]


def score(measure: OfficialMeasure, counted: Counted, stratum: str = "") -> float | None:
    """What the scoring makes of the counts, within a stratum where one is named (`stratum/`); None without a score."""
    totals: dict[str, int] = {}
    for one in measure.populations:
        totals[one.code] = totals.get(one.code, 0) + counted.members.get(f"{stratum}{one.id}", 0)
    observing = [Observing(one.id, one.aggregate, one.of) for one in of_code(measure, "measure-observation")]
    observed = {one.id: counted.observed.get(f"{stratum}{one.id}", []) for one in observing}
    return measure_score(measure.scoring, observing, totals, observed)


def strata_of(counted: Counted, stratifier: OfficialPopulation) -> list[tuple[str, str | None]]:
    """(stratum, its value) of what a stratifier parts by: one of value null where it only says true or false."""
    begins = f"{stratifier.id}="
    valued = sorted({key.rpartition("/")[0] for key in counted.members if key.startswith(begins)})
    return [(name, name.removeprefix(begins)) for name in valued] or [(stratifier.id, None)]
