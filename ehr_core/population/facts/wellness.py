"""Writes what a yearly visit brings with it: its diagnoses, falls asked about, advice on weight, eyes looked at.

The last thing written of a chart, with draws of its own: nothing that stands before depends on it.
"""

from __future__ import annotations

from datetime import date

from ehr_core.population.assumptions import assumptions
from ehr_core.population.draws import Draws
from ehr_core.population.facts.care import write_condition, write_procedure
from ehr_core.population.facts.chart import Chart
from ehr_core.population.facts.results import answer, write_answer, write_exam, write_imaging_observation
from ehr_core.population.person import age_on

OVERWEIGHT, OBESE = ("E66.3", "Overweight"), ("E66.9", "Obesity, unspecified")
OVERWEIGHT_FROM, OBESE_FROM = 25.0, 30.0
"""Body mass index (kg/m2) of adults, WHO."""


def write_wellness(chart: Chart) -> None:
    draws = Draws(f"{chart.person.key}/wellness")
    since = chart.calendar.days_ago(assumptions("visits")["at_wellness_visit"]["diagnosed_days"])
    for day in chart.yearly_visits:
        if day >= since:
            _write_diagnoses(chart, day)
        _write_falls(chart, day, draws)
        _write_weight_advice(chart, day, draws)
    _write_eyes(chart, draws)
    for day in chart.mammograms:
        write_imaging_observation(chart, "mammogram", day)


def _write_diagnoses(chart: Chart, day: date) -> None:
    """Each long-term condition that was seen to at the visit; none that carries a sensitivity label."""
    chronic = assumptions("conditions")["chronic"]
    for key, onset in chart.person.conditions.items():
        if "label" not in chronic[key] and key != "depression" and onset <= day:
            write_condition(chart, *chart.problem_codes[key], onset, visit=True, seen=day)


def _write_falls(chart: Chart, day: date, draws: Draws) -> None:
    shares, born = assumptions("visits")["at_wellness_visit"], chart.person.birth_date
    if born is None or age_on(born, day) < shares["falls_age"] or not draws.chance(shares["falls_share"]):
        return
    risk = draws.chance(shares["falls_risk_share"])
    write_answer(chart, "falls", day, answer("at_risk" if risk else "no_risk"))


def _write_weight_advice(chart: Chart, day: date, draws: Draws) -> None:
    """Counselling for those whose newest body mass index was out of range; its reason says why."""
    known = [seen for seen in chart.body_mass if seen <= day]
    share = assumptions("visits")["at_wellness_visit"]["weight_advice_share"]
    if not known or not draws.chance(share):
        return
    bmi = chart.body_mass[max(known)]
    if bmi >= OBESE_FROM:
        write_procedure(chart, "obesity_counselling", day, reason=OBESE)
    elif bmi >= OVERWEIGHT_FROM:
        write_procedure(chart, "nutrition_counselling", day, reason=OVERWEIGHT)


def _write_eyes(chart: Chart, draws: Draws) -> None:
    """The report of last year's eye examination of somebody with diabetes: no retinopathy on either side."""
    person = chart.person
    share = assumptions("visits")["at_wellness_visit"]["eye_exam_share"]
    if not person.diabetic or not person.aged(18, 120) or not draws.chance(share):
        return
    day = date(chart.calendar.as_of.year - 1, draws.whole(2, 11), draws.whole(1, 28))
    for side in ("retinopathy_left", "retinopathy_right"):
        write_exam(chart, side, day, answer("no_retinopathy"))
