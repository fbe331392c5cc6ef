"""Writes questionnaires, tobacco, vaccines, and what teenagers may ask to be kept to themselves."""

from __future__ import annotations

from datetime import date, timedelta

from ehr_core.population.assumptions import assumptions, snomed
from ehr_core.population.decisions.decision import FOLLOW_UP_DUE, UP_TO_DATE
from ehr_core.population.decisions.habits import DEPRESSION, INFLUENZA, PNEUMOCOCCAL, TOBACCO, season_start
from ehr_core.population.facts.care import write_condition, write_medication, write_procedure, write_vaccine
from ehr_core.population.facts.chart import Chart
from ehr_core.population.facts.results import answer, write_answer, write_finding, write_score
from ehr_core.population.vocabulary import SNOMED, profile

DAYS_PER_MONTH = 30.44


def write_depression(chart: Chart) -> None:
    """The deciding score. A positive one is the last thing that happened: nobody has seen the person since."""
    decision = chart.decisions[DEPRESSION]
    draws = chart.draws
    if decision.days_ago is None or decision.way == "never":
        return
    day = chart.calendar.days_ago(decision.days_ago)
    if decision.status == FOLLOW_UP_DUE and chart.encounter_on:
        day = max(day, *chart.encounter_on)
    score = int(decision.value or 0)
    if decision.way == "phq2":
        write_score(chart, "phq2", day, score)
        return
    item9 = draws.whole(1, 2) if score >= 18 else 0
    write_score(chart, "phq9", day, score, item9=item9)
    if decision.status == UP_TO_DATE and draws.chance(0.4):
        write_score(chart, "phq9", day - timedelta(days=370), draws.whole(0, 9), item9=0)


def write_mood_medicine(chart: Chart) -> None:
    """A treated depression is older than any planted score, so that it cannot count as its follow-up."""
    decision = chart.decisions[DEPRESSION]
    if "depression" not in chart.person.conditions or decision.status == FOLLOW_UP_DUE:
        return
    if chart.draws.chance(0.6):
        onset = chart.person.conditions["depression"]
        write_medication(chart, "sertraline" if chart.draws.chance(0.5) else "escitalopram", onset)


def write_tobacco(chart: Chart) -> None:
    decision = chart.decisions[TOBACCO]
    if decision.days_ago is None or decision.way == "never":
        return
    day = chart.calendar.days_ago(decision.days_ago)
    _write_smoking_answer(chart, day, decision.value or chart.person.smoking)
    if decision.way == "treated":
        _write_help_to_stop(chart, day)
    if chart.draws.chance(0.3):
        _write_smoking_answer(chart, day - timedelta(days=400), decision.value or chart.person.smoking)


def _write_help_to_stop(chart: Chart, day: date) -> None:
    kind = chart.draws.pick(["varenicline", "nicotine_patch", "smoking_counselling"])
    if kind == "smoking_counselling":
        write_procedure(chart, kind, day)
    else:
        write_medication(chart, kind, day)


def _write_smoking_answer(chart: Chart, day: date, smoking: str) -> None:
    value = answer(smoking)
    if codes := snomed():
        extra = {"system": SNOMED, **codes["smoking"][smoking]}
        value = {**value, "coding": [*value["coding"], extra]}
    write_answer(chart, "smoking", day, value, meta=profile("us-core-smokingstatus"))


def write_social_needs(chart: Chart) -> None:
    """Hunger Vital Sign answers for some, with the risk that follows from them."""
    person, draws = chart.person, chart.draws
    if person.age is None or person.age < 18 or not draws.chance(0.35):
        return
    day = chart.calendar.days_ago(draws.whole(20, 500))
    poor = person.payer in ("medicaid", "self_pay")
    risk = draws.chance(0.34 if poor else 0.08)
    worry = draws.pick(["often_true", "sometimes_true"]) if risk else "never_true"
    write_answer(chart, "food_worry", day, answer(worry))
    write_answer(chart, "food_lasted", day, answer("sometimes_true" if risk else "never_true"))
    write_answer(chart, "food_insecurity", day, answer("at_risk" if risk else "no_risk"))


def write_confidential_items(chart: Chart) -> None:
    """What a teenager asked to be kept confidential: labelled, so that proxies and the portal do not show it."""
    person, draws = chart.person, chart.draws
    if not person.aged(14, 17) or not draws.chance(0.12):
        return
    write_confidential_visit(chart, chart.calendar.days_ago(draws.whole(30, 200)))


def write_confidential_visit(chart: Chart, day: date) -> None:
    name = "Encounter for initial prescription of contraceptive pills"
    write_condition(chart, "Z30.011", name, day, label="SEX")
    if chart.person.birth_sex == "F":
        write_medication(chart, "contraceptive", day, label="SEX")
    write_finding(chart, "chlamydia", day, abnormal=False, label="SEX")


def write_vaccines(chart: Chart) -> None:
    _write_influenza(chart)
    _write_pneumococcal(chart)
    person, draws = chart.person, chart.draws
    if person.age is not None and person.age < 18:
        _write_childhood(chart)
        return
    if draws.chance(0.6):
        write_vaccine(chart, "tdap", chart.calendar.days_ago(draws.whole(60, 3400)))
    if draws.chance(0.35):
        write_vaccine(chart, "covid", chart.calendar.days_ago(draws.whole(30, 700)))
    if person.age is not None and person.age >= 52 and draws.chance(0.4):
        second = draws.whole(30, 600)
        write_vaccine(chart, "zoster", chart.calendar.days_ago(second + 90))
        write_vaccine(chart, "zoster", chart.calendar.days_ago(second))


def _write_influenza(chart: Chart) -> None:
    """This season as decided; seasons before it as they happened to be."""
    person, draws = chart.person, chart.draws
    decision = chart.decisions[INFLUENZA]
    start = season_start(chart.calendar.as_of)
    old = person.age is not None and person.age >= 65
    kinds = ("influenza_high_dose", "influenza_adjuvanted") if old else ("influenza", "influenza_recombinant")
    if decision.status == UP_TO_DATE:
        write_vaccine(chart, draws.pick(kinds), chart.calendar.days_ago(decision.days_ago))
    elif decision.way == "refused":
        write_vaccine(chart, "influenza", _refusal_day(chart, start), refused=True)
    if decision.way in ("never", "outside_age", "refused"):
        return
    for seasons_ago in range(1, 4):
        day = date(start.year - seasons_ago, 10, 1) + timedelta(days=draws.whole(0, 80))
        born = person.birth_date is None or day > person.birth_date + timedelta(days=190)
        if born and (seasons_ago == 1 or draws.chance(0.7)):
            write_vaccine(chart, "influenza" if day.year >= 2024 else "influenza_quadrivalent", day)


def _refusal_day(chart: Chart, start: date) -> date:
    last = chart.calendar.days_ago(4)
    return min(last, start + timedelta(days=chart.draws.whole(70, 120)))


def _write_pneumococcal(chart: Chart) -> None:
    decision = chart.decisions[PNEUMOCOCCAL]
    if decision.days_ago is None:
        return
    day = chart.calendar.days_ago(decision.days_ago)
    if decision.way in ("pcv20", "pcv21"):
        write_vaccine(chart, decision.way, day)
    elif decision.way == "pcv15_ppsv23":
        write_vaccine(chart, "pcv15", day - timedelta(days=420))
        write_vaccine(chart, "ppsv23", day)
    elif decision.way in ("ppsv23_only", "pcv13_only"):
        write_vaccine(chart, decision.way.removesuffix("_only"), day - timedelta(days=500))


def _write_childhood(chart: Chart) -> None:
    person = chart.person
    if person.birth_date is None or chart.draws.chance(0.04):
        return
    for vaccine, months in assumptions("treatments")["childhood_doses"].items():
        for month in months:
            days = int(month * DAYS_PER_MONTH) + chart.draws.whole(0, 20)
            day = person.birth_date + timedelta(days=days)
            if day < chart.calendar.days_ago(3):
                write_vaccine(chart, vaccine, day)
