"""A search in one patient's compartment: `GET /fhir/Patient/1/Observation?…`, and by form with `_search` behind it."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.chart_policy import may_read, require_scope
from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import Parts, ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import fhir_response, form_of, require_json_answer
from ehr_core.api.fhir.preferences import preferences
from ehr_core.api.fhir.searching import search_bundle
from ehr_core.api.fhir.visibility import reading_store, require_reading, shown
from ehr_core.api.one_thread import OneThreadRoute
from ehr_core.kernel.errors import NotFound
from ehr_core.store.patient_compartment import NotInCompartment, require_in_compartment
from ehr_core.store.primitives import problem_with
from ehr_core.store.repository import Store

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=OneThreadRoute)
PATIENT = "Patient"
EVERY_TYPE = "*"


@router.get("/Patient/{patient_id}/{resource_type}")
@router.head("/Patient/{patient_id}/{resource_type}")
def search_in_compartment(
    patient_id: str,
    resource_type: str,
    request: Request,
    parts: ProcessParts,
    work: Work,
) -> Response:
    require_json_answer(request)
    given, strict = request.query_params.multi_items(), preferences(request).strict
    return fhir_response(
        request, compartment_bundle(parts, work, patient_id, resource_type, given, strict=strict)
    )


@router.post("/Patient/{patient_id}/{resource_type}/_search")
def search_in_compartment_by_form(
    patient_id: str,
    resource_type: str,
    request: Request,
    body: RawBody,
    parts: ProcessParts,
    work: Work,
) -> Response:
    """The same with the criteria in the body, so that they stand in no address and no log."""
    require_json_answer(request)
    given = [*request.query_params.multi_items(), *form_of(request, body)]
    strict = preferences(request).strict
    return fhir_response(
        request,
        compartment_bundle(parts, work, patient_id, resource_type, given, strict=strict, in_body=True),
    )


@router.get("/{compartment}/{compartment_id}/{resource_type}")
@router.head("/{compartment}/{compartment_id}/{resource_type}")
def search_elsewhere(compartment: str, compartment_id: str, resource_type: str, work: Work) -> Response:
    """Encounter/1/Observation and its like."""
    require_reading(work.actor)
    raise NotFound("Patient alone has a compartment here. Search a type by its own parameters instead.")


def compartment_bundle(
    parts: Parts,
    work: UnitOfWork,
    patient_id: str,
    type_name: str,
    given: Sequence[tuple[str, str]],
    *,
    strict: bool,
    in_body: bool = False,
) -> bytes:
    """A searchset Bundle of one type.

    Raises NotFound, in the same words for a patient who is not there and for one who may not be seen.
    """
    store = reading_store(work)
    if type_name == EVERY_TYPE:
        raise NotInCompartment(
            "All types at once are not searched in a compartment. Ask for Patient/{id}/$everything, which takes "
            "_type, or search one type: Patient/{id}/Observation."
        )
    require_in_compartment(type_name)
    require_scope(work.actor, type_name, "s")
    _require_visible(store, patient_id)
    return search_bundle(parts, work, type_name, given, strict=strict, in_body=in_body, patient_id=patient_id)


def _require_visible(store: Store, patient_id: str) -> None:
    """As a read of the Patient would answer.

    An application that reads no Patient is told of nobody else than whom it was opened for, and otherwise of nobody:
    its search finds nothing in a chart that is shut or not there.
    """
    actor = store.work.actor
    if may_read(actor, PATIENT):
        shown(store, store.seen(PATIENT, patient_id))
        return
    only = actor.application.only if actor.application else None
    if problem_with("id", patient_id) or (only is not None and only != patient_id):
        raise NotFound(f"There is no such {PATIENT}.")
