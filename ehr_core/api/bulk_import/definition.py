"""What `$import` is and takes, as an OperationDefinition at the address that the CapabilityStatement names.

No published guide defines it, so this server does. It says nothing of anybody and needs no sign-in, as `/metadata`.
"""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.api.dependencies import ProcessParts
from ehr_core.api.fhir.capabilities import OWN_DEFINITIONS, PUBLISHED
from ehr_core.api.fhir.exchange import base_url, fhir_response, require_json_answer

router = APIRouter()
FILE = (
    {"name": "type", "use": "in", "min": 1, "max": "1", "type": "code", "documentation": "Of every line."},
    {"name": "url", "use": "in", "min": 1, "max": "1", "type": "uri", "documentation": "Of the NDJSON file."},
)
PARAMETERS = (
    {"name": "inputFormat", "use": "in", "min": 0, "max": "1", "type": "string"},
    {"name": "inputSource", "use": "in", "min": 0, "max": "1", "type": "uri"},
    {"name": "storageDetail", "use": "in", "min": 0, "max": "1"},
    {
        "name": "input",
        "use": "in",
        "min": 1,
        "max": "*",
        "documentation": "One file of one resource type, uploaded here or on a machine that is allowed.",
        "part": list(FILE),
    },
)


@router.get("/OperationDefinition/import")
@router.head("/OperationDefinition/import")
def definition(request: Request, parts: ProcessParts) -> Response:
    require_json_answer(request)
    told = {
        "resourceType": "OperationDefinition",
        "id": "import",
        "url": base_url(parts) + OWN_DEFINITIONS["", "import"],
        "name": "BulkImport",
        "title": "Import resources in bulk",
        "status": "active",
        "kind": "operation",
        "date": PUBLISHED,
        "description": "Stores the resources of NDJSON files in the background; the kick-off answers 202 with the "
        "address where the job is followed.",
        "affectsState": True,
        "code": "import",
        "system": True,
        "type": False,
        "instance": False,
        "parameter": list(PARAMETERS),
    }
    return fhir_response(request, json.dumps(told).encode())
