"""FHIR R4 over REST, thinly over the store: the capability statement, reads, writes, bundles and operations."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.api.dependencies import ProcessParts
from ehr_core.api.fhir import bundling, reading, writing
from ehr_core.api.fhir.capabilities import capability_statement
from ehr_core.api.fhir.exchange import base_url, fhir_response, require_json_answer
from ehr_core.api.fhir.operations import (
    care_gaps,
    docref,
    evaluate_measure,
    everything,
    matching,
    terminology,
    validating,
)

router = APIRouter()
OPERATIONS = (care_gaps, docref, evaluate_measure, everything, matching, terminology, validating)
PARTS = (bundling, reading, writing)
EXPORTS = (("", "export"), ("Patient", "export"), ("Group", "export"))
"""Told here too: they have a room of their own, ehr_core/api/bulk."""


@router.api_route("/fhir/metadata", methods=["GET", "HEAD"], tags=["fhir"])
def metadata(request: Request, parts: ProcessParts) -> Response:
    """What this server can do; needs no sign-in."""
    require_json_answer(request)
    return fhir_response(request, capability_statement(base_url(parts), routes_here(), operations_here()))


def routes_here() -> frozenset[tuple[str, str]]:
    """(method, path) of every address under /fhir."""
    routes = (route for part in PARTS for route in part.router.routes)
    return frozenset((method, route.path) for route in routes for method in route.methods)


def operations_here() -> tuple[tuple[str, str], ...]:
    """(type or '', name) of every operation."""
    return EXPORTS + tuple(named for operation in OPERATIONS for named in operation.OPERATIONS)


for part in (*OPERATIONS, *PARTS):
    router.include_router(part.router)
