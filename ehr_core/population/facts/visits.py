"""Writes the years of visits: encounters with vital signs and reasons, emergencies and stays, bookings."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ehr_core.population.assumptions import assumptions, at_age, by_age
from ehr_core.population.facts.billing import billed_as
from ehr_core.population.facts.care import write_condition
from ehr_core.population.facts.chart import Chart
from ehr_core.population.facts.results import write_blood_pressure, write_vital
from ehr_core.population.site import clinic_reference, clinician_reference, location_reference
from ehr_core.population.site_calendar import slot_minute, today_slot, visit_day, visit_minute
from ehr_core.population.vocabulary import ACT_CODE, DISCHARGE, ICD10CM, VISIT_TYPE, coding, concept, profile

BLOOD_PRESSURE = "blood_pressure_control"
FIRST_VISIT_AGE_DAYS = 10


def plan_visit_days(chart: Chart) -> list[date]:
    """Days of office visits, oldest first. The newest one carries the deciding blood pressure."""
    person, draws = chart.person, chart.draws
    decision = chart.decisions[BLOOD_PRESSURE]
    if decision.days_ago is not None:
        newest = decision.days_ago
    else:
        newest = draws.whole(10, 330) if draws.chance(0.85) else draws.whole(340, 700)
    rate = at_age(by_age("visits", "rates"), person.age if person.age is not None else 45)
    rate += assumptions("visits")["per_condition"] * len(person.conditions)
    interval = 365 / min(rate, assumptions("visits")["most_per_year"])
    earliest = chart.calendar.days_ago(assumptions("visits")["history_years"] * 365)
    if person.birth_date:
        earliest = max(earliest, person.birth_date + timedelta(days=FIRST_VISIT_AGE_DAYS))
    day = visit_day(chart.calendar.days_ago(newest), person.position)
    days = []
    while day >= earliest:
        days.append(day)
        gap = max(14, int(interval * draws.near(1.0, 0.3, 0.4, 1.8)))
        day = visit_day(day - timedelta(days=gap), person.position)
    return days[::-1]


def write_visits(chart: Chart) -> None:
    days = plan_visit_days(chart)
    chart.last_visit = days[-1] if days else None
    height = _height_cm(chart)
    measured_year = None
    for day in days:
        video = day != chart.last_visit and chart.draws.chance(assumptions("visits")["video_share"])
        _write_visit(chart, day, "VR" if video else "AMB")
        if not video:
            _write_vitals(chart, day, height, with_height=day.year != measured_year)
            measured_year = day.year
    _write_unplanned(chart, days)


def _write_visit(chart: Chart, day: date, kind: str) -> None:
    """One encounter at the person's own slot; a new problem brings its own short diagnosis."""
    minute = visit_minute(chart.person.position)
    reasons = assumptions("visits")["reasons"]
    acute = chart.draws.chance(assumptions("visits")["acute_share"])
    billed = billed_as(chart, day, kind, acute=acute)
    if acute:
        problem = _acute_problem(chart, day)
        diagnosis = (problem["code"], problem["name"])
        write_encounter(chart, day, minute, kind, reasons["acute"], diagnosis, billed=billed)
        ended = day + timedelta(days=chart.draws.whole(*problem["days"]))
        ended = ended if ended < chart.calendar.as_of else None
        write_condition(chart, problem["code"], problem["name"], day, ended=ended, visit=True)
    else:
        age = chart.person.age if chart.person.age is not None else 45
        told = "child" if age < 18 else "chronic" if chart.person.conditions else "adult"
        name = ("Z00.129", "Encounter for routine child health examination without abnormal findings")
        if told != "child":
            name = ("Z00.00", "Encounter for general adult medical examination without abnormal findings")
        diagnosis = _standing_diagnosis(chart) or name
        write_encounter(chart, day, minute, kind, reasons[told], diagnosis, billed=billed)


def _acute_problem(chart: Chart, day: date) -> dict[str, Any]:
    rows = assumptions("conditions")["acute"]
    age = chart.person.age if chart.person.age is not None else 45
    fitting = {str(i): row["weight"] for i, row in enumerate(rows) if row["ages"][0] <= age <= row["ages"][1]}
    return rows[int(chart.draws.weighted(fitting))]


def _standing_diagnosis(chart: Chart) -> tuple[str, str] | None:
    """A visit for long-term conditions names one of them, never one with a sensitivity label."""
    chronic = assumptions("conditions")["chronic"]
    open_ones = [
        key for key in chart.person.conditions if "label" not in chronic[key] and key != "depression"
    ]
    if not open_ones:
        return None
    code, name, _ = chronic[chart.draws.pick(open_ones)]["codes"][0]
    return code, name


def write_encounter(
    chart: Chart,
    day: date,
    minute: int,
    kind: str,
    reason: str,
    diagnosis: tuple[str, str] | None,
    *,
    minutes: int = 20,
    days: int = 0,
    extra_type: dict[str, Any] | None = None,
    billed: dict[str, Any] | None = None,
    disposition: dict[str, Any] | None = None,
) -> str:
    row = assumptions("visits")["kind"][kind]
    types = [concept(VISIT_TYPE, row["code"], row["name"]), *([billed] if billed else [])]
    body: dict[str, Any] = {
        "meta": profile("us-core-encounter"),
        "status": "finished",
        "class": coding(ACT_CODE, kind, row["display"]),
        "type": [extra_type, *types] if extra_type else types,
        "subject": chart.subject,
        "participant": [{"individual": clinician_reference(chart.person.clinician)}],
        "period": {
            "start": chart.calendar.instant(day, minute),
            "end": chart.calendar.instant(day + timedelta(days=days), minute + minutes),
        },
    }
    reason_code: dict[str, Any] = {"text": reason}
    if diagnosis:
        reason_code["coding"] = [coding(ICD10CM, *diagnosis)]
    body["reasonCode"] = [reason_code]
    if disposition:
        body["hospitalization"] = {"dischargeDisposition": disposition}
    if kind == "AMB":
        body["location"] = [{"location": location_reference(chart.person.clinician)}]
    body["serviceProvider"] = clinic_reference(chart.person.clinician)
    made = chart.add("Encounter", body)
    chart.encounter_on[day] = made
    return made


def _write_unplanned(chart: Chart, days: list[date]) -> None:
    """An emergency or a stay now and then, long enough ago to decide nothing, and never after the last visit."""
    if not days or (chart.calendar.as_of - days[0]).days < 400 or chart.person.age is None:
        return
    visits = assumptions("visits")
    span = (days[-1] - days[0]).days
    if span < 60:
        return
    day = days[0] + timedelta(days=chart.draws.whole(20, span - 20))
    if day in chart.encounter_on:
        return
    rows = assumptions("conditions")
    if chart.person.age >= 45 and chart.draws.chance(visits["stay_per_year"] * 4):
        code, name = rows["stay"]["code"], rows["stay"]["name"]
        home = concept(DISCHARGE, "home", "Home")
        write_encounter(chart, day, 900, "IMP", "Pneumonia", (code, name), days=3, disposition=home)
        write_condition(chart, code, name, day, ended=day + timedelta(days=20), visit=True)
    elif chart.draws.chance(visits["emergency_per_year"] * 4):
        row = rows["emergency"]
        young = chart.person.age < 18
        code = row["young_code"] if young else row["code"]
        name = row["young_name"] if young else row["name"]
        write_encounter(chart, day, 1140, "EMER", name, (code, name), minutes=150)
        write_condition(chart, code, name, day, ended=day + timedelta(days=10), visit=True)


def _height_cm(chart: Chart) -> float:
    draws, person = chart.draws, chart.person
    adult = draws.near(176, 7, 158, 196) if person.birth_sex == "M" else draws.near(162.5, 6.5, 146, 182)
    if person.age is None or person.age >= 17:
        return adult
    return min(
        adult, draws.near(52 + 24 * min(person.age + 0.5, 1) + 6.1 * max(0, person.age - 1), 4, 48, 185)
    )


def _write_vitals(chart: Chart, day: date, height: float, *, with_height: bool) -> None:
    person, draws = chart.person, chart.draws
    minute = visit_minute(person.position) + 4
    child = person.age is not None and person.age < 18
    if not child or person.age >= 3:
        systolic, diastolic = _pressure(chart, day)
        write_blood_pressure(chart, day, minute, systolic, diastolic)
    bmi = chart.body_mass[day] = _body_mass_index(chart)
    weight = bmi * (height / 100) ** 2
    write_vital(chart, "weight", day, minute, f"{weight:.1f}")
    if with_height:
        write_vital(chart, "height", day, minute, f"{height:.1f}")
        write_vital(chart, "bmi", day, minute, f"{bmi:.1f}")
        write_vital(chart, "heart_rate", day, minute, str(draws.whole(58, 92) + (25 if child else 0)))
        write_vital(chart, "temperature", day, minute, f"{draws.near(36.7, 0.25, 36.0, 37.6):.1f}")


def _pressure(chart: Chart, day: date) -> tuple[int, int]:
    """The newest reading of somebody with hypertension is decided; older ones drift around their own level."""
    decision = chart.decisions[BLOOD_PRESSURE]
    if decision.value and day == chart.last_visit:
        systolic, diastolic = decision.value.split("/")
        return int(systolic), int(diastolic)
    draws = chart.draws
    if chart.person.age is not None and chart.person.age < 18:
        return draws.whole(88, 116), draws.whole(52, 74)
    mean = 138 if "hypertension" in chart.person.conditions else 117
    return int(draws.near(mean, 9, 96, 178)), int(draws.near(mean * 0.62, 6, 54, 104))


def _body_mass_index(chart: Chart) -> float:
    person, draws = chart.person, chart.draws
    if person.age is not None and person.age < 18:
        return draws.near(15.8 + 0.35 * person.age, 1.2, 13.2, 33)
    if "obesity" in person.conditions:
        return draws.near(34.2, 1.0, 30.4, 47)
    return draws.near(25.6, 1.0, 18.9, 29.6)


def write_bookings(chart: Chart) -> None:
    """Today's visit for those who hold a slot of the day, a past no-show for a few, and what is booked ahead."""
    person, draws, visits = chart.person, chart.draws, assumptions("visits")
    if person.standing in ("deceased", "inactive", "merged", "transferred_out"):
        return
    as_of = chart.calendar.as_of
    slot = today_slot(person.position)
    if slot is not None:
        write_appointment(chart, as_of, slot_minute(slot), "booked", draws.pick(visits["reasons"]["today"]))
    if draws.chance(visits["no_show_share"]):
        missed = visit_day(as_of - timedelta(days=draws.whole(20, 200)), person.position)
        if missed not in chart.encounter_on and (not person.birth_date or missed > person.birth_date):
            write_appointment(chart, missed, visit_minute(person.position), "noshow", "Follow-up visit")
    if draws.chance(visits["future_share"]):
        day = visit_day(as_of + timedelta(days=draws.whole(2, 80)), person.position, step=1)
        reason = visits["reasons"]["chronic" if person.conditions else "adult"]
        if person.age is not None and person.age < 18:
            reason = visits["reasons"]["child"]
        write_appointment(chart, day, visit_minute(person.position), "booked", reason)
    if chart.last_visit and chart.last_visit > as_of - timedelta(days=180):
        minute = visit_minute(person.position)
        write_appointment(chart, chart.last_visit, minute, "fulfilled", "Office visit")


def write_appointment(chart: Chart, day: date, minute: int, status: str, reason: str) -> str:
    number = chart.person.clinician
    minutes = assumptions("visits")["minutes_per_slot"]
    with_patient = "accepted" if status != "noshow" else "needs-action"
    return chart.add(
        "Appointment",
        {
            "status": status,
            "description": reason,
            "reasonCode": [{"text": reason}],
            "start": chart.calendar.instant(day, minute),
            "end": chart.calendar.instant(day, minute + minutes),
            "minutesDuration": minutes,
            "participant": [
                {"actor": chart.subject, "status": with_patient},
                {"actor": clinician_reference(number), "status": "accepted"},
                {"actor": location_reference(number), "status": "accepted"},
            ],
        },
    )
