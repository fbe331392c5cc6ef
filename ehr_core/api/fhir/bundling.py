"""Transaction and batch at the base address: each entry by its own permission, and reads in the words of this door."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

from fastapi import APIRouter, Request
from msgspec import Raw
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.fhir.asked_in_bundles import asked_alone, operated, searched
from ehr_core.api.fhir.compartments import PATIENT, compartment_bundle
from ehr_core.api.fhir.exchange import fhir_response, has_it, require_json_answer, require_json_body
from ehr_core.api.fhir.histories import history_bundle, version_in
from ehr_core.api.fhir.preferences import preferences
from ehr_core.api.fhir.retries import once
from ehr_core.api.fhir.searching import search_bundle
from ehr_core.api.fhir.system_search import several_bundle
from ehr_core.api.fhir.visibility import (
    history_store,
    incoming_store,
    reading_store,
    require_reading,
    shown,
)
from ehr_core.api.kept_back import refusal_of
from ehr_core.api.one_thread import OneThreadRoute
from ehr_core.kernel.errors import AlmonerError, BadRequest, NotFound
from ehr_core.store.bundle_acts import ASK, READS, Act, Door
from ehr_core.store.bundle_acts import Request as EntryRequest
from ehr_core.store.content import instant_text
from ehr_core.store.versions import StoredResource
from ehr_core.workflows.foreign_bookings import written_from_elsewhere
from ehr_core.workflows.outside_orders import check_written

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=OneThreadRoute)


@router.post("")
@router.post("/", include_in_schema=False)
def transaction(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """A transaction or batch Bundle: one database transaction; with an Idempotency-Key, once."""
    require_json_answer(request)
    require_json_body(request)
    if work.actor.reach != "own":
        work.actor.require("fhir.write")
    asked = preferences(request)
    door = Door(
        allow=lambda method: _allow(work, method),
        read=lambda act: _read(request, parts, work, act, strict=asked.strict),
        represents="return=representation" in request.headers.get("prefer", ""),
        refused=lambda entry, error: _audit_refused(parts, work, entry, error),
    )

    def write() -> Response:
        store = incoming_store(work, parts)
        answer = written_from_elsewhere(work, "Bundle", body, lambda: store.transaction(body, door))
        check_written(work, store.written)
        return fhir_response(request, answer)

    return once(request, work, body, write)


def _allow(work: UnitOfWork, method: str) -> None:
    if method in READS:
        require_reading(work.actor)
    else:
        work.actor.require("fhir.write")


def _audit_refused(parts: Parts, work: UnitOfWork, entry: EntryRequest, error: AlmonerError) -> None:
    """As for a request of its own, but in the batch's transaction, which commits whatever becomes of its entries."""
    named = dict(
        zip(("resource_type", "resource_id"), entry.url.partition("?")[0].strip("/").split("/"), strict=False)
    )
    target = refusal_of(parts, work.actor, named, error)
    if target is not None:
        detail = {"method": entry.method[:10], "reason": type(error).__name__}
        work.audit("batch_entry", outcome="refused", detail=detail, **target)


def _read(request: Request, parts: Parts, work: UnitOfWork, act: Act, *, strict: bool) -> dict[str, Any]:
    """The answer's entry for what changes nothing: a resource, a version, a history, a search, an operation, what
    this server can do."""
    query = act.url.partition("?")[2]
    given = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    steps = act.path.split("/")
    if unquote(steps[-1]).startswith("$"):
        return _entry(act, operated(request, parts, work, act))
    if act.method == ASK:
        return _entry(act, searched(parts, work, act, given, strict))
    if steps == ["metadata"]:
        return _entry(act, _capabilities(request, parts, act))
    if query and steps == [""]:
        return _entry(act, several_bundle(parts, work, given, strict=strict))
    if steps == ["_history"]:
        return _entry(act, history_bundle(parts, work, None, None, given))
    if len(steps) == 1 and steps[0]:
        return _entry(act, search_bundle(parts, work, steps[0], given, strict=strict))
    if steps[-1] == "_history" and len(steps) in (2, 3):
        history = history_bundle(parts, work, steps[0], steps[1] if len(steps) == 3 else None, given)
        return _entry(act, history)
    if len(steps) == 4 and steps[2] == "_history":
        store = history_store(work)
        return _resource(act, shown(store, version_in(store, steps[0], steps[1], steps[3])))
    if len(steps) == 2:
        store = reading_store(work)
        return _resource(act, shown(store, store.read(steps[0], steps[1])))
    if len(steps) == 3 and steps[0] == PATIENT:
        return _entry(act, compartment_bundle(parts, work, steps[1], steps[2], given, strict=strict))
    if not act.path:
        raise BadRequest("request.url must be Type/id, Type?query or a history.")
    raise NotFound("There is nothing at this address.")


def _capabilities(request: Request, parts: Parts, act: Act) -> bytes:
    """Looked up late: what it tells of is put together from the addresses of this door too."""
    from ehr_core.api.fhir.routes import metadata

    return bytes(metadata(asked_alone(request, act), parts).body)


def _resource(act: Act, found: StoredResource) -> dict[str, Any]:
    response = {"etag": found.etag, "lastModified": instant_text(found.last_updated)}
    if has_it(found, act.if_none_match, act.if_modified_since):
        return {"response": {"status": "304 Not Modified"} | response}
    return _entry(act, found.body, response)


def _entry(act: Act, body: bytes, more: dict[str, str] | None = None) -> dict[str, Any]:
    shown_body = {} if act.method == "HEAD" else {"resource": Raw(body)}
    return shown_body | {"response": {"status": f"{HTTPStatus.OK.value} OK"} | (more or {})}
