"""CMS-HCC scores, V24 and V28, as `hccinfhir` counts them: what a Medicare Advantage plan is paid for a person.

An estimate from the chart: it takes the diagnoses that stand on the day. CMS counts those that visits of the year
before have documented, and adjusts for coding and for the plans' average.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from hccinfhir import Demographics, HCCInFHIR

from pipelines.risk.people import Person
from pipelines.risk.scored import Scored

MODELS = {"hcc_v24": "CMS-HCC Model V24", "hcc_v28": "CMS-HCC Model V28"}
SEX = {"female": "F", "male": "M"}


@cache
def _model(name: str) -> HCCInFHIR:
    return HCCInFHIR(model_name=name)


def hcc_scores(person: Person) -> list[Scored]:
    reason = _unknown(person)
    return [_score(score, name, person, reason) for score, name in MODELS.items()]


def _unknown(person: Person) -> str | None:
    """Why there is no score. Without any diagnosis it is the one of age and sex, which is no care need at all."""
    if not person.in_medicare:
        return "not_in_medicare"
    if person.age is None:
        return "no_birth_date"
    if person.sex not in SEX:
        return "no_sex"
    return None if person.codes else "no_coded_diagnosis"


def _score(score: str, name: str, person: Person, reason: str | None) -> Scored:
    origin = f"{name}, hccinfhir {version('hccinfhir')}"
    if reason:
        return Scored(person, score, origin, "payment", None, reason)
    about = Demographics(age=person.age, sex=SEX[person.sex])
    found = _model(name).calculate_from_diagnosis(list(person.codes), about)
    parts = ", ".join(f"HCC {one}" for one in sorted(found.hcc_list, key=int))
    return Scored(person, score, origin, "payment", round(found.risk_score, 3), None, parts)
