"""Who has looked at a result, kept on the result itself; and which results still wait for that. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ehr_core.charting.moments import day_of, observed_at
from ehr_core.charting.reports import is_report, is_result
from ehr_core.kernel.fhir_json import codes, encode, extension

Resource = dict[str, Any]

REVIEW_URL = "https://almoner.dev/fhir/StructureDefinition/result-review"
"""Extension on Observation and DiagnosticReport: `at`, `by`, and `comment` for the patient. It travels with the result
and its history."""

ARRIVES_UNSEEN = frozenset({"laboratory", "imaging"})
SEEN_WHEN_RECORDED = frozenset({"vital-signs", "survey", "social-history", "exam", "activity", "therapy"})
"""A vital sign, an answer, a habit or a finding is seen by whoever records it. Anything else may arrive unseen: also
what names no category, or one that we do not know."""

DONE = frozenset({"final", "amended", "corrected", "appended"})

REVIEW_EXPECTED_DAYS = 60
"""A result that was older than this on the day it entered came with historical records: nobody is waiting for its
review, and nobody says that there was one. Ours, to be set by the site's clinical lead."""


@dataclass(frozen=True)
class Review:
    at: str
    by: str
    comment: str | None


def review_of(observation: Resource) -> Review | None:
    """The recorded review; None when there is none."""
    found = extension(observation, REVIEW_URL)
    if found is None:
        return None
    parts = {part["url"]: part for part in found.get("extension") or ()}
    return Review(
        at=parts.get("at", {}).get("valueDateTime", ""),
        by=parts.get("by", {}).get("valueReference", {}).get("display", "not recorded"),
        comment=parts.get("comment", {}).get("valueString"),
    )


def expects_review(resource: Resource) -> bool:
    """Is this a kind of result that may arrive without anybody having seen it?"""
    if is_report(resource):
        return is_result(resource)
    categories = {code for concept in resource.get("category") or () for code in codes(concept)}
    return bool(categories & ARRIVES_UNSEEN) or not categories & SEEN_WHEN_RECORDED


def awaits_review(observation: Resource, today: date, time_zone: str) -> bool:
    """Final, of a kind that may arrive unseen, recent when it entered (or without a readable day), and not reviewed.

    Waiting does not end by itself: what counts is how old it was when this version entered, not how old it is today.
    A resource that does not say when it entered is taken as entering today.
    """
    if observation.get("status") not in DONE or not expects_review(observation):
        return False
    return review_of(observation) is None and came_as_news(observation, today, time_zone)


def came_as_news(observation: Resource, today: date, time_zone: str) -> bool:
    """Was it recent on the day when this version entered, so that somebody may be waiting for it? Without a readable
    day, yes."""
    entered = day_of((observation.get("meta") or {}).get("lastUpdated"), time_zone) or today
    day = day_of(observed_at(observation), time_zone)
    issued = day_of(observation.get("issued"), time_zone)
    newest = max(filter(None, (day, issued)), default=None) if day else None
    return newest is None or newest >= entered - timedelta(days=REVIEW_EXPECTED_DAYS)


def fingerprint(resource: Resource) -> str:
    """The same for the same result, whoever has reviewed it and whatever its version: sha256 of all it says."""
    said = {key: value for key, value in without_review(resource).items() if key not in ("meta", "text")}
    return hashlib.sha256(encode(dict(sorted(said.items())))).hexdigest()


def with_review(observation: Resource, *, at: datetime, by: Resource, comment: str | None) -> Resource:
    """The observation with this review in place of any earlier one. `by` is a Reference."""
    parts = [{"url": "at", "valueDateTime": at.isoformat()}, {"url": "by", "valueReference": by}]
    if comment:
        parts.append({"url": "comment", "valueString": comment})
    kept = without_review(observation)
    return {**kept, "extension": [*kept.get("extension", ()), {"url": REVIEW_URL, "extension": parts}]}


def without_review(observation: Resource) -> Resource:
    """The observation as if nobody had reviewed it: a changed value has not been seen."""
    others = [item for item in observation.get("extension") or () if item.get("url") != REVIEW_URL]
    kept = {key: value for key, value in observation.items() if key != "extension"}
    return {**kept, "extension": others} if others else kept
