"""A person's own results: final ones at once, in plain words, with a range only where the range is a number."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from data_contracts.api.chart import ResultPoint, ResultSeries
from data_contracts.api.portal import Language, OwnResult, OwnResults
from data_contracts.code_systems import ORGAN
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.queries import Resource, all_results
from ehr_core.charting.reports import is_result
from ehr_core.charting.reviews import DONE
from ehr_core.charting.series import Reading, category_of, result_series
from ehr_core.kernel.clock import in_zone
from ehr_core.kernel.fhir_json import codings
from ehr_core.workflows.portal_language import answer_language, own_person
from ehr_core.workflows.portal_range import place_in_range
from ehr_core.workflows.portal_result_words import (
    blood_pressure_words,
    place_words,
    plain_name,
    unit_words,
    value_words,
)

NOT_SENT_BACK = ("survey", "social-history")
"""Answers to questionnaires and habits are not sent back to people as results; the page says so."""

EARLIER_SHOWN = 12


def own_results(work: UnitOfWork, language: Language) -> OwnResults:
    """Newest first, observations and reports. What is held back or cannot be read is said. The caller audits its
    screen."""
    work.actor.require("own.read")
    facts = all_results(work, work.actor.patient_id, is_own_result)
    series = result_series(facts.results, Reading(work.today(), work.site_time_zone))
    shown = [_own_result(work, one, language) for one in series]
    results = [result for result in shown if result is not None]
    return OwnResults(
        language=language,
        results=sorted(results, key=lambda result: result.on or "", reverse=True),
        hidden_items=bool(facts.hidden_items or facts.unreadable_items),
    )


def is_own_result(resource: Resource) -> bool:
    """Whatever its kind, or without any: a result unless it is an answer, a habit, an organ of the profile, or a
    report that only groups others."""
    organs = any(system == ORGAN.uri for system, _ in codings(resource.get("code")))
    return is_result(resource) and not organs and category_of(resource) not in NOT_SENT_BACK


def read_own_results(work: UnitOfWork, asked_language: str | None) -> OwnResults:
    """The results page, audited."""
    person = own_person(work)
    found = own_results(work, answer_language(asked_language, person))
    work.audit("portal.results.read", patient_id=person.patient_id, detail={"results": len(found.results)})
    return found


def _own_result(work: UnitOfWork, series: ResultSeries, language: Language) -> OwnResult | None:
    """The newest finished value with its earlier ones; null when none is finished: a preliminary one is not shown."""
    points = [point for point in series.points if point.status in DONE]
    if not points:
        return None
    newest = points[0]
    is_pair = newest.second_number is not None
    number = None if is_pair else newest.number
    low, high = (newest.reference_low, newest.reference_high) if number is not None else (None, None)
    place = place_words(place_in_range(number, low, high, newest.flag), language)
    name = plain_name(series.system, series.code, series.name, language)
    return OwnResult(
        result_id=newest.result_id,
        is_report=newest.resource_type == "DiagnosticReport",
        name=name.plain,
        medical_name=name.medical,
        category=series.category,
        on=_site_day(newest, work.site_time_zone),
        text=_value(newest, language),
        number=number,
        unit=unit_words(newest.unit, language) or None,
        low=low,
        high=high,
        range_text=newest.reference_text if low is None and high is None else None,
        words=blood_pressure_words(language) if is_pair else place,
        reviewed=newest.reviewed,
        awaits_review=newest.awaits_review,
        comment=newest.comment,
        status=newest.status,
        earlier=[
            (_site_day(point, work.site_time_zone), _value(point, language))
            for point in points[1 : 1 + EARLIER_SHOWN]
        ],
    )


def _value(point: ResultPoint, language: Language) -> str:
    is_pair = point.second_number is not None
    return value_words(None if is_pair else point.number, point.unit, point.text, language)


def _site_day(point: ResultPoint, time_zone: str) -> str | None:
    """The day at the site; a partial date as it was written."""
    if point.at is None or "T" not in point.at:
        return point.at
    return in_zone(datetime.fromisoformat(point.at), ZoneInfo(time_zone)).date().isoformat()
