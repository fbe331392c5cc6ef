"""FHIR MeasureReports from stored results: of one person, a list of subjects, or a whole population. R4.

Nothing is evaluated here: the night and the worker have measured, and these are the answers that every screen shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.official_measures import OfficialMeasure, OfficialPopulation
from data_contracts.measure_scores import not_evaluable_extension, score_quantity
from ehr_core.access.chart_policy import evidence_shown
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.ids import new_id
from ehr_core.quality.population_counts import FLAG_OF, Counted, count_members, of_code, score, strata_of
from ehr_core.quality.reported import Reported

POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
IMPROVEMENT = "http://terminology.hl7.org/CodeSystem/measure-improvement-notation"
REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
SUPPLEMENTAL = "http://hl7.org/fhir/us/davinci-deqm/StructureDefinition/extension-supplementalData"
SCORING = "http://hl7.org/fhir/us/davinci-deqm/StructureDefinition/extension-measureScoring"
SCORING_CODES = "http://terminology.hl7.org/CodeSystem/measure-scoring"
CRITERIA_REFERENCE = "http://hl7.org/fhir/us/davinci-deqm/StructureDefinition/extension-criteriaReference"
SUPPLEMENTAL_COLUMNS = ("sex", "race", "ethnicity", "payer")


def summary_report(
    work: UnitOfWork, groups: Sequence[Reported], small_cell: int, reporter: str
) -> dict[str, Any]:
    """Counts over everybody whom this actor may see; a count that this reader may not know is masked."""
    made = []
    for one in groups:
        counted = count_members(work, one.measure, one.begin)
        small = any(
            0 < count < small_cell
            for count in (counted.people, counted.not_evaluable, *counted.members.values())
        )
        hidden = small and not work.actor.may("measure.drill")
        made.append(_group(one.measure, counted, hidden=hidden))
    report = _report(work, groups[0], "summary", made, reporter)
    return _with_supplemental(work, report, groups[0], None, small_cell)


def individual_report(
    work: UnitOfWork, groups: Sequence[Reported], patient_id: str, reporter: str
) -> dict[str, Any]:
    """One person's membership, with the resources that it rests on."""
    made = [_group(one.measure, count_members(work, one.measure, one.begin, patient_id)) for one in groups]
    report = _report(work, groups[0], "individual", made, reporter) | {
        "subject": {"reference": f"Patient/{patient_id}"}
    }
    if evaluated := _evaluated(work, groups, patient_id):
        report["evaluatedResource"] = evaluated
    return _with_supplemental(work, report, groups[0], patient_id, 0)


def subject_list_report(
    work: UnitOfWork, groups: Sequence[Reported], reporter: str
) -> tuple[dict[str, Any], list[str]]:
    """Each population with the list of its subjects, contained; and who is on any of them."""
    contained: list[dict[str, Any]] = []
    everybody: set[str] = set()
    made = []
    for at, one in enumerate(groups):
        group = _group(one.measure, count_members(work, one.measure, one.begin))
        for population in group["population"]:
            code = population["code"]["coding"][0]["code"]
            if code not in FLAG_OF:
                continue
            subjects = _subjects(work, one, code)
            everybody |= set(subjects)
            name = f"subjects-{at}-{population['id']}"
            contained.append(_list(name, subjects))
            population["subjectResults"] = {"reference": f"#{name}"}
        made.append(group)
    report = _report(work, groups[0], "subject-list", made, reporter)
    return report | {"contained": contained}, sorted(everybody)


def _report(
    work: UnitOfWork, one: Reported, kind: str, groups: list[dict[str, Any]], reporter: str
) -> dict[str, Any]:
    now: datetime = work.now()
    better = one.measure.improvement
    return {
        "resourceType": "MeasureReport",
        "id": new_id(),
        "extension": [
            {
                "url": SCORING,
                "valueCodeableConcept": {"coding": [{"system": SCORING_CODES, "code": one.measure.scoring}]},
            }
        ],
        "status": "complete",
        "type": kind,
        "measure": f"{one.measure.url}|{one.version}",
        "date": now.isoformat(timespec="seconds"),
        "reporter": {"display": reporter},
        "period": {"start": one.begin.isoformat(), "end": one.end.isoformat()},
        "improvementNotation": {"coding": [{"system": IMPROVEMENT, "code": better}]},
        "group": groups,
    }


def _group(measure: OfficialMeasure, counted: Counted, *, hidden: bool = False) -> dict[str, Any]:
    group: dict[str, Any] = {"id": _fhir_id(measure.group_id)}
    if not hidden:
        group |= not_evaluable_extension(counted.not_evaluable)
    group |= _counted(measure, counted, hidden=hidden)
    stratifiers = (_stratifier(measure, one, counted, hidden) for one in of_code(measure, "stratifier"))
    if strata := [one for one in stratifiers if one["stratum"]]:
        group["stratifier"] = strata
    return group


def _counted(measure: OfficialMeasure, counted: Counted, prefix: str = "", *, hidden: bool) -> dict[str, Any]:
    """The populations with their counts, of observations how many there are, and the score."""
    populations = [
        _population(one, counted.members.get(f"{prefix}{one.id}", 0), hidden)
        for one in measure.populations
        if one.code in FLAG_OF or one.code == "numerator-exclusion"
    ]
    populations += [
        _population(one, len(counted.observed.get(f"{prefix}{one.id}", ())), hidden)
        for one in of_code(measure, "measure-observation")
    ]
    value = None if hidden else score(measure, counted, prefix)
    return {"population": populations, **score_quantity(value, measure.unit)}


def _population(one: OfficialPopulation, count: int, hidden: bool) -> dict[str, Any]:
    made = {
        "id": _fhir_id(one.id),
        "code": {"coding": [{"system": POPULATION, "code": one.code}], "text": one.definition},
    }
    return made | ({"_count": _masked()} if hidden else {"count": count})


def _stratifier(
    measure: OfficialMeasure, stratifier: OfficialPopulation, counted: Counted, hidden: bool
) -> dict[str, Any]:
    """A stratum a value. Where counts are hidden, values are too: a rare one may itself say who it is."""
    return {
        "id": _fhir_id(stratifier.id),
        "code": [{"text": stratifier.definition}],
        "stratum": [
            {"value": {"text": value or "true"}, **_counted(measure, counted, f"{stratum}/", hidden=hidden)}
            for stratum, value in strata_of(counted, stratifier)
            if value is None or not hidden
        ],
    }


def _masked() -> dict[str, Any]:
    return {"extension": [{"url": REASON, "valueCode": "masked"}]}


def _evaluated(work: UnitOfWork, groups: Sequence[Reported], patient_id: str) -> list[dict[str, Any]]:
    """References to the facts of this person, each with the populations that it counts for.

    Of those that no label hides from this actor.
    """
    found: dict[str, dict[str, None]] = {}
    for one in groups:
        values = {"id": one.measure.measure_id, "period": one.begin, "patient": patient_id}
        where = "measure_id = :id AND period_begin = :period AND patient_id = :patient AND evidence_id IS NOT NULL"
        columns = "evidence_type, evidence_id, evidence_sensitivity"
        shown = evidence_shown(work.actor, "fact.evidence_sensitivity", ":patient")
        rows = work.connection.execute(
            text(
                f"SELECT * FROM (SELECT {columns}, population FROM quality.measure_evidence WHERE {where} AND holds "
                f"UNION SELECT {columns}, NULL FROM quality.measure_evidence WHERE {where} "
                f"UNION SELECT {columns}, NULL FROM quality.measure_flag WHERE {where}) AS fact "
                f"WHERE {shown} ORDER BY 1, 2, 4"
            ),
            values,
        )
        for row in rows:
            populations = found.setdefault(f"{row.evidence_type}/{row.evidence_id}", {})
            named = of_code(one.measure, row.population) if row.population else []
            populations |= dict.fromkeys(_fhir_id(population.id) for population in named)
    return [_evaluated_resource(reference, list(named)) for reference, named in found.items()]


def _evaluated_resource(reference: str, populations: Sequence[str]) -> dict[str, Any]:
    criteria = [{"url": CRITERIA_REFERENCE, "valueString": name} for name in populations]
    return {**({"extension": criteria} if criteria else {}), "reference": reference}


def _fhir_id(name: str) -> str:
    """A FHIR id knows no underscore."""
    return name.replace("_", "-")


def _subjects(work: UnitOfWork, one: Reported, code: str) -> list[str]:
    return list(
        work.connection.execute(
            text(
                "SELECT patient_id FROM quality.measure_flag WHERE measure_id = :id AND period_begin = :period "
                f"AND evaluable AND {FLAG_OF[code]} ORDER BY patient_id"
            ),
            {"id": one.measure.measure_id, "period": one.begin},
        ).scalars()
    )


def _list(name: str, subjects: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "List", "id": name, "status": "current", "mode": "snapshot"}
    if subjects:
        made["entry"] = [{"item": {"reference": f"Patient/{one}"}} for one in subjects]
    return made


def _with_supplemental(
    work: UnitOfWork, report: dict[str, Any], one: Reported, patient_id: str | None, small_cell: int
) -> dict[str, Any]:
    """Sex, race, ethnicity and payer as contained observations: of one person the value, of many how often each.

    Where a reader may not know small counts, a kind that has one is left out whole: it could be worked out.
    """
    contained: list[dict[str, Any]] = []
    for name in SUPPLEMENTAL_COLUMNS:
        rows = _of_stratum(work, one, name, patient_id)
        small = patient_id is None and any(row.people < small_cell for row in rows)
        if small and not work.actor.may("measure.drill"):
            continue
        contained += [_observation(name, row, patient_id, at) for at, row in enumerate(rows)]
    if not contained:
        return report
    named = [{"url": SUPPLEMENTAL, "valueReference": {"reference": f"#{found['id']}"}} for found in contained]
    return report | {"contained": contained, "extension": report["extension"] + named}


def _of_stratum(work: UnitOfWork, one: Reported, name: str, patient_id: str | None) -> Sequence[Row]:
    return work.connection.execute(
        text(
            f"SELECT stratum.{name} AS value, count(*) AS people FROM quality.measure_flag AS flag "
            "JOIN quality.patient_stratum AS stratum USING (patient_id) "
            "WHERE flag.measure_id = :id AND flag.period_begin = :period AND flag.initial_population "
            f"AND stratum.{name} IS NOT NULL AND (CAST(:patient AS text) IS NULL OR flag.patient_id = :patient) "
            f"GROUP BY stratum.{name} ORDER BY 1"
        ),
        {"id": one.measure.measure_id, "period": one.begin, "patient": patient_id},
    ).all()


def _observation(name: str, row: Mapping[str, Any] | Row, patient_id: str | None, at: int) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"sde-{name}-{at}",
        "status": "final",
        "code": {"text": f"Supplemental data: {name}"},
        "valueCodeableConcept": {"text": row.value},
    }
    if patient_id is None:
        made["component"] = [{"code": {"text": "People"}, "valueInteger": row.people}]
    return made
