"""A dose given in the clinic as a FHIR MedicationAdministration, and back as a line of the record. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from data_contracts.api.administration import Dose, GivenDose, RecordDose
from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.fhir_json import extension, without_empty, words
from ehr_core.medications.products import RXNORM, Lookup, knowledge
from ehr_core.medications.queries import Kept
from ehr_core.medications.sig import plain, routes

Resource = dict[str, Any]

GIVEN_IDENTIFIER = "https://almoner.dev/fhir/NamingSystem/administration-request"
LOT = "https://almoner.dev/fhir/StructureDefinition/lot-number"
"""Extension: R4's MedicationAdministration has no place for the lot."""
SHORTEST_REASON = 3


def check_dose(record: RecordDose, lookup: Lookup, *, now: datetime) -> None:
    """Raises InvalidResource naming each field."""
    issues = []
    dose, reason = record.dose, record.not_given_because
    if dose.rxcui and not lookup.ingredients(dose.rxcui):
        issues.append(
            Issue("dose.rxcui", "is not on the list. Choose from the search, or write words.", "code-invalid")
        )
    if dose.route not in routes():
        issues.append(Issue("dose.route", "is not a route on the list.", "code-invalid"))
    if record.at.tzinfo is None or record.at > now:
        issues.append(Issue("at", "must be a moment that has passed, with its offset.", "invariant"))
    if reason is not None and len(reason.strip()) < SHORTEST_REASON:
        issues.append(Issue("not_given_because", "Say why it was not given.", "required"))
    if issues:
        raise InvalidResource(issues)


def build_administration(
    record: RecordDose, *, patient_id: str, performer: Resource, at: str, lookup: Lookup
) -> Resource:
    dose = record.dose
    found = lookup.product(dose.rxcui)
    name = found.name if found else dose.name.strip()
    coding = [{"system": RXNORM, "code": dose.rxcui, "display": name}] if dose.rxcui else []
    given = record.not_given_because is None
    order = f"MedicationRequest/{dose.prescription_id}" if dose.prescription_id else None
    return without_empty(
        {
            "resourceType": "MedicationAdministration",
            "extension": [{"url": LOT, "valueString": dose.lot.strip()}]
            if dose.lot and dose.lot.strip()
            else [],
            "identifier": [{"system": GIVEN_IDENTIFIER, "value": record.request_id}],
            "status": "completed" if given else "not-done",
            "statusReason": [] if given else [{"text": (record.not_given_because or "").strip()}],
            "medicationCodeableConcept": {"coding": coding, "text": name},
            "subject": {"reference": f"Patient/{patient_id}"},
            "effectiveDateTime": at,
            "performer": [{"actor": performer}],
            "request": {"reference": order} if order else None,
            "dosage": _dosage(dose),
        }
    )


def _dosage(dose: Dose) -> Resource:
    route = routes()[dose.route]
    coding = {"system": knowledge("routes.toml")["system"], "code": route["code"]}
    return {
        "text": what_words(dose),
        "route": {"coding": [coding], "text": dose.route},
        "site": {"text": dose.site.strip()} if dose.site and dose.site.strip() else None,
        "dose": {"value": dose.amount, "unit": dose.unit},
    }


def what_words(dose: Dose) -> str:
    parts = [f"{plain(dose.amount)} {dose.unit}", dose.route, (dose.site or "").strip()]
    return ", ".join(part for part in parts if part)


def given_dose(kept: Kept) -> GivenDose:
    """A dose as any system may have written it."""
    resource = kept.resource
    at = resource.get("effectiveDateTime") or (resource.get("effectivePeriod") or {}).get("start")
    refused = next(filter(None, map(words, resource.get("statusReason") or ())), None)
    not_done = resource.get("status") == "not-done"
    return GivenDose(
        administration_id=kept.id,
        version_id=kept.version_id,
        name=words(resource.get("medicationCodeableConcept")) or "medication not named",
        what=(resource.get("dosage") or {}).get("text") or "dose not recorded",
        at=datetime.fromisoformat(at) if at and "T" in at else None,
        by=next(
            (one["actor"].get("display") for one in resource.get("performer") or () if "actor" in one), None
        ),
        lot=(extension(resource, LOT) or {}).get("valueString"),
        not_given_because=(refused or "reason not recorded") if not_done else None,
    )
