"""Patient/$match: who this person may be here, graded as the front desk's search for double records grades."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import base_url, fhir_response, require_json_answer, require_json_body
from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.fhir.visibility import cut, reading_store
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import encode
from ehr_core.registration.candidates import near_records, survivors_of
from ehr_core.registration.matching.grading import Judgement, judge
from ehr_core.registration.matching.identity import identity_of
from ehr_core.store.validation import validate

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("Patient", "match"),)
KNOWN = frozenset({"resource", "count", "onlyCertainMatches"})
GRADE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/match-grade"
GRADES = {"certain": ("certain", 1.0), "possible": ("possible", 0.6)}
"""Ours in FHIR's words, with a score that orders them."""
MOST = 50


@router.post("/Patient/$match")
def match(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """Certain and possible matches, best first. Nobody but staff who may search for patients may ask."""
    require_json_answer(request)
    require_json_body(request)
    work.actor.require("patient.search")
    store = reading_store(work)
    given = Given(request, body, KNOWN)
    person = given.value("resource")
    if not isinstance(person, dict) or person.get("resourceType") != "Patient":
        raise BadRequest("The parameter 'resource' is a Patient with what is known of the person.")
    validate("Patient", encode(person))
    wanted = {"certain"} if given.truth("onlyCertainMatches") else set(GRADES)
    graded = {
        patient_id: judgement
        for patient_id, identity in near_records(work, identity_of(person))
        if (judgement := judge(identity_of(person), identity)).grade in wanted
    }
    best = _best(work, graded)[: given.number("count", MOST, MOST)]
    found = {one.id: one for one in store.read_many("Patient", [patient_id for patient_id, _ in best])}
    entries = [
        _entry(base_url(parts), patient_id, cut(work.actor, found[patient_id]).body, judgement)
        for patient_id, judgement in best
        if patient_id in found
    ]
    head = json.dumps({"resourceType": "Bundle", "type": "searchset", "total": len(entries)})[:-1].encode()
    listed = b', "entry": [' + b",".join(entries) + b"]" if entries else b""
    return fhir_response(request, head + listed + b"}")


def _best(work: Any, graded: dict[str, Judgement]) -> list[tuple[str, Judgement]]:
    """By the surviving record, the best judgement of those that were merged into it first."""
    survivors = survivors_of(work, graded)
    ordered = sorted(graded.items(), key=lambda item: (item[1].grade != "certain", -item[1].points, item[0]))
    found: dict[str, Judgement] = {}
    for patient_id, judgement in ordered:
        found.setdefault(survivors.get(patient_id, patient_id), judgement)
    return list(found.items())


def _entry(base: str, patient_id: str, body: bytes, judgement: Judgement) -> bytes:
    grade, score = GRADES[judgement.grade]
    search = {
        "extension": [{"url": GRADE_EXTENSION, "valueCode": grade}],
        "mode": "match",
        "score": score,
    }
    opening = json.dumps({"fullUrl": f"{base}/Patient/{patient_id}"})[:-1].encode()
    return opening + b', "resource": ' + body + b', "search": ' + json.dumps(search).encode() + b"}"
