"""Writes what was measured, asked or seen: Observation and DiagnosticReport."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

from ehr_core.population.assumptions import assumptions
from ehr_core.population.facts.chart import Chart, digits
from ehr_core.population.site import clinic_reference, clinician_reference
from ehr_core.population.vocabulary import (
    ICD10CM,
    INTERPRETATION,
    LOINC,
    ORGAN,
    OURS,
    TERMINOLOGY,
    UCUM,
    concept,
    labelled,
    profile,
    status_concept,
)

RESULT_REVIEW = f"{OURS}/StructureDefinition/result-review"
REVIEW_DAYS = 60  # an older result arrived reviewed, or nobody waits for it
REVIEWED_SHARE = 0.8
REVIEWED_MINUTE = 17 * 60 + 10
RESULTED_NEXT_MORNING_MINUTE = 7 * 60 + 15
DRAWN_MINUTE = 8 * 60 + 10


@cache
def _fixed(kind: str, key: str) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """meta, category and code of one kind of result; the same for everybody, so made once."""
    row = assumptions("results")[kind][key]
    code = concept(LOINC, row["loinc"], row["name"])
    name = {"lab": "laboratory", "vital": "vital-signs", "survey": "survey", "exam": "exam"}[kind]
    if kind == "vital":
        meta = profile(row.get("profile", "us-core-vital-signs"))
    elif kind == "lab":
        meta = profile("us-core-observation-lab")
    elif kind == "exam":
        meta = profile("us-core-observation-clinical-result")
    else:
        meta = profile("us-core-observation-screening-assessment")
    shown = {"laboratory": "Laboratory", "vital-signs": "Vital Signs", "survey": "Survey", "exam": "Exam"}[
        name
    ]
    return meta, [concept(f"{TERMINOLOGY}/observation-category", name, shown)], code


def _review(chart: Chart, day: date) -> list[dict[str, Any]] | None:
    """Most recent results have been looked at by the clinician the evening after they came; the rest wait."""
    reviewed_on = day + timedelta(days=2)
    too_old = (chart.calendar.as_of - day).days > REVIEW_DAYS
    if too_old or reviewed_on >= chart.calendar.as_of or not chart.draws.chance(REVIEWED_SHARE):
        return None
    parts = [
        {"url": "at", "valueDateTime": chart.calendar.instant(reviewed_on, REVIEWED_MINUTE)},
        {"url": "by", "valueReference": clinician_reference(chart.person.clinician)},
    ]
    return [{"url": RESULT_REVIEW, "extension": parts}]


def _start(
    chart: Chart, kind: str, key: str, day: date, minute: int | None, status: str, label: str | None = None
) -> dict[str, Any]:
    meta, kinds, code = _fixed(kind, key)
    body: dict[str, Any] = {"meta": labelled(meta, label) if label else meta}
    if kind == "lab" and status in ("final", "corrected") and (review := _review(chart, day)):
        body["extension"] = review
    body |= {"status": status, "category": kinds, "code": code, "subject": chart.subject}
    if encounter := chart.encounter_reference(day):
        body["encounter"] = encounter
    body["effectiveDateTime"] = chart.calendar.instant(day, DRAWN_MINUTE if minute is None else minute)
    return body


def quantity(value: str, unit: str) -> dict[str, Any]:
    """A quantity digit for digit; without a unit when none was sent."""
    if not unit:
        return {"value": digits(value)}
    return {"value": digits(value), "unit": unit, "system": UCUM, "code": unit}


def write_vital(chart: Chart, key: str, day: date, minute: int, value: str) -> None:
    body = _start(chart, "vital", key, day, minute, "final")
    body["valueQuantity"] = quantity(value, assumptions("results")["vital"][key]["unit"])
    chart.add("Observation", body)


def write_blood_pressure(chart: Chart, day: date, minute: int, systolic: int, diastolic: int) -> None:
    """One panel with its two components; a panel has no value of its own."""
    body: dict[str, Any] = {
        "meta": profile("us-core-blood-pressure"),
        "status": "final",
        "category": _fixed("vital", "weight")[1],
        "code": concept(LOINC, "85354-9", "Blood pressure panel with all children optional"),
        "subject": chart.subject,
    }
    if encounter := chart.encounter_reference(day):
        body["encounter"] = encounter
    body["effectiveDateTime"] = chart.calendar.instant(day, minute)
    body["component"] = [
        {"code": _fixed("vital", key)[2], "valueQuantity": quantity(str(value), "mm[Hg]")}
        for key, value in (("systolic", systolic), ("diastolic", diastolic))
    ]
    chart.add("Observation", body)


def write_lab(
    chart: Chart, key: str, day: date, value: str, *, status: str = "final", unit: str | None = None
) -> str:
    """A laboratory number with its range and flag. An empty `unit` means that the sender left it out."""
    row = assumptions("results")["lab"][key]
    body = _start(chart, "lab", key, day, None, status)
    body["issued"] = chart.calendar.utc(_reported(chart, day), RESULTED_NEXT_MORNING_MINUTE)
    body["performer"] = [clinic_reference(chart.person.clinician)]
    unit = row["unit"] if unit is None else unit
    body["valueQuantity"] = quantity(value, unit)
    if unit:
        body["interpretation"] = [_flag(row, value)]
        body["referenceRange"] = [_range(row)]
    return chart.add("Observation", body)


def _reported(chart: Chart, day: date) -> date:
    """Results are out the next morning, but never after today."""
    return min(day + timedelta(days=1), chart.calendar.as_of)


def _flag(row: dict[str, Any], value: str) -> dict[str, Any]:
    number = float(value)
    if "low" in row and number < float(row["low"]):
        return concept(INTERPRETATION, "L", "Low")
    if "high" in row and number > float(row["high"]):
        return concept(INTERPRETATION, "H", "High")
    return concept(INTERPRETATION, "N", "Normal")


@cache
def _range_of(low: str | None, high: str | None, unit: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if low is not None:
        made["low"] = quantity(low, unit)
    if high is not None:
        made["high"] = quantity(high, unit)
    made["text"] = f"{low} to {high} {unit}" if low and high else f"{low} or more" if low else f"up to {high}"
    return made


def _range(row: dict[str, Any]) -> dict[str, Any]:
    return _range_of(row.get("low"), row.get("high"), row["unit"])


def write_finding(
    chart: Chart, key: str, day: date, *, abnormal: bool, status: str = "final", label: str | None = None
) -> str:
    """A test that is positive or negative (stool, HPV)."""
    body = _start(chart, "lab", key, day, None, status, label)
    body["issued"] = chart.calendar.utc(_reported(chart, day), RESULTED_NEXT_MORNING_MINUTE)
    body["performer"] = [clinic_reference(chart.person.clinician)]
    body["valueCodeableConcept"] = answer("positive" if abnormal else "negative")
    code = ("POS", "Positive") if abnormal else ("NEG", "Negative")
    body["interpretation"] = [concept(INTERPRETATION, *code)]
    return chart.add("Observation", body)


def write_cytology(chart: Chart, day: date, *, abnormal: bool, status: str = "final") -> str:
    body = _start(chart, "lab", "cytology", day, None, status)
    body["issued"] = chart.calendar.utc(_reported(chart, day), RESULTED_NEXT_MORNING_MINUTE)
    body["performer"] = [clinic_reference(chart.person.clinician)]
    if abnormal:
        name = "High grade squamous intraepithelial lesion on cytologic smear of cervix (HGSIL)"
        body["valueCodeableConcept"] = concept(ICD10CM, "R87.613", name)
        body["interpretation"] = [concept(INTERPRETATION, "A", "Abnormal")]
    else:
        body["valueCodeableConcept"] = {"text": "Negative for intraepithelial lesion or malignancy"}
        body["interpretation"] = [concept(INTERPRETATION, "N", "Normal")]
    return chart.add("Observation", body)


def write_imaging_observation(chart: Chart, key: str, day: date) -> str:
    """A study that another system sent as an Observation rather than a report."""
    row = assumptions("results")["report"][key]
    return chart.add(
        "Observation",
        {
            "status": "final",
            "category": [status_concept("observation-category", "imaging")],
            "code": concept(LOINC, row["loinc"], row["name"]),
            "subject": chart.subject,
            "effectiveDateTime": chart.calendar.instant(day, DRAWN_MINUTE),
            "valueString": "No suspicious finding.",
            "interpretation": [concept(INTERPRETATION, "N", "Normal")],
        },
    )


def write_report(chart: Chart, key: str, day: date, *, status: str = "final") -> str:
    row = assumptions("results")["report"][key]
    body: dict[str, Any] = {
        "meta": profile("us-core-diagnosticreport-note"),
        "status": status,
        "category": [status_concept("v2-0074", row["category"])],
        "code": concept(LOINC, row["loinc"], row["name"]),
        "subject": chart.subject,
        "effectiveDateTime": chart.calendar.instant(day, DRAWN_MINUTE),
        "issued": chart.calendar.utc(_reported(chart, day), RESULTED_NEXT_MORNING_MINUTE),
        "performer": [clinic_reference(chart.person.clinician)],
    }
    if status == "final":
        body["conclusion"] = "No suspicious finding."
    return chart.add("DiagnosticReport", body)


def write_panel(chart: Chart, key: str, day: date, results: list[str]) -> None:
    row = assumptions("results")["panel"][key]
    chart.add(
        "DiagnosticReport",
        {
            "meta": profile("us-core-diagnosticreport-lab"),
            "status": "final",
            "category": [status_concept("v2-0074", "LAB")],
            "code": concept(LOINC, row["loinc"], row["name"]),
            "subject": chart.subject,
            "effectiveDateTime": chart.calendar.instant(day, DRAWN_MINUTE),
            "issued": chart.calendar.utc(_reported(chart, day), RESULTED_NEXT_MORNING_MINUTE),
            "performer": [clinic_reference(chart.person.clinician)],
            "result": [{"reference": f"Observation/{result}"} for result in results],
        },
    )


@cache
def answer(key: str) -> dict[str, Any]:
    code, words = assumptions("results")["answer"][key]
    return concept(LOINC, code, words)


def write_score(
    chart: Chart, key: str, day: date, score: int, *, item9: int | None = None, label: str | None = None
) -> str:
    """A questionnaire's total; for a PHQ-9 with the answer to item 9 beside it."""
    body = _start(chart, "survey", key, day, None, "final", label)
    body["performer"] = [clinician_reference(chart.person.clinician)]
    body["valueQuantity"] = quantity(str(score), "{score}")
    if item9 is not None:
        code = _fixed("survey", "phq9_item9")[2]
        body["component"] = [{"code": code, "valueCodeableConcept": answer(f"item_{item9}")}]
    return chart.add("Observation", body)


def write_organs(chart: Chart) -> None:
    """The organ inventory, where one was taken: an organ that is written is present."""
    for organ in chart.person.organs:
        body = {
            "status": "final",
            "category": [status_concept("observation-category", "exam")],
            "code": concept(ORGAN, organ, f"{organ.capitalize()} present"),
            "subject": chart.subject,
            "effectiveDateTime": chart.calendar.days_ago(200).isoformat(),
            "valueBoolean": True,
        }
        chart.add("Observation", body)


def write_exam(chart: Chart, key: str, day: date, value: dict[str, Any]) -> str:
    """What was seen at an examination."""
    body = _start(chart, "exam", key, day, None, "final")
    body["valueCodeableConcept"] = value
    return chart.add("Observation", body)


def write_answer(
    chart: Chart, key: str, day: date, value: dict[str, Any], *, meta: dict[str, Any] | None = None
) -> str:
    """A coded answer to one question."""
    body = _start(chart, "survey", key, day, None, "final")
    if meta is not None:
        body["meta"] = meta
        body["category"] = [status_concept("observation-category", "social-history")]
    body["valueCodeableConcept"] = value
    return chart.add("Observation", body)
