"""US Core's $docref: a patient's documents, by type and by the time that they are about. None is made on demand."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import fhir_response, require_json_answer
from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.fhir.searching import search_bundle
from ehr_core.kernel.errors import BadRequest
from ehr_core.store.search_escapes import escaped

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
    if kind := given.value("type"):
        criteria.append(("type", _tokens(kind) if isinstance(kind, dict) else str(kind)))
    criteria += [
        ("period", f"{prefix}{text}")
        for name, prefix in (("start", "ge"), ("end", "le"))
        if (text := given.text(name))
    ]
    criteria.append(("_sort", "-date"))
    found = search_bundle(parts, work, "DocumentReference", criteria, strict=True, in_body=True)
    return fhir_response(request, found)


def _tokens(kind: dict[str, Any]) -> str:
    """A Coding, or any of a CodeableConcept's codings, as a search asks for it; one without system of any system."""
    codings = [kind] if "code" in kind else kind.get("coding", [])
    tokens = [
        "|".join(escaped(coding[part]) for part in ("system", "code") if part in coding)
        for coding in codings
        if "code" in coding
    ]
    if not tokens:
        raise BadRequest("The parameter 'type' needs a code, such as http://loinc.org|34133-9.")
    return ",".join(tokens)
