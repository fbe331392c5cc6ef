"""Patient/$everything: one patient's record with what it refers to, page by page, under the reader's own sight."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.fhir.bundles import BundleAnswer
from ehr_core.api.fhir.exchange import base_url, fhir_response, require_json_answer
from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.fhir.paging import PAGE_PARAMETER, opened_page, sealed_page
from ehr_core.api.fhir.visibility import reading_store, shown, shown_of
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.dates import bounds
from ehr_core.store.everything import Wanted, record_page
from ehr_core.store.primitives import problem_with
from ehr_core.store.resource_types import RESOURCE_TYPES

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("Patient", "everything"),)
KNOWN = frozenset({"start", "end", "_since", "_type", "_count", PAGE_PARAMETER})
REPEATED = frozenset({"_type"})
USUAL_PAGE, LARGEST_PAGE = 500, 2000


@router.get("/Patient/{patient_id}/$everything")
@router.post("/Patient/{patient_id}/$everything")
def everything(patient_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """Everything in the record, or of some types, days or since a time."""
    require_json_answer(request)
    given = Given(request, body, KNOWN, REPEATED)
    store = reading_store(work)
    shown(store, store.read("Patient", patient_id))
    place = f"Patient/{patient_id}/$everything"
    if page := given.text(PAGE_PARAMETER):
        wanted, position, limit = _opened(parts, work, place, page)
    else:
        wanted, position = _wanted(work, given), None
        limit = max(1, given.number("_count", USUAL_PAGE, LARGEST_PAGE))
    found, referred, following = record_page(store, patient_id, wanted, position, limit)
    base = base_url(parts)
    made = BundleAnswer("searchset", base)
    made.links["self"] = f"{base}/{place}"
    if following:
        times = [
            None if each is None else each.isoformat() for each in (wanted.start, wanted.end, wanted.since)
        ]
        content = [*times, wanted.types, wanted.as_of.isoformat(), following, limit]
        made.links["next"] = (
            f"{base}/{place}?{PAGE_PARAMETER}={sealed_page(parts, work.actor, place, content)}"
        )
    for resource in shown_of(store, found):
        made.add_match(resource)
    for resource in shown_of(store, referred):
        made.add_match(resource, "include")
    return fhir_response(request, made.body())


def _wanted(work: UnitOfWork, given: Given) -> Wanted:
    types = tuple(name for part in given.texts("_type") for name in part.split(",") if name)
    unknown = [name for name in types if name not in RESOURCE_TYPES]
    if unknown:
        raise BadRequest("'_type' names a type that is not kept here. See the capability statement.")
    start, end = _moment(work, given, "start", 0), _moment(work, given, "end", 1)
    return Wanted(work.now(), start, end, _moment(work, given, "_since", 0), types)


def _moment(work: UnitOfWork, given: Given, name: str, side: int) -> datetime | None:
    text = given.text(name)
    if text is None:
        return None
    text = text.replace(" ", "+")
    if problem_with("dateTime", text):
        raise BadRequest(f"The parameter '{name}' is a date, or a date and time with offset.")
    return bounds(text, work.site_time_zone)[side]


def _opened(
    parts: Parts, work: UnitOfWork, place: str, page: str
) -> tuple[Wanted, tuple[str, str] | None, int]:
    start, end, since, types, as_of, position, limit = opened_page(parts, work.actor, place, page)
    times = [None if each is None else datetime.fromisoformat(each) for each in (start, end, since)]
    return Wanted(datetime.fromisoformat(as_of), *times, tuple(types)), tuple(position), limit
