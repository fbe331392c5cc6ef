"""Grades a result of the record: its parts as charting reads them, judged by the inbox's rules for the person's age."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.code_systems import LOINC
from ehr_core.charting.flags import flag_of, usual_range
from ehr_core.charting.moments import observed_at
from ehr_core.charting.reports import is_report
from ehr_core.kernel.fhir_json import codings
from ehr_core.registration.ages import age_years
from ehr_core.results_inbox.grading import Grading, ResultFacts, grade, gravest

Resource = dict[str, Any]

VALUES = ("valueQuantity", "valueCodeableConcept", "valueString", "valueInteger", "valueBoolean")


def grade_result(resource: Resource, birth_date: str | None, time_zone: str) -> Grading:
    """The gravest of its parts. `birth_date` as recorded, perhaps partial; None is not known.

    `time_zone` is the site's: it says on which day the result was observed, and so how old the person was.
    """
    if is_report(resource):
        return _report(resource)
    age = _age_at(resource, birth_date, time_zone)
    return gravest(grade(facts) for facts in _facts(resource, age))


def _report(report: Resource) -> Grading:
    """A report speaks in words: nobody but its reader can grade it."""
    return Grading("not_flagged", "A report in words: read what it says.")


def _age_at(resource: Resource, birth_date: str | None, time_zone: str) -> int | None:
    at = observed_at(resource) or resource.get("issued") or (resource.get("meta") or {}).get("lastUpdated")
    return age_years(birth_date, _site_day(at, time_zone)) if at else None


def _site_day(written: str, time_zone: str) -> str | None:
    """The day at the site; a day, month or year as it is written. None for an instant that cannot be read."""
    if "T" not in written:
        return written
    try:
        return datetime.fromisoformat(written).astimezone(ZoneInfo(time_zone)).date().isoformat()
    except ValueError:
        return None


def _facts(resource: Resource, age: int | None) -> Iterator[ResultFacts]:
    """The observation's own value, or each component's; of one without any value, its flags alone."""
    components = resource.get("component") or ()
    if any(value in resource for value in VALUES) or not components:
        yield _of_holder(resource, age)
    for component in components:
        yield _of_holder(component, age)


def _of_holder(holder: Resource, age: int | None) -> ResultFacts:
    quantity = holder.get("valueQuantity") or {}
    number = Decimal(str(quantity["value"])) if "value" in quantity else None
    unit = quantity.get("code") or quantity.get("unit")
    exact = None if quantity.get("comparator") else number
    return ResultFacts(
        codes=frozenset(code for system, code in codings(holder.get("code")) if system == LOINC.uri),
        number=number,
        comparator=quantity.get("comparator"),
        unit=unit,
        interpretations=frozenset(
            code for concept in holder.get("interpretation") or () for _, code in codings(concept)
        ),
        flag=flag_of(holder, exact, usual_range(holder, unit)),
        age_years=age,
    )
