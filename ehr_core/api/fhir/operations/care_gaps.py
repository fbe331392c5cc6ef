"""Measure/$care-gaps: a person's open and closed gaps by measure, as DEQM's documents, under the reader's own sight."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from ehr_core.access.unit_of_work import UnitOfWork
from ehr_core.api.dependencies import ProcessParts, RawBody, Work
from ehr_core.api.fhir.exchange import fhir_response, require_json_answer
from ehr_core.api.fhir.operations.evaluate_measure import require_person, seen_patient
from ehr_core.api.fhir.operations.given import Given
from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_json import encode
from ehr_core.quality.gap_reports import STATUSES, gap_document, gaps_of, people_with_results
from ehr_core.quality.reported import Reported, find_measures, known_measures, reported

router = APIRouter(prefix="/fhir", tags=["fhir"])
OPERATIONS = (("Measure", "care-gaps"),)
REPEATED = frozenset({"status", "measureId", "measureIdentifier", "measureUrl"})
KNOWN = REPEATED | {"periodStart", "periodEnd", "subject", "practitioner", "organization"}
MOST_PEOPLE = 100
"""Documents in one answer. More people are asked for by clinician or clinic."""


@router.api_route("/Measure/$care-gaps", methods=["GET", "POST"])
def care_gaps(request: Request, body: RawBody, parts: ProcessParts, work: Work) -> Response:
    """`status` (open-gap, closed-gap) is required; `subject`, `practitioner` or `organization` says of whom."""
    require_json_answer(request)
    require_person(work)
    work.actor.require("measure.drill")
    given = Given(request, body, KNOWN, REPEATED)
    statuses = _statuses(given)
    groups = _measures(work, given)
    people = _people(work, given, groups)
    parameters = []
    for patient_id in people:
        found = gaps_of(work, groups, patient_id, statuses)
        if found or given.text("subject"):
            document = gap_document(work, found, patient_id, parts.settings.site_name)
            parameters.append({"name": "return", "resource": document})
    work.audit(
        "quality.care_gaps.reported",
        patient_ids=people,
        detail={"measures": [one.measure.measure_id for one in groups], "status": sorted(statuses)},
    )
    answer: dict[str, Any] = {"resourceType": "Parameters"}
    if parameters:
        answer["parameter"] = parameters
    return fhir_response(request, encode(answer))


def _statuses(given: Given) -> frozenset[str]:
    asked = frozenset(part for one in given.texts("status") for part in one.split(","))
    if not asked or not asked <= set(STATUSES):
        raise BadRequest(
            f"'status' is required and is {' or '.join(STATUSES)}; it may be given more than once."
        )
    return asked


def _measures(work: UnitOfWork, given: Given) -> list[Reported]:
    """The proportion measures that are asked for, or all of them; those without results for the period not."""
    begin, end = given.day("periodStart"), given.day("periodEnd")
    named = [
        name
        for parameter in ("measureId", "measureIdentifier", "measureUrl")
        for name in given.texts(parameter)
    ]
    if named:
        measures = [one for name in named for one in find_measures(work, name)]
        if other := next((one for one in measures if one.scoring != "proportion"), None):
            raise BadRequest(f"'{other.measure_id}' is no proportion measure: it says nothing of gaps.")
        return reported(work, measures, begin, end)
    found = []
    for one in known_measures(work):
        if one.scoring == "proportion":
            try:
                found += reported(work, [one], begin, end)
            except BadRequest:
                continue
    if not found:
        raise BadRequest("No measure has results for that period. Leave the period out for the present one.")
    return found


def _people(work: UnitOfWork, given: Given, groups: list[Reported]) -> list[str]:
    if subject := given.text("subject"):
        return [seen_patient(work, subject)]
    clinician, clinic = given.text("practitioner"), given.text("organization")
    if not clinician and not clinic:
        raise BadRequest("Name a 'subject', a 'practitioner' or an 'organization'.")
    people = people_with_results(
        work,
        groups,
        clinician and clinician.removeprefix("Practitioner/"),
        clinic and clinic.removeprefix("Organization/"),
        MOST_PEOPLE,
    )
    if len(people) > MOST_PEOPLE:
        raise BadRequest(
            f"That is more than {MOST_PEOPLE} people. Name one measure, or a clinician of the clinic."
        )
    return people
