"""FHIR's writes over HTTP: create, update, patch and delete, each also under a condition."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.fhir.binaries import as_binary, is_plain_content
from ehr_core.api.fhir.exchange import (
    CONTROLS,
    JSON_TYPES,
    UnsupportedMediaType,
    asked_version,
    check_identity,
    media_type_of,
    require_json_body,
    require_nothing_there,
    written_response,
)
from ehr_core.api.fhir.retries import once
from ehr_core.api.fhir.visibility import cut, writing_store
from ehr_core.api.one_thread import OneThreadRoute
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.conditional import AlreadyThere, Patched, delete_found, patch, patch_found, update_found
from ehr_core.store.patches import JSON_PATCH, MERGE_PATCH, fhirpath_patch, json_patch, merge_patch
from ehr_core.store.repository import Store
from ehr_core.store.validation import peek_type
from ehr_core.store.versions import StoredResource
from ehr_core.workflows.foreign_bookings import written_from_elsewhere
from ehr_core.workflows.outside_orders import check_written

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=OneThreadRoute)
PLAIN_JSON = frozenset({"application/json", "text/json"})
"""Who sends a part of a resource under these means a merge patch, as some clients do."""


@router.post("/{resource_type}")
def create(resource_type: str, request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """A new resource with an id of ours; with If-None-Exist only when the condition finds none, with an
    Idempotency-Key once."""
    store, content = _ready(request, parts, work, resource_type, body)
    check_identity(content, resource_type, None)
    condition = request.headers.get("if-none-exist")

    def store_it() -> tuple[StoredResource, bool]:
        if condition is None:
            return store.create(resource_type, content), True
        return store.conditional_create(resource_type, content, condition)

    def write() -> Response:
        resource, created = written_from_elsewhere(work, resource_type, content, store_it)
        check_written(work, store.written)
        return _told(request, parts, store, resource, created=created)

    return once(request, work, body, write)


@router.put("/{resource_type}/{resource_id}")
def update(
    resource_type: str, resource_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """A new version; with If-Match only of exactly that one. Creates the resource when the id is new."""
    store, body = _ready(request, parts, work, resource_type, body, resource_id)
    check_identity(body, resource_type, resource_id)
    version = asked_version(request)
    if require_nothing_there(request) and store.is_there(resource_type, resource_id):
        raise AlreadyThere(f"This {resource_type} is there already.")
    written = written_from_elsewhere(
        work, resource_type, body, lambda: store.put(resource_type, resource_id, body, if_match=version)
    )
    check_written(work, store.written)
    return _told(request, parts, store, written.resource, created=written.created)


@router.put("/{resource_type}")
def conditional_update(
    resource_type: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """Updates the one that the condition finds, creates it when there is none, and refuses when there are several."""
    store, body = _ready(request, parts, work, resource_type, body)
    check_identity(body, resource_type, None)
    query, version = _condition(request), asked_version(request)
    written = written_from_elsewhere(
        work, resource_type, body, lambda: update_found(store, resource_type, body, query, if_match=version)
    )
    check_written(work, store.written)
    return _told(request, parts, store, written.resource, created=written.created)


@router.patch("/{resource_type}/{resource_id}")
def patch_by_id(
    resource_type: str, resource_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """A JSON Patch, a JSON Merge Patch, or a FHIRPath Patch as Parameters."""
    store, patched, version = writing_store(work, parts), _patch(request, body), asked_version(request)
    written = patch(store, resource_type, resource_id, patched, if_match=version)
    check_written(work, store.written)
    return _told(request, parts, store, written.resource, created=False)


@router.patch("/{resource_type}")
def conditional_patch(
    resource_type: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """Patches the one that the condition finds."""
    store, patched, version = writing_store(work, parts), _patch(request, body), asked_version(request)
    written = patch_found(store, resource_type, _condition(request), patched, if_match=version)
    check_written(work, store.written)
    return _told(request, parts, store, written.resource, created=False)


@router.delete("/{resource_type}/{resource_id}")
def delete(
    resource_type: str, resource_id: str, request: Request, parts: ProcessParts, work: Work
) -> Response:
    """Marks it deleted; the history stays."""
    deleted = writing_store(work, parts).delete(resource_type, resource_id, if_match=asked_version(request))
    return Response(status_code=204, headers={"ETag": deleted.etag})


@router.delete("/{resource_type}")
def conditional_delete(resource_type: str, request: Request, parts: ProcessParts, work: Work) -> Response:
    """Deletes the one that the condition finds; nothing to delete is no error, and several are."""
    store = writing_store(work, parts)
    deleted = delete_found(store, resource_type, _condition(request), if_match=asked_version(request))
    return Response(status_code=204, headers={"ETag": deleted.etag} if deleted else {})


def _ready(
    request: Request,
    parts: Parts,
    work: UnitOfWork,
    resource_type: str,
    body: bytes,
    resource_id: str | None = None,
) -> tuple[Store, bytes]:
    """The store for who may write, and the body as a resource."""
    store = writing_store(work, parts)
    if is_plain_content(request, resource_type):
        return store, as_binary(request, body, resource_id)
    require_json_body(request)
    return store, body


def _told(
    request: Request, parts: Parts, store: Store, resource: StoredResource, *, created: bool
) -> Response:
    """The answer to a write; what was there already is told as far as the role reads it."""
    seen = cut(store.work.actor, resource)
    return written_response(request, parts, seen, created=created, told=store.warnings)


def _condition(request: Request) -> str:
    """What stands in the address, without `_format` and `_pretty`, which some clients send with every request."""
    parts = [part for part in request.url.query.split("&") if part.partition("=")[0] not in CONTROLS]
    if not any(parts):
        raise BadRequest("Name one resource by its id, or add a condition such as ?identifier=system|value.")
    return "&".join(parts)


def _patch(request: Request, body: bytes) -> Patched:
    kind = media_type_of(request)
    if kind == JSON_PATCH:
        return json_patch(body)
    if kind == MERGE_PATCH or (kind in PLAIN_JSON and peek_type(body) != "Parameters"):
        return merge_patch(body)
    if kind in JSON_TYPES:
        return fhirpath_patch(body)
    raise UnsupportedMediaType(
        f"Send a patch as {JSON_PATCH} or {MERGE_PATCH}, or as Parameters in application/fhir+json."
    )
