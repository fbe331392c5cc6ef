"""The growth of one child: every weight, length, head circumference and BMI on record against the references."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy import text

from data_contracts.api.growth import GrowthChart, GrowthCurve, GrowthIndicator, GrowthPoint, GrowthView
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting import growth
from ehr_core.charting.moments import day_of, observed_at
from ehr_core.charting.parts import LOINC, Resource
from ehr_core.charting.queries import Subject, found_in_record, sorted_facts, subject_of
from ehr_core.charting.reading import NO_SUCH_PATIENT, require_reading
from ehr_core.charting.reviews import DONE
from ehr_core.kernel.errors import NotFound
from ehr_core.kernel.fhir_json import codes

INDICATORS: dict[GrowthIndicator, tuple[str, tuple[str, ...]]] = {
    "weight": ("kg", ("29463-7", "3141-9")),
    "length": ("cm", ("8302-2", "8306-3")),
    "head_circumference": ("cm", ("9843-4", "8287-5")),
    "bmi": ("kg/m2", ("39156-5",)),
}
TO_UNIT: dict[tuple[str, str], Decimal] = {
    ("kg", "g"): Decimal("0.001"),
    ("kg", "[lb_av]"): Decimal("0.45359237"),
    ("cm", "[in_i]"): Decimal("2.54"),
    ("cm", "m"): Decimal(100),
}

MEASURED = text("""
SELECT 'Observation' AS kind, version_id, body FROM fhir.observation
WHERE patient_id = :id AND NOT deleted AND status = ANY(:done) AND code_tokens && :codes
ORDER BY date_low
""")


def read_growth(work: UnitOfWork, *, patient_id: str) -> GrowthView:
    """Charts for those that have a measurement. What cannot be compared is shown without a percentile."""
    require_reading(work, patient_id)
    subject = subject_of(work, patient_id)
    if subject is None:
        raise NotFound(NO_SUCH_PATIENT)
    listed = [f"{LOINC}|{code}" for _, wanted in INDICATORS.values() for code in wanted]
    rows = found_in_record(work, MEASURED, {"id": patient_id, "done": sorted(DONE), "codes": listed})
    facts = sorted_facts(work, ((row.kind, row.version_id, row.body) for row in rows))
    work.audit("growth_read", patient_id=patient_id)
    born = full_birth_date(subject)
    charts = [_chart(work, name, facts.of("Observation"), subject, born) for name in INDICATORS]
    return GrowthView(
        patient_id=patient_id,
        sex=subject.sex,
        charts=[chart for chart in charts if chart.points],
        missing=_missing(subject, born),
    )


def full_birth_date(subject: Subject) -> date | None:
    """Only a whole date tells an age in days."""
    written = subject.birth_date or ""
    return date.fromisoformat(written) if len(written) == 10 else None


def _missing(subject: Subject, born: date | None) -> str | None:
    if born is None:
        return "The full birth date is not recorded, so no age can be reckoned."
    if subject.sex not in ("female", "male"):
        return (
            "The references are for girls and boys; no such sex is recorded at birth, so nothing is compared."
        )
    return None


def _chart(
    work: UnitOfWork,
    indicator: GrowthIndicator,
    observations: list[Resource],
    subject: Subject,
    born: date | None,
) -> GrowthChart:
    unit, wanted = INDICATORS[indicator]
    points = [
        point
        for observation in observations
        if codes(observation.get("code")) & set(wanted)
        and (point := _point(work, indicator, unit, observation, subject, born)) is not None
    ]
    references = dict.fromkeys(point.reference for point in points if point.reference)
    curves = [
        GrowthCurve(reference=reference, percentile=percentile, points=line)
        for reference in references
        for percentile in growth.SHOWN_PERCENTILES
        if (line := growth.curve(reference, indicator, subject.sex or "", percentile))
    ]
    return GrowthChart(indicator=indicator, unit=unit, points=points, curves=curves)


def _point(
    work: UnitOfWork,
    indicator: GrowthIndicator,
    unit: str,
    observation: Resource,
    subject: Subject,
    born: date | None,
) -> GrowthPoint | None:
    """None without a day or a number in a unit that is known: it is then seen among the results."""
    on = day_of(observed_at(observation), work.site_time_zone)
    value = _in_unit(observation.get("valueQuantity") or {}, unit)
    if on is None or value is None or born is None or on < born:
        return None
    months = growth.age_months(born, on)
    compared = float(value)
    if indicator == "length":
        position = (observation.get("method") or {}).get("text")
        compared = growth.length_for_reference(compared, months, position)
    stands = growth.growth_of(indicator, subject.sex, born, on, compared)
    return GrowthPoint(
        observation_id=observation["id"],
        on=on,
        age_months=round(months, 2),
        value=value,
        unit=unit,
        reference=stands.reference if stands else None,
        z=round(stands.z, 2) if stands else None,
        percentile=round(stands.percentile, 1) if stands else None,
    )


def _in_unit(quantity: Resource, unit: str) -> Decimal | None:
    value, given = quantity.get("value"), quantity.get("code") or quantity.get("unit")
    if value is None:
        return None
    factor = Decimal(1) if given == unit else TO_UNIT.get((unit, given))
    return None if factor is None else Decimal(value) * factor
