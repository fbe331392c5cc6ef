"""How well the kidneys work, as rules on doses ask for it: eGFR or creatinine clearance from a recent creatinine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cds.cards import Reason
from cds.coded import active_conditions, codes_of
from cds.dosing import dosing_weight_kg
from cds.facts import Facts, MissingFact
from cds.lab_values import LabValue, latest_value, recent_value, shown_unit
from cds.risk.answer import Answer, NotComputed
from cds.risk.kidney import creatinine_clearance, egfr_ckd_epi_2021

Measure = Literal["egfr", "crcl"]
NAMES: dict[Measure, str] = {"egfr": "eGFR", "crcl": "Creatinine clearance"}
UNITS: dict[Measure, str] = {"egfr": "mL/min/1.73 m²", "crcl": "mL/min"}


@dataclass(frozen=True, slots=True)
class KidneyFunction:
    """A value in mL/min (eGFR: per 1.73 m²) and its grounds. `failure`: dialysis or end-stage disease, value 0."""

    measure: Measure
    value: float
    because: tuple[Reason, ...]
    failure: bool = False

    @property
    def words(self) -> str:
        if self.failure:
            return "kidney failure is recorded"
        return f"{NAMES[self.measure]} {self.value:.0f} {UNITS[self.measure]}"


def kidney_function(facts: Facts, measure: Measure, months: int) -> KidneyFunction:
    """By CKD-EPI 2021 or Cockcroft–Gault; creatinine at most so many months old, actual weight at most a year old.

    A reported eGFR counts where it is newer than the creatinine. Adults only. Raises MissingFact.
    """
    if failure := _failure(facts):
        return failure
    if measure == "egfr" and (reported := _reported(facts, months)):
        value = reported.value
        return KidneyFunction(measure, value, (reported.reason(facts.as_of),))
    creatinine = recent_value(facts, "creatinine", months)
    if measure == "egfr":
        return _by_ckd_epi(facts, creatinine)
    return _by_cockcroft_gault(facts, creatinine)


def is_changing(facts: Facts) -> bool:
    """Whether acute kidney injury is an active problem: the equations do not hold then."""
    return bool(active_conditions(facts, codes_of("acute_kidney_injury")))


def _failure(facts: Facts) -> KidneyFunction | None:
    """Recorded dialysis or end-stage disease without a working transplant: no equation holds, the lowest band does."""
    failing = active_conditions(facts, codes_of("kidney_failure"))
    if not failing or active_conditions(facts, codes_of("kidney_transplant")):
        return None
    reasons = tuple(Reason(one.name, None, one.onset, one.reference) for one in failing)
    return KidneyFunction("egfr", 0.0, reasons, failure=True)


def _reported(facts: Facts, months: int) -> LabValue | None:
    """The laboratory's own eGFR, where it is newer than the newest creatinine; "> 60" counts as 60."""
    reported = latest_value(facts, "egfr")
    creatinine = latest_value(facts, "creatinine")
    if reported is None or (creatinine is not None and creatinine.on >= reported.on):
        return None
    return recent_value(facts, "egfr", months)


def _by_ckd_epi(facts: Facts, creatinine: LabValue) -> KidneyFunction:
    answer = egfr_ckd_epi_2021(
        age_years=facts.age_years, sex=facts.sex, creatinine_mg_per_dl=creatinine.value
    )
    return KidneyFunction(
        "egfr", _number(answer), (creatinine.reason(facts.as_of), _equation("CKD-EPI 2021", answer))
    )


def _by_cockcroft_gault(facts: Facts, creatinine: LabValue) -> KidneyFunction:
    weight = dosing_weight_kg(facts)
    answer = creatinine_clearance(
        age_years=facts.age_years, sex=facts.sex, weight_kg=weight, creatinine_mg_per_dl=creatinine.value
    )
    because = (
        creatinine.reason(facts.as_of),
        Reason("weight", f"{weight:g} kg", facts.latest_weight_kg.on, facts.latest_weight_kg.reference),
        _equation("Cockcroft–Gault, actual weight", answer),
    )
    return KidneyFunction("crcl", _number(answer), because)


def _number(answer: Answer) -> float:
    if isinstance(answer, NotComputed):
        raise MissingFact(*(answer.missing or (answer.why.rstrip("."),)))
    return answer.value


def _equation(name: str, answer: Answer) -> Reason:
    return Reason(name, f"{_number(answer):.1f} {shown_unit(answer.unit)}")
