"""Whether a person is under hospice care, read from the chart now: the same codes and months as the guidelines use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from sqlalchemy import text

from data_contracts.guidelines import guidelines
from data_contracts.guidelines.criterion import Criterion
from data_contracts.valuesets import value_set
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.kernel.fhir_json import decode

READ = {
    "encounter": (
        "SELECT body FROM fhir.encounter WHERE status IN ('finished', 'in-progress', 'arrived', 'triaged', 'onleave')"
    ),
    "procedure": "SELECT body FROM fhir.procedure WHERE status = 'completed'",
}
THIS_PERSON_LATELY = (
    " AND patient_id = :id AND NOT deleted AND date_low <= :now "
    "AND (date_high IS NULL OR date_high >= CAST(:today AS date) - make_interval(months => :months))"
)


def in_hospice(work: UnitOfWork, patient_id: str) -> bool:
    """A hospice encounter or service, or a discharge to hospice, within the months that it counts for, or going on."""
    return any(_is_met(work, patient_id, criterion) for criterion in _criteria())


@cache
def _criteria() -> tuple[Criterion, ...]:
    """Any one of these is enough: the guidelines know no way into hospice that needs two facts or an age."""
    return tuple(criterion for way in guidelines().exclusions["hospice"].ways for criterion in way.all_of)


def _is_met(work: UnitOfWork, patient_id: str, criterion: Criterion) -> bool:
    wanted = {
        place: value_set(recorded.value_set).tokens
        for recorded in criterion.recorded
        for place in recorded.places
    }
    asked = {
        "id": patient_id,
        "now": work.now(),
        "today": work.today(),
        "months": criterion.counts_for.months,
    }
    for table, statement in READ.items():
        for body in work.connection.execute(text(statement + THIS_PERSON_LATELY), asked).scalars():
            if any(token in wanted.get(place, ()) for place, token in _coded(table, decode(body.encode()))):
                return True
    return False


def _coded(table: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(place, token) of what the record is about, in the guidelines' words for places."""
    if table == "procedure":
        concepts = [("procedure", body.get("code"))]
    else:
        concepts = [
            ("encounter", concept) for name in ("type", "reasonCode") for concept in body.get(name) or ()
        ]
        stay = body.get("hospitalization") or {}
        concepts.append(("discharge", stay.get("dischargeDisposition")))
    for place, concept in concepts:
        for coding in (concept or {}).get("coding") or ():
            yield place, f"{coding.get('system')}|{coding.get('code')}"
