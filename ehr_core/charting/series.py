"""Results grouped by test, newest first, every value digit for digit. Pure: stored resources in, series out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from data_contracts.api.chart import ResultPoint, ResultSeries
from data_contracts.code_systems import LOINC
from ehr_core.charting.flags import flag_of, usual_range
from ehr_core.charting.moments import observed_at, sort_moment
from ehr_core.charting.outside_source import outside_source
from ehr_core.charting.reports import is_report, is_result, report_category, report_words
from ehr_core.charting.reviews import DONE, awaits_review, review_of
from ehr_core.display import show_date, show_quantity
from ehr_core.kernel.fhir_json import codes, codings, words

Resource = dict[str, Any]
Category = Literal["laboratory", "vital-signs", "survey", "social-history", "imaging", "other"]

CATEGORIES: tuple[Category, ...] = ("laboratory", "vital-signs", "survey", "social-history", "imaging")
BLOOD_PRESSURE_PANELS = frozenset({"85354-9", "55284-4", "35094-2"})
BLOOD_PRESSURE = "85354-9"
SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
MMHG = "mm[Hg]"


@dataclass(frozen=True)
class Versioned:
    """A resource and the version that a change of it must name."""

    version_id: int
    resource: Resource


@dataclass(frozen=True)
class Reading:
    """On which day, in which zone, and for whom the record is read."""

    today: date
    time_zone: str
    may_write: bool = False


@dataclass(frozen=True)
class _Value:
    text: str
    number: Decimal | None = None
    second_number: Decimal | None = None
    unit: str | None = None


def result_series(results: Iterable[Versioned], reading: Reading) -> list[ResultSeries]:
    """One series a test, by category and name. Retracted and preliminary points stay, marked by their status.

    A report stands in the series of its own code, so that a mammogram is one line however it was sent.
    """
    grouped: dict[tuple[str, str], list[tuple[ResultPoint, Resource, str]]] = defaultdict(list)
    for stored in results:
        for system, code, name, point in points_of(stored, reading):
            grouped[(system, code)].append((point, stored.resource, name))
    series = [_series(system, code, found) for (system, code), found in grouped.items()]
    return sorted(series, key=lambda item: (_rank(item.category), item.name.lower()))


def _rank(category: Category) -> int:
    return CATEGORIES.index(category) if category in CATEGORIES else len(CATEGORIES)


def _series(system: str, code: str, found: list[tuple[ResultPoint, Resource, str]]) -> ResultSeries:
    found.sort(key=lambda item: (sort_moment(item[0].at), item[0].result_id), reverse=True)
    points = [point for point, _, _ in found]
    counted = next((point for point in points if point.status in DONE and point.unit), None)
    return ResultSeries(
        code=code,
        system=system,
        name="Blood pressure" if code == BLOOD_PRESSURE else found[0][2],
        category=category_of(found[0][1]),
        unit=counted.unit if counted else next((point.unit for point in points if point.unit), None),
        points=points,
    )


def category_of(observation: Resource) -> Category:
    if is_report(observation):
        return report_category(observation)
    given = {code for concept in observation.get("category") or () for code in codes(concept)}
    return next((category for category in CATEGORIES if category in given), "other")


def points_of(stored: Versioned, reading: Reading) -> Iterator[tuple[str, str, str, ResultPoint]]:
    """(system, code, name, point) of an observation; a panel without a value of its own gives one a component."""
    resource = stored.resource
    system, code, name = _test(resource.get("code"))
    if is_report(resource):
        if is_result(resource):
            value = _Value(report_words(resource))
            yield system, code, name, _point(stored, reading, resource, value, may_correct=False)
        return
    if code in BLOOD_PRESSURE_PANELS:
        pair = _blood_pressure(resource)
        if pair:
            yield LOINC.uri, BLOOD_PRESSURE, name, _point(stored, reading, resource, pair, may_correct=False)
            return
    value = _value(resource)
    components = resource.get("component") or []
    if value or not components:
        shown = value or _Value(_absence(resource))
        yield system, code, name, _point(stored, reading, resource, shown, may_correct=True)
    for component in components:
        part = _value(component) or _Value(_absence(component))
        yield *_test(component.get("code")), _point(stored, reading, component, part, may_correct=False)


def _test(concept: Resource | None) -> tuple[str, str, str]:
    """System, code and name of what was measured: the LOINC code where there is one."""
    found = list(codings(concept))
    system, code = next((pair for pair in found if pair[0] == LOINC.uri), found[0] if found else ("", ""))
    name = words(concept) or "not named"
    return system, code or name, name


def _point(
    stored: Versioned, reading: Reading, holder: Resource, value: _Value, *, may_correct: bool
) -> ResultPoint:
    resource = stored.resource
    usual = usual_range(holder, value.unit)
    review = review_of(resource)
    return ResultPoint(
        result_id=resource["id"],
        resource_type="DiagnosticReport" if is_report(resource) else "Observation",
        version_id=stored.version_id,
        at=observed_at(resource),
        number=value.number,
        second_number=value.second_number,
        text=value.text,
        unit=value.unit,
        status=resource.get("status", "unknown"),
        flag=flag_of(holder, value.number if value.second_number is None else None, usual),
        reference_low=usual.low,
        reference_high=usual.high,
        reference_text=usual.text,
        source=outside_source(resource),
        reviewed=review is not None,
        awaits_review=awaits_review(resource, reading.today, reading.time_zone),
        reviewed_by=f"{review.by}, {show_date(review.at, reading.time_zone)}" if review else None,
        comment=review.comment if review else None,
        can_correct=reading.may_write and may_correct and correctable(resource),
    )


def correctable(observation: Resource) -> bool:
    """A plain number: anything else is marked in error and recorded again."""
    quantity = observation.get("valueQuantity") or {}
    return "value" in quantity and not quantity.get("comparator") and not observation.get("component")


def _blood_pressure(panel: Resource) -> _Value | None:
    """'128/76 mmHg', when both components are numbers in mm[Hg]; None when the pair is not whole."""
    parts: dict[str, Decimal] = {}
    for component in panel.get("component") or ():
        value = _value(component)
        for _, code in codings(component.get("code")):
            if value and value.number is not None and value.unit == MMHG:
                parts[code] = value.number
    if SYSTOLIC not in parts or DIASTOLIC not in parts:
        return None
    systolic, diastolic = parts[SYSTOLIC], parts[DIASTOLIC]
    return _Value(f"{systolic:f}/{diastolic:f} mmHg", systolic, diastolic, MMHG)


def _value(holder: Resource) -> _Value | None:
    """The value as recorded; None when there is none. A bound ('<5') is text, never a number to draw."""
    quantity = holder.get("valueQuantity")
    if quantity and "value" in quantity:
        number = Decimal(str(quantity["value"]))
        unit = quantity.get("code") or quantity.get("unit")
        comparator = quantity.get("comparator", "")
        text = comparator + show_quantity(number, unit)
        return _Value(text, None if comparator else number, unit=unit)
    said = words(holder.get("valueCodeableConcept")) or holder.get("valueString")
    if said:
        return _Value(said)
    if "valueInteger" in holder:
        return _Value(str(holder["valueInteger"]), Decimal(holder["valueInteger"]))
    if "valueBoolean" in holder:
        return _Value("yes" if holder["valueBoolean"] else "no")
    return _other_value(holder)


def _other_value(holder: Resource) -> _Value | None:
    """Dates, times, ranges and ratios, in words."""
    for kind in ("valueDateTime", "valueTime"):
        if holder.get(kind):
            return _Value(holder[kind])
    pair = holder.get("valueRange") or holder.get("valueRatio") or {}
    parts = (pair.get("low") or pair.get("numerator"), pair.get("high") or pair.get("denominator"))
    shown = [
        show_quantity(str(part["value"]), part.get("code")) for part in parts if part and "value" in part
    ]
    joiner = " to " if "valueRange" in holder else " : "
    return _Value(joiner.join(shown)) if shown else None


def _absence(holder: Resource) -> str:
    """Why there is no value, in words: never a zero and never an empty cell."""
    reason = words(holder.get("dataAbsentReason"))
    if reason:
        return f"no value ({reason.replace('-', ' ').lower()})"
    flagged = next(filter(None, map(words, holder.get("interpretation") or ())), None)
    return flagged or "no value recorded"
