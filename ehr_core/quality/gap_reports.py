"""Gaps in care as DEQM has them: of one person a document of a Composition, DetectedIssues and MeasureReports. R4."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, text

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.quality.measure_reports import individual_report
from ehr_core.quality.reported import Reported

DEQM = "http://hl7.org/fhir/us/davinci-deqm"
GAP_STATUS = f"{DEQM}/StructureDefinition/extension-gapStatus"
GAP_STATUS_CODES = f"{DEQM}/CodeSystem/gaps-status"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LOINC = "http://loinc.org"
OPEN, CLOSED = "open-gap", "closed-gap"
STATUSES = (OPEN, CLOSED)
AUTHOR = {"display": "Almoner"}


@dataclass(frozen=True)
class Gap:
    """Where a person in the denominator of a proportion measure stands; `decided_by` names the condition."""

    reported: Reported
    status: str
    decided_by: str | None


def gaps_of(
    work: UnitOfWork, groups: Sequence[Reported], patient_id: str, statuses: Collection[str]
) -> list[Gap]:
    """Open and closed gaps of one person. The excluded and those outside a denominator have none."""
    found = []
    for one in groups:
        row = work.connection.execute(
            text(
                "SELECT denominator AND NOT denominator_exclusion AND NOT denominator_exception AS asked, numerator, "
                "unmet_condition FROM quality.measure_flag WHERE measure_id = :id AND period_begin = :period "
                "AND patient_id = :patient AND evaluable"
            ),
            {"id": one.measure.measure_id, "period": one.begin, "patient": patient_id},
        ).one_or_none()
        if row is None or not row.asked:
            continue
        status = _status(one, row)
        if status in statuses:
            found.append(Gap(one, status, row.unmet_condition))
    return found


def people_with_results(
    work: UnitOfWork, groups: Sequence[Reported], clinician: str | None, clinic: str | None, most: int
) -> list[str]:
    """Who is in a denominator, of one clinician's or clinic's people; one more than `most` when there are more."""
    return list(
        work.connection.execute(
            text(
                "SELECT DISTINCT flag.patient_id FROM quality.measure_flag AS flag "
                "JOIN quality.patient_stratum AS stratum USING (patient_id) "
                "WHERE flag.measure_id = ANY(:ids) AND flag.denominator AND flag.evaluable "
                "AND flag.period_begin = ANY(:periods) "
                "AND (CAST(:clinician AS text) IS NULL OR stratum.clinician = :clinician) "
                "AND (CAST(:clinic AS text) IS NULL OR stratum.clinic = :clinic) "
                "ORDER BY flag.patient_id LIMIT :most"
            ),
            {
                "ids": [one.measure.measure_id for one in groups],
                "periods": sorted({one.begin for one in groups}),
                "clinician": clinician,
                "clinic": clinic,
                "most": most + 1,
            },
        ).scalars()
    )


def gap_document(work: UnitOfWork, gaps: Sequence[Gap], patient_id: str, reporter: str) -> dict[str, Any]:
    """A document Bundle: a section a gap, each with its DetectedIssue and its MeasureReport."""
    now = work.now().isoformat(timespec="seconds")
    entries: list[tuple[str, dict[str, Any]]] = []
    sections = []
    for gap in gaps:
        report = individual_report(work, [gap.reported], patient_id, reporter)
        report_url, issue_url = _urn(), _urn()
        entries += [
            (report_url, report),
            (issue_url, _issue(gap, report, report_url, patient_id, now)),
        ]
        sections.append(
            {
                "title": gap.reported.measure.title,
                "focus": {"reference": report_url},
                "entry": [{"reference": issue_url}],
            }
        )
    composition = _composition(sections, patient_id, now)
    everything = [(_urn(), composition), *entries]
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": _urn()},
        "type": "document",
        "timestamp": now,
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in everything],
    }


def _status(one: Reported, row: Row) -> str:
    inverse = one.measure.improvement == "decrease"
    return CLOSED if row.numerator != inverse else OPEN


def _composition(sections: list[dict[str, Any]], patient_id: str, now: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": LOINC, "code": "96315-7", "display": "Gaps in care report"}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        "date": now,
        "author": [AUTHOR],
        "title": "Gaps in care",
    }
    return made | ({"section": sections} if sections else {})


def _issue(gap: Gap, report: dict[str, Any], report_url: str, patient_id: str, now: str) -> dict[str, Any]:
    facts = [{"reference": one["reference"]} for one in report.get("evaluatedResource", [])]
    measure = gap.reported.measure
    status = {"system": GAP_STATUS_CODES, "code": gap.status}
    issue: dict[str, Any] = {
        "resourceType": "DetectedIssue",
        "modifierExtension": [{"url": GAP_STATUS, "valueCodeableConcept": {"coding": [status]}}],
        "status": "final",
        "code": {"coding": [{"system": ACT_CODE, "code": "CAREGAP", "display": "Care Gaps"}]},
        "patient": {"reference": f"Patient/{patient_id}"},
        "identifiedDateTime": now,
        "evidence": [{"detail": [{"reference": report_url}, *facts]}],
    }
    if gap.decided_by:
        side = "Not met" if measure.improvement == "increase" else "Counts against the measure"
        issue["detail"] = (
            f"{side}: {gap.decided_by}" if gap.status == OPEN else f"Decided by {gap.decided_by}"
        )
    return issue


def _urn() -> str:
    return f"urn:uuid:{uuid4()}"
