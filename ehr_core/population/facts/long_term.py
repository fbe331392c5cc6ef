"""Writes the long-term conditions: problems, medicines, and the laboratory results that follow them."""

from __future__ import annotations

from datetime import date, timedelta

from ehr_core.population.assumptions import assumptions
from ehr_core.population.decisions.chronic import GLYCEMIC, KIDNEY, STATIN
from ehr_core.population.decisions.decision import UP_TO_DATE
from ehr_core.population.facts.care import (
    write_allergy,
    write_condition,
    write_medication,
    write_procedure,
)
from ehr_core.population.facts.chart import Chart
from ehr_core.population.facts.results import answer, write_answer, write_lab, write_panel
from ehr_core.population.facts.visits import write_encounter
from ehr_core.population.vocabulary import DISCHARGE, HCPCS, concept, profile

STATINS = ("atorvastatin", "atorvastatin_40", "rosuvastatin")
HOSPICE_DAY_CARE = ("T2042", "Hospice routine home care; per diem")
PALLIATIVE_CARE = ("G9054", "Oncology; supervising, coordinating or managing care; palliative care")
SLOPE_PER_YEAR = -0.25  # glycated haemoglobin drifts (percentage points a year), older values being higher


def write_problems(chart: Chart) -> None:
    """The problem list with first-choice medicines; sensitive ones carry their label."""
    facts = assumptions("conditions")["chronic"]
    for key, onset in chart.person.conditions.items():
        row = facts[key]
        code, name = chart.problem_codes[key] = _code_for(chart, key, row["codes"])
        made = write_condition(chart, code, name, onset, label=row.get("label"))
        chart.condition_ids[key] = made
        drugs = assumptions("treatments")["for_condition"].get(key)
        if drugs and chart.draws.chance(assumptions("treatments")["treated"]["share"]):
            drug = chart.draws.pick(drugs)
            write_medication(chart, drug, _after(chart, onset, 400), label=row.get("label"))


def _code_for(chart: Chart, key: str, codes: list) -> tuple[str, str]:
    if key == "obesity":
        child = chart.person.age is not None and chart.person.age < 18
        return ("E66.9", "Obesity, unspecified") if child else (codes[0][0], codes[0][1])
    shares = {str(place): row[2] for place, row in enumerate(codes)}
    row = codes[int(chart.draws.weighted(shares))]
    return row[0], row[1]


def _after(chart: Chart, onset: date, most_days: int) -> date:
    """A day soon after the onset, but not after the chart ends."""
    return min(onset + timedelta(days=chart.draws.whole(0, most_days)), chart.calendar.days_ago(5))


def write_states(chart: Chart) -> None:
    """The serious states, each with more than one kind of evidence, as charts have it."""
    states, draws, calendar = chart.person.states, chart.draws, chart.calendar
    recent = calendar.days_ago(draws.whole(25, 90))
    if "hospice" in states:
        extra = concept(HCPCS, *HOSPICE_DAY_CARE)
        diagnosis = ("C34.90", "Malignant neoplasm of unspecified part of unspecified bronchus or lung")
        write_encounter(chart, recent, 620, "HH", "Hospice care at home", diagnosis, extra_type=extra)
        write_answer(chart, "hospice", recent, answer("yes"))
        write_condition(chart, *diagnosis, calendar.days_ago(draws.whole(200, 500)))
    if "palliative" in states:
        extra = concept(HCPCS, *PALLIATIVE_CARE)
        diagnosis = ("Z51.5", "Encounter for palliative care")
        write_encounter(chart, recent, 660, "AMB", "Palliative care visit", diagnosis, extra_type=extra)
        write_condition(chart, *diagnosis, recent)
    if "frailty" in states:
        _write_frailty(chart)
    if "dialysis" in states:
        day = calendar.days_ago(draws.whole(300, 1200))
        write_condition(chart, "N18.6", "End stage renal disease", day)
        write_condition(chart, "Z99.2", "Dependence on renal dialysis", day)
        write_procedure(chart, "hemodialysis", calendar.days_ago(draws.whole(3, 20)))
        write_medication(chart, "sevelamer", day + timedelta(days=20))
    if "bipolar" in states:
        day = calendar.days_ago(draws.whole(500, 4000))
        write_condition(chart, "F31.9", "Bipolar disorder, unspecified", day, label="PSY")
        write_medication(chart, "lamotrigine", day + timedelta(days=30), label="PSY")
    if "pregnancy" in states:
        _write_pregnancy(chart)


def _write_frailty(chart: Chart) -> None:
    """Advanced illness (dementia, at two visits and treated) together with frailty on two days."""
    draws, calendar = chart.draws, chart.calendar
    dementia = ("G30.9", "Alzheimer's disease, unspecified")
    began = calendar.days_ago(draws.whole(500, 1200))
    write_condition(chart, *dementia, began)
    write_medication(chart, "donepezil", began + timedelta(days=40))
    for days_ago in (draws.whole(140, 200), draws.whole(30, 80)):
        day = calendar.days_ago(days_ago)
        write_encounter(chart, day, 970, "VR", "Dementia follow-up", dementia)
        write_condition(chart, "R54", "Age-related physical debility", day, visit=True)


def _write_pregnancy(chart: Chart) -> None:
    day = chart.calendar.days_ago(chart.draws.whole(25, 120))
    name = "Encounter for supervision of normal pregnancy, unspecified, unspecified trimester"
    write_condition(chart, "Z34.90", name, day)
    write_answer(
        chart, "pregnancy", day, answer("pregnant"), meta=profile("us-core-observation-pregnancystatus")
    )
    write_medication(chart, "folic_acid", day)


def write_statin(chart: Chart) -> None:
    decision = chart.decisions[STATIN]
    draws, calendar = chart.draws, chart.calendar
    if decision.days_ago is None:
        if (
            "hyperlipidemia" in chart.person.conditions
            and decision.way != "dialysis"
            and not chart.person.states
        ):
            _write_optional_statin(chart)
        return
    day = calendar.days_ago(decision.days_ago)
    drug = STATINS[draws.whole(0, 2)]
    if decision.status == UP_TO_DATE:
        write_medication(chart, drug, day)
    elif decision.way == "stopped":
        write_medication(chart, drug, day - timedelta(days=400), stopped=day)
    elif decision.way == "statin_intolerance":
        write_allergy(chart, "83367", "atorvastatin", "Muscle pain", day, kind="intolerance")
        write_condition(chart, "G72.0", "Drug-induced myopathy", day, ended=day + timedelta(days=60))


def _write_optional_statin(chart: Chart) -> None:
    """Somebody outside the recommendation may still take one."""
    if chart.draws.chance(0.4):
        write_medication(chart, "atorvastatin", chart.calendar.days_ago(chart.draws.whole(60, 900)))


def write_glycemia(chart: Chart) -> None:
    """The deciding HbA1c and its history, about one in five months, older values on a trend."""
    decision = chart.decisions[GLYCEMIC]
    if not chart.person.diabetic:
        _write_prediabetes_tests(chart)
        return
    draws, calendar = chart.draws, chart.calendar
    days_ago = decision.days_ago if decision.days_ago is not None else draws.whole(30, 400)
    value = float(decision.value) if decision.value else draws.near(7.2, 0.9, 5.8, 10.5)
    if decision.way in ("preliminary", "entered_in_error"):
        trap = decision.way.replace("_", "-")
        write_lab(chart, "hba1c", calendar.days_ago(draws.whole(20, 120)), f"{value:.1f}", status=trap)
        days_ago = max(days_ago, 225)
    onset = min(chart.person.conditions[key] for key in chart.person.conditions if key.startswith("diabetes"))
    if decision.way == "never":
        return
    _write_glycated(chart, calendar.days_ago(days_ago), value, decision.way)
    older, level = days_ago + draws.whole(110, 190), value
    while older < 1500 and calendar.days_ago(older) > onset:
        level = min(13.5, max(5.2, level - SLOPE_PER_YEAR * 0.4 + draws.near(0, 0.35, -0.8, 0.8)))
        _write_glycated(chart, calendar.days_ago(older), level, "")
        if draws.chance(0.5):
            write_lab(chart, "glucose", calendar.days_ago(older), f"{28.7 * level - 46.7:.0f}")
        older += draws.whole(110, 210)


def _write_glycated(chart: Chart, day: date, percent: float, way: str) -> None:
    if way == "ifcc":
        write_lab(chart, "hba1c_ifcc", day, f"{(percent - 2.152) / 0.09148:.0f}")
    elif way == "corrected":
        write_lab(chart, "hba1c", day, f"{percent:.2f}", status="corrected")
    else:
        write_lab(chart, "hba1c", day, f"{percent:.1f}")


def _write_prediabetes_tests(chart: Chart) -> None:
    if chart.person.age is None or chart.person.age < 35 or not chart.draws.chance(0.35):
        return
    high = "prediabetes" in chart.person.conditions
    value = chart.draws.near(6.0 if high else 5.3, 0.2, 4.8, 6.3)
    write_lab(chart, "hba1c", chart.calendar.days_ago(chart.draws.whole(30, 900)), f"{value:.1f}")


def egfr_2021(creatinine_mg_per_dl: float, age_years: int, *, female: bool) -> float:
    """Estimated GFR by CKD-EPI 2021 (mL/min/1.73 m²), from creatinine, age and sex, without race.

    For adults with steady kidney function. Source: Inker et al., N Engl J Med 2021;385:1737–1749.
    """
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    ratio = creatinine_mg_per_dl / kappa
    value = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.200 * 0.9938**age_years
    return value * (1.012 if female else 1)


def write_kidney(chart: Chart) -> None:
    """For people with diabetes, filtration and albumin only on the decided days; nothing recent beside them."""
    decision = chart.decisions[KIDNEY]
    if not chart.person.diabetic or decision.days_ago is None:
        return
    day = chart.calendar.days_ago(decision.days_ago)
    older = chart.calendar.days_ago(max(decision.days_ago + 330, 420))
    write_filtration(chart, older)
    write_lab(chart, "uacr", older, _albumin(chart))
    if decision.way != "never" and decision.way != "uacr_only":
        write_filtration(chart, day)
    if decision.way != "never" and decision.way != "egfr_only":
        write_lab(chart, "uacr", day, _albumin(chart))


def _albumin(chart: Chart) -> str:
    high = "ckd" in chart.person.conditions
    return f"{chart.draws.near(62 if high else 12, 18 if high else 7, 2, 420):.1f}"


def write_filtration(chart: Chart, day: date) -> list[str]:
    """Creatinine and the filtration rate that follows from it."""
    person, draws = chart.person, chart.draws
    female = person.birth_sex != "M"
    base = 0.78 if female else 0.98
    if "ckd" in person.conditions:
        base = draws.near(1.55, 0.2, 1.2, 2.4)
    if "dialysis" in person.states:
        base = 6.2
    creatinine = draws.near(base, 0.07, 0.45, 8.0)
    rate = egfr_2021(creatinine, person.age if person.age is not None else 50, female=female)
    return [
        write_lab(chart, "creatinine", day, f"{creatinine:.2f}"),
        write_lab(chart, "egfr", day, f"{rate:.0f}"),
    ]


def write_general_labs(chart: Chart) -> None:
    """Lipids, a metabolic panel and a blood count now and then; a few in other units or without a unit."""
    person, draws = chart.person, chart.draws
    if person.age is None or person.age < 20:
        return
    if draws.chance(0.75 if person.age >= 40 else 0.3):
        for days_ago in (draws.whole(430, 800), draws.whole(20, 340)):
            _write_lipids(chart, chart.calendar.days_ago(days_ago))
    if draws.chance(0.55 if person.conditions else 0.2):
        _write_metabolic(chart, chart.calendar.days_ago(draws.whole(20, 500)))
    if draws.chance(0.3):
        _write_blood_count(chart, chart.calendar.days_ago(draws.whole(20, 600)))
    if "hypothyroidism" in person.conditions:
        value = draws.near(2.6, 1.2, 0.3, 8.9)
        write_lab(chart, "tsh", chart.calendar.days_ago(draws.whole(30, 500)), f"{value:.2f}")


def _write_lipids(chart: Chart, day: date) -> None:
    draws = chart.draws
    treated = chart.decisions[STATIN].status == UP_TO_DATE
    ldl = draws.near(86 if treated else 118, 20, 42, 178)
    hdl = draws.near(52, 11, 26, 96)
    triglycerides = draws.near(138, 45, 45, 380)
    total = ldl + hdl + triglycerides / 5
    results = [
        write_lab(chart, "cholesterol", day, f"{total:.0f}"),
        write_lab(chart, "hdl", day, f"{hdl:.0f}"),
        write_lab(chart, "triglycerides", day, f"{triglycerides:.0f}"),
        write_lab(chart, "ldl", day, f"{ldl:.0f}"),
    ]
    write_panel(chart, "lipid", day, results)


def _write_metabolic(chart: Chart, day: date) -> None:
    """Filtration is left to `write_kidney` for people with diabetes, so that nothing blurs what was decided."""
    draws = chart.draws
    results = [
        write_lab(chart, "sodium", day, f"{draws.near(140, 2.2, 131, 147):.0f}"),
        write_lab(chart, "potassium", day, f"{draws.near(4.3, 0.35, 3.2, 5.6):.1f}"),
    ]
    glucose = draws.near(152 if chart.person.diabetic else 91, 12, 62, 330)
    if draws.chance(0.06):
        results.append(write_lab(chart, "glucose_molar", day, f"{glucose / 18.016:.1f}"))
    else:
        missing = draws.chance(0.02)
        results.append(write_lab(chart, "glucose", day, f"{glucose:.0f}", unit="" if missing else None))
    if not chart.person.diabetic:
        results += write_filtration(chart, day)
    write_panel(chart, "metabolic", day, results)


def _write_blood_count(chart: Chart, day: date) -> None:
    draws = chart.draws
    mean = 13.4 if chart.person.birth_sex == "F" else 14.9
    results = [
        write_lab(chart, "hemoglobin", day, f"{draws.near(mean, 1.1, 8.8, 17.6):.1f}"),
        write_lab(chart, "leukocytes", day, f"{draws.near(6.9, 1.6, 3.1, 13.9):.1f}"),
        write_lab(chart, "platelets", day, f"{draws.near(248, 52, 118, 470):.0f}"),
    ]
    write_panel(chart, "blood_count", day, results)


def write_plan(chart: Chart) -> None:
    """A goal and a plan for some people with diabetes, referring to their problem and their care team."""
    problem = chart.condition_ids.get("diabetes_type_2")
    if problem is None or not chart.draws.chance(0.3):
        return
    start = chart.calendar.days_ago(chart.draws.whole(60, 400)).isoformat()
    goal = chart.add(
        "Goal",
        {
            "meta": profile("us-core-goal"),
            "lifecycleStatus": "active",
            "description": {"text": "Hemoglobin A1c below 7.5 %"},
            "subject": chart.subject,
            "startDate": start,
            "addresses": [{"reference": f"Condition/{problem}"}],
        },
    )
    chart.add(
        "CarePlan",
        {
            "meta": profile("us-core-careplan"),
            "text": {
                "status": "generated",
                "div": '<div xmlns="http://www.w3.org/1999/xhtml">Diabetes self-care: walking, meals, testing.</div>',
            },
            "status": "active",
            "intent": "plan",
            "category": [
                concept("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan", "Plan")
            ],
            "subject": chart.subject,
            "period": {"start": start},
            "addresses": [{"reference": f"Condition/{problem}"}],
            "goal": [{"reference": f"Goal/{goal}"}],
        },
    )


def write_discharge_to_hospice(chart: Chart, day: date) -> None:
    """A stay that ended with a discharge to hospice at home."""
    home = concept(DISCHARGE, "hosp", "Hospice")
    reason = ("C34.90", "Malignant neoplasm of unspecified part of unspecified bronchus or lung")
    write_encounter(chart, day, 840, "IMP", "Lung cancer", reason, days=4, disposition=home)
