"""$validate: what a write of this resource would be told, without writing it."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request
from msgspec import Raw
from starlette.responses import Response

from ehr_core.api.dependencies import RawBody, Work
from ehr_core.api.errors import operation_outcome
from ehr_core.api.fhir.exchange import fhir_response, information, require_json_answer, require_json_body
from ehr_core.api.fhir.visibility import reading_store, require_reading, shown
from ehr_core.kernel.errors import BadRequest, InvalidResource
from ehr_core.store.compartment import require_patient
from ehr_core.store.resource_types import resource_type as known_type
from ehr_core.store.validation import peek_type, validate

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("", "validate"),)
FINE = "Nothing is wrong with this resource."


class _Part(msgspec.Struct):
    name: str = ""
    resource: Raw = Raw(b"")


class _Parameters(msgspec.Struct):
    parameter: list[_Part] = []


_parameters = msgspec.json.Decoder(_Parameters)


@router.post("/{resource_type}/$validate")
def validate_new(resource_type: str, request: Request, body: RawBody, work: Work) -> Response:
    """The resource in the body, or in the `resource` of a Parameters. Always 200: the outcome is the answer."""
    require_json_answer(request)
    require_json_body(request)
    require_reading(work.actor)
    return fhir_response(request, _outcome(resource_type, _resource_of(body)))


@router.get("/{resource_type}/{resource_id}/$validate")
@router.post("/{resource_type}/{resource_id}/$validate")
def validate_stored(
    resource_type: str, resource_id: str, request: Request, body: RawBody, work: Work
) -> Response:
    """What is stored, or for a POST what is to replace it."""
    require_json_answer(request)
    found = shown(work.actor, reading_store(work).read(resource_type, resource_id))
    if not body:
        return fhir_response(request, _outcome(resource_type, found.body))
    require_json_body(request)
    return fhir_response(request, _outcome(resource_type, _resource_of(body)))


def _resource_of(body: bytes) -> bytes:
    if peek_type(body) != "Parameters":
        return body
    try:
        parts = _parameters.decode(body).parameter
    except msgspec.ValidationError:
        raise BadRequest("Parameters.parameter has parts with a name and a resource.") from None
    held = next((bytes(part.resource) for part in parts if part.name == "resource"), b"")
    if not held:
        raise BadRequest("The parameter 'resource' is required.")
    return held


def _outcome(type_name: str, body: bytes) -> bytes:
    known_type(type_name)
    try:
        resource = validate(type_name, body)
        require_patient(type_name, resource)
    except InvalidResource as error:
        return msgspec.json.encode(operation_outcome(error, error.issues))
    return msgspec.json.encode(information(FINE))
