"""A person's own results: final ones at once, in plain words, with a range only where the range is a number."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from data_contracts.api.chart import ResultPoint, ResultSeries
from data_contracts.api.portal import OwnResult, OwnResults
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.charting.queries import all_observations
from ehr_core.charting.reviews import DONE
from ehr_core.charting.series import Reading, result_series

SHOWN_CATEGORIES = ("laboratory", "vital-signs", "imaging")
"""Answers to questionnaires and habits are not sent back to people as results."""

NEW_DAYS = 14
EARLIER_SHOWN = 12
A_LITTLE = Decimal("0.1")
"""Share of the usual range's width that still counts as "a little" outside it. Ours, for words only."""

WORDS = {
    "en": {
        "within": "within the usual range",
        "a_little_above": "a little above the usual range",
        "above": "above the usual range",
        "a_little_below": "a little below the usual range",
        "below": "below the usual range",
    },
    "es": {
        "within": "dentro del rango habitual",
        "a_little_above": "un poco por encima del rango habitual",
        "above": "por encima del rango habitual",
        "a_little_below": "un poco por debajo del rango habitual",
        "below": "por debajo del rango habitual",
    },
}


def own_results(work: UnitOfWork, language: str) -> OwnResults:
    """Newest first. Labelled items are held back and their absence is said. The caller audits its screen."""
    work.actor.require("own.read")
    facts = all_observations(work, work.actor.patient_id)
    series = result_series(facts.observations, Reading(work.today(), work.site_time_zone))
    shown = [_own_result(work, one, language) for one in series if one.category in SHOWN_CATEGORIES]
    results = [result for result in shown if result is not None]
    return OwnResults(
        results=sorted(results, key=lambda result: result.on or "", reverse=True),
        hidden_items=bool(facts.hidden_items),
    )


def read_own_results(work: UnitOfWork, language: str) -> OwnResults:
    """The results page, audited."""
    found = own_results(work, language)
    work.audit(
        "portal.results.read", patient_id=work.actor.patient_id, detail={"results": len(found.results)}
    )
    return found


def range_words(
    number: Decimal | None, low: Decimal | None, high: Decimal | None, language: str
) -> str | None:
    """Where a number lies; null without a number or without both bounds: no judgement is made up."""
    if number is None or low is None or high is None or high <= low:
        return None
    words, margin = WORDS[language], (high - low) * A_LITTLE
    if low <= number <= high:
        return words["within"]
    if number > high:
        return words["a_little_above" if number <= high + margin else "above"]
    return words["a_little_below" if number >= low - margin else "below"]


def _own_result(work: UnitOfWork, series: ResultSeries, language: str) -> OwnResult | None:
    points = [point for point in series.points if point.status in DONE]
    if not points:
        return None
    newest = points[0]
    has_line = newest.number is not None and newest.second_number is None
    low, high = (newest.reference_low, newest.reference_high) if has_line else (None, None)
    return OwnResult(
        observation_id=newest.observation_id,
        name=series.name,
        on=_site_day(newest, work.site_time_zone),
        text=newest.text,
        number=newest.number if has_line else None,
        unit=newest.unit,
        low=low,
        high=high,
        words=range_words(newest.number if has_line else None, low, high, language),
        reviewed=newest.reviewed,
        comment=newest.comment,
        status=newest.status,
        earlier=[
            (_site_day(point, work.site_time_zone), point.text) for point in points[1 : 1 + EARLIER_SHOWN]
        ],
    )


def _site_day(point: ResultPoint, time_zone: str) -> str | None:
    """The day at the site; a partial date as it was written."""
    if point.at is None or "T" not in point.at:
        return point.at
    day: date = datetime.fromisoformat(point.at).astimezone(ZoneInfo(time_zone)).date()
    return day.isoformat()
