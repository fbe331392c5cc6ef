"""Records one set of vital signs: checked, asked about where unusual, stored, the BMI reckoned. No commit inside."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import text

from data_contracts.api.chart import Recorded, RecordVitals
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting import growth
from ehr_core.charting.growth_reading import full_birth_date
from ehr_core.charting.moments import day_of, observed_at
from ehr_core.charting.parts import LOINC, Resource, instant, person
from ehr_core.charting.queries import Subject
from ehr_core.charting.reviews import DONE
from ehr_core.charting.service import create, moment_checked, recorded, subject_to_write
from ehr_core.charting.vital_limits import LastWeight, check_unusual
from ehr_core.charting.vital_signs import BMI, BMI_PERCENTILE, build_derived, build_vitals, check_vitals
from ehr_core.charting.vital_units import in_metric
from ehr_core.kernel.fhir_json import codes, decode
from ehr_core.store.versions import StoredResource

GROWN_YEARS = 20
"""From this age on an earlier height may stand for today's."""
HEIGHT_DAYS = 5 * 365

NEWEST = text("""
SELECT body FROM fhir.observation
WHERE patient_id = :id AND NOT deleted AND status = ANY(:done) AND code_tokens @> ARRAY[:code]
ORDER BY date_low DESC NULLS LAST, id DESC LIMIT 1
""")


def record_vitals(work: UnitOfWork, *, patient_id: str, vitals: RecordVitals) -> Recorded:
    """One Observation a sign, the blood pressure as a pair, and the BMI where it can be reckoned.

    Raises InvalidResource naming the field; for a value that is only unusual its issue asks for a confirmation.
    """
    subject = subject_to_write(work, patient_id, vitals.encounter_id)
    metric, typed = in_metric(vitals)
    check_vitals(metric)
    moment_checked(work, metric.at, subject)
    day = metric.at.date()
    check_unusual(metric, age_years=_age_years(subject, day), last_weight=_last_weight(work, patient_id))
    built = build_vitals(
        metric,
        patient_id=patient_id,
        performer=person(work.actor),
        issued=instant(work.now()),
        typed=typed,
    )
    written = [(resource, create(work, resource)) for resource in built]
    derived = [create(work, resource) for resource in _derived(work, subject, day, written)]
    return recorded(work, [stored for _, stored in written] + derived)


def _age_years(subject: Subject, day: date) -> int | None:
    born = full_birth_date(subject)
    if born is None:
        return int(day.year) - int(subject.birth_date[:4]) if subject.birth_date else None
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _last_weight(work: UnitOfWork, patient_id: str) -> LastWeight | None:
    found = _newest(work, patient_id, "29463-7")
    quantity = (found or {}).get("valueQuantity") or {}
    on = day_of(observed_at(found), work.site_time_zone) if found else None
    if on is None or (quantity.get("code") or quantity.get("unit")) != "kg" or quantity.get("value") is None:
        return None
    return LastWeight(Decimal(quantity["value"]), on)


def _derived(
    work: UnitOfWork, subject: Subject, day: date, written: list[tuple[Resource, StoredResource]]
) -> list[Resource]:
    """The BMI of this weight and this height, or of a grown person's last height; a child's with its percentile."""
    by_code = {code: pair for pair in written for code in codes(pair[0]["code"])}
    weight = by_code.get("29463-7")
    if weight is None:
        return []
    height = by_code.get("8302-2") or _earlier_height(work, subject, day)
    if height is None:
        return []
    sources = [
        (weight[0], weight[1].id),
        (height[0], height[1] if isinstance(height[1], str) else height[1].id),
    ]
    value = growth.bmi(weight[0]["valueQuantity"]["value"], height[0]["valueQuantity"]["value"])
    made = [build_derived(BMI, value, sources)]
    born = full_birth_date(subject)
    stands = growth.growth_of("bmi", subject.sex, born, day, float(value)) if born else None
    if stands is not None and stands.reference == "cdc":
        percentile = Decimal(str(round(stands.percentile, 1)))
        made.append(build_derived(BMI_PERCENTILE, percentile, sources))
    return made


def _earlier_height(work: UnitOfWork, subject: Subject, day: date) -> tuple[Resource, str] | None:
    age = _age_years(subject, day)
    found = _newest(work, subject.patient_id, "8302-2")
    on = day_of(observed_at(found), work.site_time_zone) if found else None
    if age is None or age < GROWN_YEARS or found is None or on is None or (day - on).days > HEIGHT_DAYS:
        return None
    quantity = found.get("valueQuantity") or {}
    return (
        (found, found["id"]) if (quantity.get("code"), quantity.get("value", 0) > 0) == ("cm", True) else None
    )


def _newest(work: UnitOfWork, patient_id: str, code: str) -> Resource | None:
    values = {"id": patient_id, "done": sorted(DONE), "code": f"{LOINC}|{code}"}
    body = work.connection.execute(NEWEST, values).scalars().first()
    return decode(body) if body else None
