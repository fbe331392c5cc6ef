"""US Core's $docref: a patient's documents, by type and by the time that they are about. None is made on demand."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import fhir_response, require_json_answer
from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.fhir.searching import search_bundle
from ehr_core.kernel.errors import BadRequest

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("DocumentReference", "docref"),)
KNOWN = frozenset({"patient", "start", "end", "type", "on-demand"})


@router.get("/DocumentReference/$docref")
@router.post("/DocumentReference/$docref")
def docref(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """Current documents; without dates the newest of each comes first."""
    require_json_answer(request)
    given = Given(request, body, KNOWN)
    if given.truth("on-demand"):
        raise BadRequest("Documents are not made on demand here. Leave 'on-demand' out.")
    criteria = [("patient", given.required("patient").removeprefix("Patient/")), ("status", "current")]
    kind = given.value("type")
    if isinstance(kind, dict):
        coding = kind if "code" in kind else (kind.get("coding") or [{}])[0]
        kind = f"{coding.get('system', '')}|{coding.get('code', '')}"
    if kind:
        criteria.append(("type", str(kind)))
    criteria += [
        ("period", f"{prefix}{text}")
        for name, prefix in (("start", "ge"), ("end", "le"))
        if (text := given.text(name))
    ]
    criteria.append(("_sort", "-date"))
    found = search_bundle(parts, work, "DocumentReference", criteria, strict=True, in_body=True)
    return fhir_response(request, found)
