"""A search over several types at once, at the server's base address: `GET /fhir?_type=…` and `POST /fhir/_search`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.fhir.bundles import BundleAnswer
from ehr_core.api.fhir.exchange import (
    CONTROLS,
    asked_subset,
    base_url,
    fhir_response,
    form_of,
    require_json_answer,
)
from ehr_core.api.fhir.paging import PAGE_PARAMETER, opened_page, sealed_page
from ehr_core.api.fhir.preferences import preferences
from ehr_core.api.fhir.searching import SHAPING
from ehr_core.api.fhir.visibility import reading_store, shown_of
from ehr_core.api.one_thread import OneThreadRoute
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_several import MOST_TYPES, search_several, turn_several

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=OneThreadRoute)
TYPE = "_type"
PLACE = "_search"


@router.get("")
@router.head("")
@router.get("/", include_in_schema=False)
@router.head("/", include_in_schema=False)
def search_system(request: Request, parts: ProcessParts, work: Work) -> Response:
    require_json_answer(request)
    given, strict = request.query_params.multi_items(), preferences(request).strict
    return fhir_response(request, several_bundle(parts, work, given, strict=strict))


@router.post("/_search")
def search_system_by_form(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """The same with the criteria in the body, so that they stand in no address and no log."""
    require_json_answer(request)
    given = [*request.query_params.multi_items(), *form_of(request, body)]
    strict = preferences(request).strict
    return fhir_response(request, several_bundle(parts, work, given, strict=strict, in_body=True))


def several_bundle(
    parts: Parts,
    work: UnitOfWork,
    given: Sequence[tuple[str, str]],
    *,
    strict: bool,
    in_body: bool = False,
) -> bytes:
    """A searchset Bundle of several types."""
    store, base = reading_store(work), base_url(parts)
    pages = [value for name, value in given if name == PAGE_PARAMETER]
    if pages:
        if any(name not in CONTROLS and name != PAGE_PARAMETER for name, _ in given) or len(pages) > 1:
            raise BadRequest("A page link takes no further parameters.")
        limit, following = opened_page(parts, work.actor, PLACE, pages[0])
        search = store.asking(strict=False, base_url=base)
        answer = turn_several(store, [tuple(one) for one in following], limit, search)
        itself = urlencode({PAGE_PARAMETER: pages[0]})
    else:
        types = _types(given)
        shaping = [(name, value) for name, value in given if name in SHAPING and name not in CONTROLS]
        criteria = [(name, value) for name, value in given if name not in SHAPING and name != TYPE]
        asked_subset(shaping)
        answer = search_several(
            store,
            types,
            criteria,
            store.asking(strict=strict, base_url=base),
            shaping,
            counts_only=("_summary", "count") in shaping,
        )
        itself = "" if in_body else urlencode([pair for pair in given if pair[0] not in CONTROLS])
    made = BundleAnswer("searchset", base, answer.total, asked_subset(answer.rest))
    made.links["self"] = f"{base}?{itself}" if itself else base
    if answer.following:
        sealed = sealed_page(parts, work.actor, PLACE, [answer.limit, answer.following])
        made.links["next"] = f"{base}?{PAGE_PARAMETER}={sealed}"
    for resource in shown_of(store, answer.matches):
        made.add_match(resource)
    for resource in shown_of(store, answer.included):
        made.add_match(resource, "include")
    made.add_warnings(answer.warnings)
    return made.body()


def _types(given: Sequence[tuple[str, str]]) -> list[str]:
    named = [name for key, value in given if key == TYPE for name in value.split(",") if name]
    types = list(dict.fromkeys(named))
    if not types or len(types) > MOST_TYPES:
        raise BadRequest(f"Name 1 to {MOST_TYPES} types to search, such as _type=Observation,Condition.")
    if any(name not in RESOURCE_TYPES for name in types):
        raise BadRequest("'_type' names a type that is not kept here. See the capability statement.")
    return types
