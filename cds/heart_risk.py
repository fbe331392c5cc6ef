"""Reads the inputs of the heart-risk equations from the record, with day and value, and computes one of them.

The two stay apart: USPSTF on statins asks for the pooled cohort equations, the hypertension guideline for PREVENT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cds.cards import Reason
from cds.coded import active_conditions, codes_of
from cds.dates import months_after
from cds.facts import Facts, Measurement, MissingFact
from cds.ingredients import members
from cds.kidney_function import kidney_function
from cds.knowledge import read_toml
from cds.lab_values import LabValue, recent_value
from cds.risk.answer import Computed, NotComputed
from cds.risk.body_mass_index import body_mass_index
from cds.risk.pooled_cohort import PooledCohortInputs, pooled_cohort_risk
from cds.risk.prevent import PreventInputs, prevent_risk
from data_contracts.equations.coefficients import coefficients

KNOWLEDGE = "heart_risk.toml"


@dataclass(frozen=True, slots=True)
class HeartRisk:
    """A risk in percent, the equation's name, and the values it was made from."""

    percent: float
    equation: str
    because: tuple[Reason, ...]
    notes: tuple[str, ...] = ()


def pooled_cohort(facts: Facts) -> HeartRisk:
    """Ten-year ASCVD risk by the pooled cohort equations; raises MissingFact naming everything that is missing."""
    known = _together(
        age=lambda: facts.age_years,
        total=lambda: _lab(facts, "total_cholesterol"),
        hdl=lambda: _lab(facts, "hdl_cholesterol"),
        systolic=lambda: _lab(facts, "systolic_blood_pressure"),
        sex=lambda: _sex(facts),
        race=lambda: race_of(facts),
        smokes=lambda: _smokes(facts),
        treated=lambda: takes_antihypertensive(facts),
        diabetes=lambda: has_diabetes(facts),
    )
    answer = pooled_cohort_risk(
        PooledCohortInputs(
            age_years=known["age"],
            sex=known["sex"],
            race=known["race"],
            total_cholesterol_mg_per_dl=known["total"].value,
            hdl_cholesterol_mg_per_dl=known["hdl"].value,
            systolic_mm_hg=known["systolic"].value,
            takes_antihypertensive=known["treated"],
            smokes=known["smokes"],
            has_diabetes=known["diabetes"],
        )
    )
    return _risk(answer, facts, (known["total"], known["hdl"], known["systolic"]), _said(known))


def prevent(facts: Facts) -> HeartRisk:
    """Ten-year total CVD risk by PREVENT; raises MissingFact naming everything that is missing."""
    known = _together(
        age=lambda: facts.age_years,
        total=lambda: _lab(facts, "total_cholesterol"),
        hdl=lambda: _lab(facts, "hdl_cholesterol"),
        systolic=lambda: _lab(facts, "systolic_blood_pressure"),
        index=lambda: _body_mass_index(facts),
        egfr=lambda: kidney_function(facts, "egfr", counts_for_months()["egfr"]),
        sex=lambda: _sex(facts),
        smokes=lambda: _smokes(facts),
        treated=lambda: takes_antihypertensive(facts),
        statin=lambda: takes_any(facts, members("statins")),
        diabetes=lambda: has_diabetes(facts),
    )
    answer = prevent_risk(
        PreventInputs(
            age_years=known["age"],
            sex=known["sex"],
            total_cholesterol_mg_per_dl=known["total"].value,
            hdl_cholesterol_mg_per_dl=known["hdl"].value,
            systolic_mm_hg=known["systolic"].value,
            body_mass_index=known["index"],
            egfr=known["egfr"].value,
            has_diabetes=known["diabetes"],
            smokes=known["smokes"],
            takes_antihypertensive=known["treated"],
            takes_statin=known["statin"],
        )
    )
    said = (*_said(known), *known["egfr"].because, Reason("body mass index", f"{known['index']:.1f} kg/m2"))
    return _risk(answer, facts, (known["total"], known["hdl"], known["systolic"]), said)


def _risk(
    answer: Computed | NotComputed, facts: Facts, labs: tuple[LabValue, ...], said: tuple[Reason, ...]
) -> HeartRisk:
    if isinstance(answer, NotComputed):
        raise MissingFact(f"the risk ({answer.why.rstrip('.')})")
    reasons = tuple(lab.reason(facts.as_of) for lab in labs)
    return HeartRisk(answer.value, answer.equation, (*reasons, *said), answer.notes)


def _said(known: dict[str, Any]) -> tuple[Reason, ...]:
    words = {True: "yes", False: "no"}
    return (
        Reason("age", f"{known['age']} years"),
        Reason("sex", known["sex"]),
        Reason("smokes", words[known["smokes"]]),
        Reason("diabetes", words[known["diabetes"]]),
        Reason("treated for blood pressure", words[known["treated"]]),
    )


def _together(**readers: Callable[[], Any]) -> dict[str, Any]:
    """Reads everything and then complains once, naming all that is missing."""
    known, missing = {}, []
    for name, read in readers.items():
        try:
            known[name] = read()
        except MissingFact as absent:
            missing += absent.what
    if missing:
        raise MissingFact(*dict.fromkeys(missing))
    return known


def counts_for_months() -> dict[str, int]:
    """For how many months a value of each analyte counts."""
    return coefficients("heart_risk_inputs")["counts_for_months"]


def _lab(facts: Facts, key: str) -> LabValue:
    value = recent_value(facts, key, counts_for_months()[key])
    if value.comparator:
        raise MissingFact(f"an exact {value.name} (recorded as {value.figure})")
    return value


def _sex(facts: Facts) -> str:
    if facts.sex is None:
        raise MissingFact("sex")
    return facts.sex


def _smokes(facts: Facts) -> bool:
    if facts.smokes is None:
        raise MissingFact("whether the person smokes")
    return facts.smokes


def race_of(facts: Facts) -> str:
    """'black' or 'white_or_other'; raises MissingFact where race is not recorded, or several that differ here."""
    words = read_toml(KNOWLEDGE)["race"]
    recorded = {one.strip().lower() for one in facts.races} - set(words["not_said"])
    if not recorded:
        raise MissingFact("race, which the pooled cohort equations ask for")
    black = recorded & set(words["black"])
    if black and recorded - black:
        raise MissingFact("one race: several are recorded, and the equations know one at a time")
    return "black" if black else "white_or_other"


def has_diabetes(facts: Facts) -> bool:
    """By the problem list; raises MissingFact where it could not be seen."""
    return bool(active_conditions(facts, codes_of("diabetes")))


def takes_any(facts: Facts, rxcuis: frozenset[str]) -> bool:
    """Raises MissingFact where medications could not be seen, or one that could be it could not be identified."""
    facts.need("medications")
    if any(not rxcuis.isdisjoint(one.ingredients) for one in facts.medications):
        return True
    for one in facts.medications:
        if not one.coded:
            raise MissingFact(f"what '{one.name}' is")
    return False


@cache
def antihypertensives() -> frozenset[str]:
    listed = read_toml(KNOWLEDGE)["antihypertensives"]
    of_classes = frozenset().union(*(members(one) for one in listed["classes"]))
    return of_classes | frozenset(listed["ingredients"].values())


def takes_antihypertensive(facts: Facts) -> bool:
    return takes_any(facts, antihypertensives())


def _body_mass_index(facts: Facts) -> float:
    months = counts_for_months()
    weight = _measurement(facts.latest_weight_kg, "body_weight", facts, months)
    height = _measurement(facts.latest_height_cm, "body_height", facts, months)
    answer = body_mass_index(weight_kg=weight, height_cm=height)
    if isinstance(answer, NotComputed):
        raise MissingFact(f"the body mass index ({answer.why.rstrip('.')})")
    return answer.value


def _measurement(found: Measurement | None, key: str, facts: Facts, months: dict[str, int]) -> float:
    words = key.removeprefix("body_")
    if found is None or found.on < months_after(facts.as_of, -months[key]):
        raise MissingFact(f"a {words} from the last {months[key]} months")
    return found.value
