"""FHIR R4 over REST, thinly over the store: the capability statement, reads, writes, bundles and operations."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.api.dependencies import ProcessParts
from ehr_core.api.fhir import audit_events, bundling, compartments, reading, system_search, writing
from ehr_core.api.fhir.asked_in_bundles import CHANGING_NOTHING
from ehr_core.api.fhir.capabilities import capability_statement
from ehr_core.api.fhir.exchange import base_url, fhir_response, require_json_answer
from ehr_core.api.fhir.terminology_capabilities import terminology_capabilities
from ehr_core.api.subscriptions.capability import OPERATIONS as OF_SUBSCRIPTIONS
from ehr_core.api.subscriptions.capability import SUBSCRIPTION
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.guides.shelf import guides_in

router = APIRouter()
TERMINOLOGY = "terminology"
MODES = ("full", "normative", TERMINOLOGY)
"""Source: FHIR R4, the capabilities interaction."""
OWN_OPERATIONS = ("OperationDefinition", '{"interaction": [{"code": "read"}]}')
ELSEWHERE = (SUBSCRIPTION, audit_events.CAPABILITY, OWN_OPERATIONS)
"""Types that are kept, or made, outside the store."""
PARTS = (bundling, system_search, reading, compartments, writing)
IN_BULK = (("", "export"), ("Patient", "export"), ("Group", "export"), ("", "import"))
"""Told here too: they have rooms of their own, ehr_core/api/bulk and bulk_import."""


@router.get("/fhir/metadata", tags=["fhir"])
@router.head("/fhir/metadata", tags=["fhir"])
def metadata(request: Request, parts: ProcessParts) -> Response:
    """What this server can do, or with `mode=terminology` what it knows of codes; needs no sign-in."""
    require_json_answer(request)
    mode = _mode(request)
    with parts.database.system() as connection:
        guides = guides_in(connection)
    if mode == TERMINOLOGY:
        return fhir_response(request, terminology_capabilities(base_url(parts), guides))
    statement = capability_statement(
        base_url(parts),
        routes_here(),
        operations_here(),
        ELSEWHERE,
        guides,
        enforced=parts.settings.fhir_references == "exist",
    )
    return fhir_response(request, statement)


def _mode(request: Request) -> str:
    """All of it is said whether the whole is asked for or what is normative. Raises BadRequest."""
    asked = set(request.query_params.getlist("mode")) or {MODES[0]}
    if len(asked) > 1 or not asked <= set(MODES):
        raise BadRequest(f"The parameter 'mode' is one of: {', '.join(MODES)}.")
    return asked.pop()


def routes_here() -> frozenset[tuple[str, str]]:
    """(method, path) of every address under /fhir."""
    routes = (route for part in PARTS for route in part.router.routes)
    return frozenset((method, route.path) for route in routes for method in route.methods)


def operations_here() -> tuple[tuple[str, str], ...]:
    """(type or '', name) of every operation."""
    return (
        IN_BULK
        + OF_SUBSCRIPTIONS
        + tuple(named for operation in CHANGING_NOTHING for named in operation.OPERATIONS)
    )


for part in (*CHANGING_NOTHING, audit_events, *PARTS):
    router.include_router(part.router)
