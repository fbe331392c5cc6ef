"""FHIR's reads over HTTP: one resource, one version, histories, searches."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.api.fhir.binaries import bytes_response, wants_bytes
from ehr_core.api.fhir.exchange import (
    fhir_response,
    form_of,
    require_json_answer,
    resource_response,
)
from ehr_core.api.fhir.histories import history_bundle, version_in
from ehr_core.api.fhir.preferences import preferences
from ehr_core.api.fhir.searching import search_bundle
from ehr_core.api.fhir.visibility import history_store, reading_store, shown
from ehr_core.api.one_thread import OneThreadRoute
from ehr_core.kernel.errors import NotFound

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=OneThreadRoute)


@router.get("/_history")
@router.head("/_history")
def system_history(request: Request, parts: ProcessParts, work: Work) -> Response:
    """Everything that was written, newest first."""
    require_json_answer(request)
    return fhir_response(request, history_bundle(parts, work, None, None, request.query_params.multi_items()))


@router.get("/{resource_type}/_history")
@router.head("/{resource_type}/_history")
def type_history(resource_type: str, request: Request, parts: ProcessParts, work: Work) -> Response:
    require_json_answer(request)
    given = request.query_params.multi_items()
    return fhir_response(request, history_bundle(parts, work, resource_type, None, given))


@router.get("/{resource_type}/{resource_id}/_history")
@router.head("/{resource_type}/{resource_id}/_history")
def instance_history(
    resource_type: str, resource_id: str, request: Request, parts: ProcessParts, work: Work
) -> Response:
    """Every version, newest first."""
    require_json_answer(request)
    given = request.query_params.multi_items()
    return fhir_response(request, history_bundle(parts, work, resource_type, resource_id, given))


@router.get("/{resource_type}")
@router.head("/{resource_type}")
def search(resource_type: str, request: Request, parts: ProcessParts, work: Work) -> Response:
    require_json_answer(request)
    given, strict = request.query_params.multi_items(), preferences(request).strict
    return fhir_response(request, search_bundle(parts, work, resource_type, given, strict=strict))


@router.post("/{resource_type}/_search")
def search_by_form(
    resource_type: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """The same with the criteria in the body, so that they stand in no address and no log."""
    require_json_answer(request)
    given, strict = (
        [*request.query_params.multi_items(), *form_of(request, body)],
        preferences(request).strict,
    )
    return fhir_response(
        request, search_bundle(parts, work, resource_type, given, strict=strict, in_body=True)
    )


@router.get("/{resource_type}/{resource_id}")
@router.head("/{resource_type}/{resource_id}")
def read(resource_type: str, resource_id: str, request: Request, work: Work) -> Response:
    if resource_id.startswith("$"):
        raise NotFound("There is no such operation that is asked with GET. See the capability statement.")
    raw = wants_bytes(request, resource_type)
    if not raw:
        require_json_answer(request)
    store = reading_store(work)
    found = shown(store, store.read(resource_type, resource_id))
    return bytes_response(request, found) if raw else resource_response(request, found)


@router.get("/{resource_type}/{resource_id}/_history/{version_id}")
@router.head("/{resource_type}/{resource_id}/_history/{version_id}")
def vread(resource_type: str, resource_id: str, version_id: str, request: Request, work: Work) -> Response:
    """One version. Staff only, as the history."""
    raw = wants_bytes(request, resource_type)
    if not raw:
        require_json_answer(request)
    store = history_store(work)
    seen = shown(store, version_in(store, resource_type, resource_id, version_id))
    return bytes_response(request, seen) if raw else resource_response(request, seen)
