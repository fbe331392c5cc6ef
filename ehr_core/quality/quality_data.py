"""Figures and facts in the shape of the quality reporting documents: per measure (category III) and per person (I).

The content that a QRDA document carries, as JSON: making the XML of a year's implementation guide stays with who
submits. Category I is identified, and is written line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import text

from ehr_core.access.chart_policy import evidence_shown
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.quality.measure_reports import SUPPLEMENTAL_COLUMNS
from ehr_core.quality.population_counts import FLAG_OF, count_members, score
from ehr_core.quality.reported import Reported

CATEGORIES = {
    "initial-population": "IPOP",
    "denominator": "DENOM",
    "denominator-exclusion": "DENEX",
    "denominator-exception": "DENEXCEP",
    "numerator": "NUMER",
    "numerator-exclusion": "NUMEX",
    "measure-population": "MSRPOPL",
    "measure-population-exclusion": "MSRPOPLEX",
}


def figures(work: UnitOfWork, groups: Sequence[Reported]) -> list[dict[str, Any]]:
    """Category III: per group of a measure each population's count, its performance rate, and supplemental counts.

    For who may drill: every count is told.
    """
    work.actor.require("measure.drill")
    made = []
    for one in groups:
        counted = count_members(work, one.measure, one.begin)
        populations = [
            {
                "population": CATEGORIES[population.code],
                "id": population.id,
                "count": counted.members.get(population.id, 0),
                "supplemental": _supplemental(work, one, population.code),
            }
            for population in one.measure.populations
            if population.code in CATEGORIES
        ]
        made.append(
            {
                **_measure(one),
                "populations": populations,
                "performance_rate": score(one.measure, counted),
                "not_evaluable": counted.not_evaluable,
                "observations": counted.observed,
            }
        )
    return made


def people(work: UnitOfWork, groups: Sequence[Reported]) -> tuple[Iterator[bytes], list[str]]:
    """Category I: a line a person and group with populations and facts; and whom it is about."""
    work.actor.require("measure.drill")
    lines: list[bytes] = []
    whom: dict[str, None] = {}
    for one in groups:
        facts = _facts(work, one)
        for row in _rows(work, one):
            whom[row["patient_id"]] = None
            members = {CATEGORIES[code]: int(row[flag]) for code, flag in _flags(one).items()}
            line = {
                **_measure(one),
                "patient": {
                    name: row[name]
                    for name in ("patient_id", "birth_date", *SUPPLEMENTAL_COLUMNS)
                    if row[name]
                },
                "populations": members,
                "counts": msgspec.json.decode(row["population_counts"]) if row["population_counts"] else None,
                "facts": facts.get(row["patient_id"], []),
            }
            lines.append(msgspec.json.encode(line))
    return iter(lines), list(whom)


def _measure(one: Reported) -> dict[str, Any]:
    return {
        "measure": one.measure.name,
        "measure_id": one.measure.measure_id,
        "url": one.measure.url,
        "version": one.version,
        "period": {"start": one.begin.isoformat(), "end": one.end.isoformat()},
    }


def _flags(one: Reported) -> dict[str, str]:
    codes = {population.code for population in one.measure.populations}
    return {code: flag for code, flag in FLAG_OF.items() if code in codes}


def _supplemental(work: UnitOfWork, one: Reported, code: str) -> dict[str, dict[str, int]]:
    if code not in FLAG_OF:
        return {}
    found: dict[str, dict[str, int]] = {}
    for name in SUPPLEMENTAL_COLUMNS:
        rows = work.connection.execute(
            text(
                f"SELECT coalesce(stratum.{name}, 'not_recorded') AS value, count(*) AS people "
                "FROM quality.measure_flag AS flag LEFT JOIN quality.patient_stratum AS stratum USING (patient_id) "
                f"WHERE flag.measure_id = :id AND flag.period_begin = :period AND flag.{FLAG_OF[code]} "
                "AND flag.evaluable GROUP BY 1 ORDER BY 1"
            ),
            {"id": one.measure.measure_id, "period": one.begin},
        )
        found[name] = {row.value: row.people for row in rows}
    return found


def _rows(work: UnitOfWork, one: Reported):
    return work.connection.execute(
        text(
            "SELECT flag.*, person.birth_date, stratum.sex, stratum.race, stratum.ethnicity, stratum.payer "
            "FROM quality.measure_flag AS flag JOIN fhir.patient AS person ON person.id = flag.patient_id "
            "LEFT JOIN quality.patient_stratum AS stratum ON stratum.patient_id = flag.patient_id "
            "WHERE flag.measure_id = :id AND flag.period_begin = :period AND flag.initial_population "
            "ORDER BY flag.patient_id"
        ),
        {"id": one.measure.measure_id, "period": one.begin},
    ).mappings()


def _facts(work: UnitOfWork, one: Reported) -> dict[str, list[dict[str, Any]]]:
    """Facts by person; without those that a label hides from this actor."""
    shown = evidence_shown(work.actor, "fact.evidence_sensitivity", "fact.patient_id")
    rows = work.connection.execute(
        text(
            "SELECT * FROM quality.measure_evidence AS fact "
            f"WHERE measure_id = :id AND period_begin = :period AND holds AND {shown} "
            "ORDER BY patient_id, population, definition, evidence_on, evidence_key"
        ),
        {"id": one.measure.measure_id, "period": one.begin},
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        fact = {
            "population": CATEGORIES.get(row.population, row.population),
            "definition": row.definition,
            "resource": f"{row.evidence_type}/{row.evidence_id}" if row.evidence_id else row.evidence_type,
            "on": row.evidence_on and row.evidence_on.isoformat(),
            "system": row.evidence_code_system,
            "code": row.evidence_code,
            "value": row.evidence_value,
        }
        found.setdefault(row.patient_id, []).append({name: value for name, value in fact.items() if value})
    return found
