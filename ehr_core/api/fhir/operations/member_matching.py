"""Patient/$member-match: another organization's member, found here with certainty or not at all.

Every answer that is no match is the same one, whatever stood behind it: nobody, several, no such coverage, a closed
chart, a refusal to share. Who guesses learns nothing from it. Source: HL7 Da Vinci HRex 1.0, member-match.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.chart_policy import require_scope
from ehr_core.access.unit_of_work import UnitOfWork, audit_refusal
from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import base_url, fhir_response, require_json_answer, require_json_body
from ehr_core.api.fhir.operations.given import Given
from ehr_core.api.fhir.visibility import reading_store
from ehr_core.kernel.errors import AlmonerError, BadRequest, Forbidden
from ehr_core.kernel.fhir_json import decode, encode
from ehr_core.registration.agreements import refused_sharing
from ehr_core.registration.candidates import near_records, survivors_of
from ehr_core.registration.coverages import NOT_IN_USE, same_coverage
from ehr_core.registration.matching.grading import judge
from ehr_core.registration.matching.identity import identity_of
from ehr_core.store.repository import Store
from ehr_core.store.search import LARGEST_PAGE
from ehr_core.store.validation import validate

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("Patient", "member-match"),)
KNOWN = frozenset({"MemberPatient", "CoverageToMatch", "CoverageToLink", "Consent"})
NEEDED = {"MemberPatient": "Patient", "CoverageToMatch": "Coverage"}
MAY_COME = {"CoverageToLink": "Coverage", "Consent": "Consent"}
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
READ = ("Patient", "Coverage")
Resource = dict[str, Any]


class NoCertainMatch(AlmonerError):
    http_status, fhir_issue_code = 422, "not-found"


@router.post("/Patient/$member-match")
def member_match(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """The one member, as an identifier of this server; 422 otherwise."""
    require_json_answer(request)
    require_json_body(request)
    _require(work)
    sent = _sent(request, body)
    found = _certain(work, sent["MemberPatient"], sent["CoverageToMatch"])
    if len(found) != 1 or _refuses(sent.get("Consent")):
        detail = {"operation": "member-match"}
        audit_refusal(
            parts.database, work.actor, "member_match", "NoCertainMatch", clock=parts.clock, detail=detail
        )
        raise NoCertainMatch("No member was found with certainty.")
    patient_id = found[0]
    work.audit("member_matched", resource_type="Patient", resource_id=patient_id, patient_id=patient_id)
    kind = {"coding": [{"system": IDENTIFIER_TYPE, "code": "MR", "display": "Medical record number"}]}
    identifier = {"type": kind, "system": f"{base_url(parts)}/Patient", "value": patient_id}
    made = [
        {"name": "MemberIdentifier", "valueIdentifier": identifier},
        {"name": "MemberId", "valueReference": {"reference": f"{base_url(parts)}/Patient/{patient_id}"}},
    ]
    return fhir_response(request, json.dumps({"resourceType": "Parameters", "parameter": made}).encode())


def _require(work: UnitOfWork) -> None:
    """Staff who may look for patients, and applications that read patients and coverages of more than one."""
    actor = work.actor
    if actor.application is None:
        actor.require("patient.search")
        return
    if actor.kind == "patient" or actor.application.patient_id is not None:
        raise Forbidden("Members are matched for organizations, not within one patient's record.")
    for name in READ:
        for act in "rs":
            require_scope(actor, name, act)


def _sent(request: Request, body: bytes) -> dict[str, Resource]:
    given = Given(request, body, KNOWN)
    sent = {}
    for name, kind in (NEEDED | MAY_COME).items():
        resource = given.value(name)
        if resource is None and name in MAY_COME:
            continue
        if not isinstance(resource, dict) or resource.get("resourceType") != kind:
            raise BadRequest(f"The parameter '{name}' is a {kind}.")
        validate(kind, encode(resource))
        sent[name] = resource
    return sent


def _certain(work: UnitOfWork, person: Resource, coverage: Resource) -> list[str]:
    """Those who are this person with certainty, have that coverage, may be seen, and have not refused to be shared."""
    store, wanted = reading_store(work), identity_of(person)
    graded = [one for one, known in near_records(work, wanted) if judge(wanted, known).grade == "certain"]
    standing = sorted(set(survivors_of(work, graded).values()))
    open_to_us = [found.id for found in store.read_many("Patient", standing)]
    return [one for one in open_to_us if _is_covered(store, one, coverage) and not refused_sharing(work, one)]


def _is_covered(store: Store, patient_id: str, coverage: Resource) -> bool:
    page = store.search("Coverage", [("beneficiary", f"Patient/{patient_id}")], limit=LARGEST_PAGE)
    held = (decode(found.body) for found in page.resources)
    return any(one.get("status") not in NOT_IN_USE and same_coverage(one, coverage) for one in held)


def _refuses(consent: Resource | None) -> bool:
    """A Consent that comes along and says no, or is not in force, is no ground to tell anything."""
    if consent is None:
        return False
    return consent.get("status") != "active" or (consent.get("provision") or {}).get("type") == "deny"
