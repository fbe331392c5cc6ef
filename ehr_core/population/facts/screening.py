"""Writes the facts of the cancer screenings, exactly as they were decided, with the traps that are no evidence."""

from __future__ import annotations

from datetime import date, timedelta

from ehr_core.population.assumptions import assumptions
from ehr_core.population.decisions.cancer import BREAST, CERVICAL, COLORECTAL
from ehr_core.population.decisions.decision import Decision
from ehr_core.population.facts.care import write_condition, write_order, write_procedure
from ehr_core.population.facts.chart import Chart
from ehr_core.population.facts.results import (
    write_cytology,
    write_finding,
    write_imaging_observation,
    write_report,
)

NO_FACTS = ("not_applicable", "not_evaluable")


def write_cancer_screening(chart: Chart) -> None:
    write_breast(chart, chart.decisions[BREAST])
    write_colorectal(chart, chart.decisions[COLORECTAL])
    write_cervical(chart, chart.decisions[CERVICAL])
    _write_bone_density(chart)


def _write_bone_density(chart: Chart) -> None:
    """Bone density of older women; no recommendation of ours asks for it yet."""
    person = chart.person
    if person.aged(65, 110) and person.birth_sex == "F" and chart.draws.chance(0.55):
        write_report(chart, "dxa", chart.calendar.days_ago(chart.draws.whole(90, 2200)))


def _day(chart: Chart, decision: Decision) -> date | None:
    """The day of the deciding fact; None where nothing was decided to be written."""
    if decision.status in NO_FACTS or decision.days_ago is None:
        return None
    return chart.calendar.days_ago(decision.days_ago)


def write_breast(chart: Chart, decision: Decision) -> None:
    day = _day(chart, decision)
    if day is None:
        return
    way = decision.way
    if way in ("report", "lapsed"):
        write_report(chart, "mammogram", day)
        chart.mammograms.append(day)
    elif way == "observation":
        write_imaging_observation(chart, "mammogram", day)
    elif way in ("preliminary", "entered_in_error"):
        write_report(chart, "mammogram", day, status=way.replace("_", "-"))
    elif way == "ordered":
        row = assumptions("results")["report"]["mammogram"]
        write_order(chart, row["loinc"], row["name"], day)
    elif way == "bilateral":
        write_procedure(chart, "bilateral_mastectomy", day)
    elif way == "status_code":
        write_condition(chart, "Z90.13", "Acquired absence of bilateral breasts and nipples", day)


def write_colorectal(chart: Chart, decision: Decision) -> None:
    day = _day(chart, decision)
    if day is None:
        return
    way = decision.way
    if way in ("colonoscopy", "colonoscopy_lapsed"):
        write_procedure(chart, "colonoscopy", day)
    elif way == "sigmoidoscopy":
        write_procedure(chart, "sigmoidoscopy", day)
    elif way == "ct_colonography":
        write_report(chart, "ct_colonography", day)
    elif way in ("fit", "fit_lapsed", "dna_fit"):
        write_finding(chart, "dna_fit" if way == "dna_fit" else "fit", day, abnormal=False)
    elif way in ("positive_fit", "positive_dna_fit"):
        write_finding(chart, way.removeprefix("positive_"), day, abnormal=True)
    elif way == "positive_then_colonoscopy":
        write_finding(chart, "fit", day, abnormal=True)
        write_procedure(chart, "colonoscopy_high_risk", day + timedelta(days=min(45, decision.days_ago // 2)))
    elif way == "ordered":
        row = assumptions("results")["lab"]["fit"]
        write_order(chart, row["loinc"], row["name"], day)
    elif way == "not_done":
        write_procedure(chart, "colonoscopy", day, status="not-done")
    elif way == "total_colectomy":
        write_procedure(chart, "total_colectomy", day)
    elif way == "cancer":
        write_condition(chart, "C18.7", "Malignant neoplasm of sigmoid colon", day)


def write_cervical(chart: Chart, decision: Decision) -> None:
    day = _day(chart, decision)
    if day is None:
        return
    way = decision.way
    if way in ("cytology", "lapsed"):
        write_cytology(chart, day, abnormal=False)
    elif way == "cytology_abnormal":
        write_cytology(chart, day, abnormal=True)
    elif way in ("hpv", "hpv_positive"):
        write_finding(chart, "hpv", day, abnormal=way == "hpv_positive")
    elif way == "cotest":
        write_cytology(chart, day, abnormal=False)
        write_finding(chart, "hpv", day, abnormal=False)
    elif way == "entered_in_error":
        write_cytology(chart, day, abnormal=False, status="entered-in-error")
    elif way == "ordered":
        row = assumptions("results")["lab"]["cytology"]
        write_order(chart, row["loinc"], row["name"], day)
    elif way == "status_code":
        write_condition(chart, "Z90.710", "Acquired absence of both cervix and uterus", day)
    elif way == "procedure":
        write_procedure(chart, "hysterectomy", day)
        write_procedure(chart, "cervix_resection", day)
