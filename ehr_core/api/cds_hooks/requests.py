"""A CDS Hooks call as it comes: read strictly, with a sentence for what is missing. Source: CDS Hooks 2.0."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ehr_core.kernel.errors import BadRequest, InvalidResource
from ehr_core.kernel.fhir_json import encode
from ehr_core.store.validation import validate
from ehr_core.workflows.hook_cards import HookQuestion

MOST_RESOURCES = 2000
"""Of one prefetched search: more than a record of years has of the types that are asked for."""

Resource = dict[str, Any]


class HookCall(BaseModel):
    """`fhirServer` and `fhirAuthorization` are taken and not used: this service calls no address that it is given."""

    model_config = ConfigDict(extra="ignore")

    hook: str = Field(max_length=50)
    hookInstance: UUID
    context: dict[str, Any]
    prefetch: dict[str, Resource | None] | None = None


class CardFeedback(BaseModel):
    model_config = ConfigDict(extra="ignore")

    card: UUID
    outcome: Literal["accepted", "overridden"]
    outcomeTimestamp: str | None = Field(default=None, max_length=40)
    overrideReason: dict[str, Any] | None = None

    @property
    def reason_code(self) -> str | None:
        """The code alone: a comment may hold anything, and is not kept."""
        reason = (self.overrideReason or {}).get("reason") or {}
        code = reason.get("code") if isinstance(reason, dict) else None
        return code[:100] if isinstance(code, str) else None


class Feedback(BaseModel):
    feedback: list[CardFeedback] = Field(min_length=1, max_length=200)


def question_of(call: HookCall, hook: str) -> HookQuestion:
    """Raises BadRequest, naming the element and what to send."""
    if call.hook != hook:
        raise BadRequest(f"hook: this service answers {hook} alone.")
    patient_id = call.context.get("patientId")
    if not isinstance(patient_id, str) or not 1 <= len(patient_id) <= 64:
        raise BadRequest("context.patientId: send the id of the patient.")
    drafts, beside = ((), ()) if hook == "patient-view" else _drafts(hook, call.context)
    return HookQuestion(hook, patient_id, drafts, _sent(call.prefetch, patient_id), beside)


def _drafts(hook: str, context: dict[str, Any]) -> tuple[tuple[Resource, ...], tuple[Resource, ...]]:
    """The drafts that are asked about, all or the selected ones, and the others."""
    entries = _resources(context.get("draftOrders"), "context.draftOrders")
    selected = context.get("selections") if hook == "order-select" else None
    if selected is None:
        return tuple(entries), ()
    if not isinstance(selected, list) or not all(isinstance(one, str) for one in selected):
        raise BadRequest("context.selections: send a list of references to resources of context.draftOrders.")
    wanted = {reference.rpartition("/")[2] for reference in selected}
    if not wanted <= {one.get("id") for one in entries}:
        raise BadRequest("context.selections: names an order that is not among context.draftOrders.")
    return (
        tuple(one for one in entries if one.get("id") in wanted),
        tuple(one for one in entries if one.get("id") not in wanted),
    )


def _sent(prefetch: dict[str, Resource | None] | None, patient_id: str) -> dict[str, list[Resource]] | None:
    """By type. None when nothing was sent; a search that found nothing sends its type all the same, by its key."""
    if not prefetch or prefetch.get("patient") is None:
        return None
    patient = prefetch["patient"]
    if patient.get("resourceType") != "Patient" or patient.get("id") != patient_id:
        raise BadRequest("prefetch.patient: send the Patient of context.patientId.")
    _check_built(patient, "prefetch.patient")
    sent: dict[str, list[Resource]] = {"Patient": [patient]}
    for key, kind in TYPE_OF_KEY.items():
        if prefetch.get(key) is not None:
            found = _resources(prefetch[key], f"prefetch.{key}")
            sent[kind] = [one for one in found if one.get("resourceType") == kind and _is_of(one, patient_id)]
            sent.setdefault("Medication", []).extend(
                one for one in found if one.get("resourceType") == "Medication" and one.get("id")
            )
    return sent


def _is_of(resource: Resource, patient_id: str) -> bool:
    """Another patient's resource in the bundle must not speak for this one."""
    reference = resource.get("subject") or resource.get("patient") or {}
    named = reference.get("reference") if isinstance(reference, dict) else None
    return isinstance(named, str) and named.rpartition("/")[2] == patient_id


def _resources(bundle: Any, place: str) -> list[Resource]:
    entries = bundle.get("entry", []) if isinstance(bundle, dict) else None
    if (
        not isinstance(entries, list)
        or bundle.get("resourceType") != "Bundle"
        or len(entries) > MOST_RESOURCES
    ):
        raise BadRequest(f"{place}: send a Bundle of at most {MOST_RESOURCES} resources.")
    found = []
    for number, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") in READ:
            _check_built(resource, f"{place}.entry[{number}].resource")
            found.append(resource)
    return found


def _check_built(resource: Resource, place: str) -> None:
    """Raises BadRequest for one that R4 builds otherwise: the rules read what stands where R4 puts it.

    What is lacking, or a code that is not R4's, is no ground: drafts of other systems are often not whole.
    """
    try:
        validate(resource["resourceType"], encode(resource))
    except InvalidResource as error:
        for issue in error.issues:
            if issue.code == "structure":
                raise BadRequest(f"{place}: {issue.expression} {issue.message}.") from None


PREFETCH = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": "Condition?patient={{context.patientId}}",
    "medications": "MedicationRequest?patient={{context.patientId}}&_include=MedicationRequest:medication",
    "statements": "MedicationStatement?patient={{context.patientId}}",
    "allergies": "AllergyIntolerance?patient={{context.patientId}}",
    "observations": "Observation?patient={{context.patientId}}",
    "immunizations": "Immunization?patient={{context.patientId}}",
    "procedures": "Procedure?patient={{context.patientId}}",
}
TYPE_OF_KEY = {
    key: template.partition("?")[0].partition("/")[0]
    for key, template in PREFETCH.items()
    if key != "patient"
}
READ = ("Medication", "MedicationRequest", "ServiceRequest", *TYPE_OF_KEY.values())
"""The types that are read of what is sent; others, such as a draft NutritionOrder, are passed over."""
