"""FHIR R4 over REST, thinly over the store: read, versions, search, create, update, delete, transaction."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.errors import FHIR_JSON
from ehr_core.api.fhir.bundles import BundleAnswer
from ehr_core.api.fhir.capabilities import capability_statement
from ehr_core.api.fhir.exchange import (
    CONTROLS,
    FORM,
    UnsupportedMediaType,
    asked_version,
    base_url,
    check_identity,
    require_json_answer,
    require_json_body,
    resource_response,
    written_response,
)
from ehr_core.api.fhir.paging import PAGE_PARAMETER, next_page, read_page
from ehr_core.api.fhir.visibility import require_reading, shown, shown_of
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.repository import Store
from ehr_core.workflows.foreign_bookings import written_from_elsewhere

router = APIRouter(prefix="/fhir", tags=["fhir"])


@router.get("/metadata")
def metadata(request: Request, parts: ProcessParts) -> Response:
    """What this server can do; needs no sign-in."""
    require_json_answer(request)
    return Response(capability_statement(base_url(parts)), media_type=FHIR_JSON)


@router.post("")
@router.post("/", include_in_schema=False)
def transaction(request: Request, body: RawBody, work: Work) -> Response:
    """A transaction or batch Bundle: one database transaction."""
    require_json_body(request)
    work.actor.require("fhir.write")
    answer = written_from_elsewhere(work, "Bundle", body, lambda: Store(work).transaction(body))
    return Response(answer, media_type=FHIR_JSON)


@router.get("/{resource_type}")
def search(resource_type: str, request: Request, parts: ProcessParts, work: Work) -> Response:
    require_json_answer(request)
    return _search(parts, work, resource_type, request.query_params.multi_items())


@router.post("/{resource_type}/_search")
def search_by_form(
    resource_type: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """The same with the criteria in the body, so that they stand in no address and no log."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaType(f"Send search criteria as {FORM}.")
    try:
        form = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise BadRequest("The search criteria cannot be read: send at most 100, in UTF-8.") from error
    return _search(parts, work, resource_type, [*request.query_params.multi_items(), *form])


@router.get("/{resource_type}/{resource_id}")
def read(resource_type: str, resource_id: str, request: Request, work: Work) -> Response:
    require_json_answer(request)
    require_reading(work.actor)
    return resource_response(request, shown(work.actor, Store(work).read(resource_type, resource_id)))


@router.get("/{resource_type}/{resource_id}/_history")
def history(resource_type: str, resource_id: str, parts: ProcessParts, work: Work) -> Response:
    """Every version, newest first. Staff only: an old version may lack a label that a newer one has."""
    work.actor.require("fhir.read")
    versions = Store(work).history(resource_type, resource_id)
    answer = BundleAnswer("history", base_url(parts), total=len(versions))
    for version in versions:
        answer.add_version(version)
    return answer.response()


@router.get("/{resource_type}/{resource_id}/_history/{version_id}")
def vread(resource_type: str, resource_id: str, version_id: int, request: Request, work: Work) -> Response:
    """One version. Staff only, as the history."""
    work.actor.require("fhir.read")
    return resource_response(request, Store(work).vread(resource_type, resource_id, version_id))


@router.post("/{resource_type}")
def create(resource_type: str, request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """A new resource with an id of ours; with If-None-Exist only when the condition finds none."""
    _require_writing(request, work)
    check_identity(body, resource_type, None)
    condition = request.headers.get("if-none-exist")
    store = Store(work)
    if condition is None:
        made = written_from_elsewhere(work, resource_type, body, lambda: store.create(resource_type, body))
        return written_response(request, parts, made, created=True)
    resource, created = written_from_elsewhere(
        work, resource_type, body, lambda: store.conditional_create(resource_type, body, condition)
    )
    return written_response(request, parts, resource, created=created)


@router.put("/{resource_type}/{resource_id}")
def update(
    resource_type: str, resource_id: str, request: Request, body: RawBody, parts: ProcessParts, work: Work
) -> Response:
    """A new version; with If-Match only of exactly that one. Creates the resource when the id is new."""
    _require_writing(request, work)
    check_identity(body, resource_type, resource_id)
    version = asked_version(request)
    written = written_from_elsewhere(
        work,
        resource_type,
        body,
        lambda: Store(work).put(resource_type, resource_id, body, if_match=version),
    )
    return written_response(request, parts, written.resource, created=written.created)


@router.delete("/{resource_type}/{resource_id}")
def delete(resource_type: str, resource_id: str, request: Request, work: Work) -> Response:
    """Marks it deleted; the history stays."""
    work.actor.require("fhir.write")
    deleted = Store(work).delete(resource_type, resource_id, if_match=asked_version(request))
    return Response(status_code=204, headers={"ETag": deleted.etag})


def _search(parts: Parts, work: UnitOfWork, resource_type: str, given: list[tuple[str, str]]) -> Response:
    """A searchset. A patient gets no total: it would count what a label holds back."""
    require_reading(work.actor)
    page = [value for name, value in given if name == PAGE_PARAMETER]
    criteria = [(name, value) for name, value in given if name not in CONTROLS]
    if page:
        if len(criteria) != 1:
            raise BadRequest("A page link takes no further parameters.")
        criteria = read_page(parts, work.actor, resource_type, page[0])
    found = Store(work).search(resource_type, criteria)
    own_only = work.actor.reach == "own"
    answer = BundleAnswer("searchset", base_url(parts), total=None if own_only else found.total)
    if found.next_offset is not None:
        following = [pair for pair in criteria if pair[0] != "_offset"]
        sealed = next_page(
            parts, work.actor, resource_type, [*following, ("_offset", str(found.next_offset))]
        )
        answer.links["next"] = f"{answer.base_url}/{resource_type}?{PAGE_PARAMETER}={sealed}"
    for resource in shown_of(work.actor, found.resources):
        answer.add_match(resource)
    return answer.response()


def _require_writing(request: Request, work: UnitOfWork) -> None:
    require_json_body(request)
    work.actor.require("fhir.write")
