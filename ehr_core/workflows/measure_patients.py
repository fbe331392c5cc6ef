"""The patients behind a rate: who stands where, each with the fact that decided it. For who may drill."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text

from data_contracts.api.model import Page
from data_contracts.api.quality import (
    MeasureFact,
    MeasureFacts,
    MeasurePatient,
    MeasurePatients,
    MembershipStatus,
    StratumKind,
)
from data_contracts.code_systems import LOINC
from data_contracts.guidelines import reason_words
from ehr_core.access.chart_policy import evidence_open
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.care_gaps.words import evidence_name
from ehr_core.kernel.errors import BadRequest, NotFound
from ehr_core.quality.cells import NOT_RECORDED, STRATUM_KINDS
from ehr_core.quality.reading import current_period
from ehr_core.registration.model import PersonFacts
from ehr_core.registration.queries import people_by_id
from ehr_core.registration.same_name import mistakable

MEMBERSHIP_SQL = """CASE
  WHEN NOT flag.evaluable THEN 'not_evaluable'
  WHEN flag.denominator_exclusion THEN 'excluded'
  WHEN flag.denominator_exception THEN 'excepted'
  WHEN flag.denominator AND flag.numerator THEN 'numerator'
  WHEN flag.denominator THEN 'not_in_numerator' END"""


LOINC_ANSWER = re.compile(r"LA\d{1,6}-\d")
SHOWN_ORDER = (
    "denominator-exclusion",
    "measure-population-exclusion",
    "denominator-exception",
    "numerator",
    "numerator-exclusion",
    "measure-population",
    "denominator",
    "initial-population",
)
"""What decides comes first."""
OFFICIAL_REASONS = {"run_time_error": "The measure's logic failed on this record."}


def measure_patients(
    work: UnitOfWork,
    measure_id: str,
    *,
    membership: MembershipStatus | None = None,
    stratum_kind: StratumKind | None = None,
    stratum_value: str | None = None,
    page: int = 1,
    size: int = 25,
) -> MeasurePatients:
    """One page, by name of the chart's order; audited with its patients. Raises NotFound without results."""
    work.actor.require("measure.drill")
    period = current_period(work, measure_id)
    if period is None:
        raise NotFound(f"The measure '{measure_id}' has no results yet.")
    condition, values = _condition(membership, stratum_kind, stratum_value)
    values |= {"measure_id": measure_id, "period": period}
    rows = _page(work, condition, values, number=page, size=size)
    total = rows[0].total if rows else _total_behind_the_end(work, condition, values, page)
    persons = people_by_id(work, [row.patient_id for row in rows])
    alike = mistakable({patient_id: person.name for patient_id, person in persons.items()})
    work.audit(
        "quality.measure_patients.read",
        patient_ids=list(persons),
        detail={"measure_id": measure_id, "page": page},
    )
    return MeasurePatients(
        measure_id=measure_id,
        rows=[
            _as_patient(work, row, persons[row.patient_id], same_name=row.patient_id in alike)
            for row in rows
            if row.patient_id in persons
        ],
        page=Page(number=page, size=size, total=total),
    )


def measure_facts(work: UnitOfWork, measure_id: str, patient_id: str) -> MeasureFacts:
    """Why one person stands where they stand: the facts that each definition found. Audited.

    Raises NotFound when an official measure says nothing of a person whom this actor may see.
    """
    work.actor.require("measure.drill")
    values = {"measure_id": measure_id, "patient": patient_id, "period": current_period(work, measure_id)}
    place = "measure_id = :measure_id AND patient_id = :patient AND period_begin = :period"
    flag = work.connection.execute(
        text(
            f"SELECT flag.*, {MEMBERSHIP_SQL} AS membership FROM quality.measure_flag AS flag WHERE {place}"
        ),
        values,
    ).one_or_none()
    if flag is None:
        raise NotFound("This measure says nothing of this patient.")
    rows = work.connection.execute(
        text(
            f"SELECT * FROM quality.measure_evidence WHERE {place} ORDER BY array_position("
            "CAST(:order AS text[]), population), holds DESC, definition, evidence_on DESC NULLS LAST, evidence_key"
        ),
        {**values, "order": list(SHOWN_ORDER)},
    ).all()
    work.audit("quality.measure_evidence.read", patient_id=patient_id, detail={"measure_id": measure_id})
    return MeasureFacts(
        measure_id=measure_id,
        patient_id=patient_id,
        membership=flag.membership,
        decided_by=flag.exclusion_reason or flag.unmet_condition,
        facts=[_as_fact(work, row) for row in rows],
    )


def _as_fact(work: UnitOfWork, row: Row) -> MeasureFact:
    shown = evidence_open(work, row.evidence_sensitivity, row.patient_id)
    return MeasureFact(
        population=row.population,
        definition=row.definition,
        holds=row.holds,
        facts_found=row.facts_found,
        resource_type=row.evidence_type,
        resource_id=row.evidence_id if shown else None,
        on=row.evidence_on if shown else None,
        what=evidence_name(row.evidence_code_system, row.evidence_code) if shown else None,
        code=row.evidence_code if shown else None,
        value=_value_words(row.evidence_value) if shown else None,
        masked=not shown,
    )


def _page(
    work: UnitOfWork, condition: str, values: Mapping[str, Any], *, number: int, size: int
) -> Sequence[Row]:
    """One page by name, each row with the number of all that match."""
    return work.connection.execute(
        text(f"""
        SELECT chosen.*, count(*) OVER () AS total FROM (
          SELECT flag.*, {MEMBERSHIP_SQL} AS membership
          FROM quality.measure_flag AS flag
          LEFT JOIN quality.patient_stratum AS stratum USING (patient_id)
          WHERE flag.measure_id = :measure_id AND flag.period_begin = :period
            AND (flag.initial_population OR NOT flag.evaluable) AND {condition}) AS chosen
        LEFT JOIN fhir.patient AS person ON person.id = chosen.patient_id
        WHERE chosen.membership IS NOT NULL
        ORDER BY person.family_text NULLS LAST, person.given_text NULLS LAST, chosen.patient_id
        LIMIT :size OFFSET :skip"""),
        {**values, "size": size, "skip": (number - 1) * size},
    ).all()


def _total_behind_the_end(work: UnitOfWork, condition: str, values: Mapping[str, Any], page: int) -> int:
    """An empty page says nothing of the list unless it is the first one."""
    first = _page(work, condition, values, number=1, size=1) if page > 1 else []
    return first[0].total if first else 0


def _condition(
    membership: str | None, stratum_kind: str | None, stratum_value: str | None
) -> tuple[str, dict[str, Any]]:
    parts, values = ["true"], {}
    if membership is not None:
        parts.append(f"({MEMBERSHIP_SQL}) = :membership")
        values["membership"] = membership
    if stratum_kind not in (None, "all"):
        if stratum_kind not in STRATUM_KINDS or stratum_value is None:
            raise BadRequest("A stratum needs its kind and its value.")
        parts.append(f"coalesce(stratum.{stratum_kind}, '{NOT_RECORDED}') = :stratum_value")
        values["stratum_value"] = stratum_value
    return " AND ".join(parts), values


def _as_patient(work: UnitOfWork, row: Row, person: PersonFacts, *, same_name: bool) -> MeasurePatient:
    shown = evidence_open(work, row.evidence_sensitivity, row.patient_id)
    return MeasurePatient(
        patient_id=row.patient_id,
        name=person.name,
        birth_date=person.birth_date,
        mrn=person.mrn,
        same_name=same_name,
        membership=row.membership,
        reason=_reason(row),
        evidence_on=row.evidence_on if shown else None,
        evidence_value=_value_words(row.evidence_value) if shown else None,
    )


def _value_words(value: str | None) -> str | None:
    """An answer of LOINC in words, where it is known; every other value as it is."""
    return evidence_name(LOINC.uri, value) or value if value and LOINC_ANSWER.fullmatch(value) else value


def _reason(row: Row) -> str | None:
    if row.official:
        return _official_reason(row)
    code = row.not_evaluable_reason or row.exclusion_reason
    if code is None:
        return None
    try:
        return reason_words(row.measure_id, code)
    except NotFound:
        return code.replace("_", " ").capitalize() + "."


def _official_reason(row: Row) -> str | None:
    """The definition that decides, as the measure calls it."""
    if row.not_evaluable_reason:
        return OFFICIAL_REASONS.get(row.not_evaluable_reason, "Part of the record could not be read.")
    if row.exclusion_reason:
        return f"By '{row.exclusion_reason}'."
    return f"Decided by '{row.unmet_condition}'." if row.unmet_condition else None
