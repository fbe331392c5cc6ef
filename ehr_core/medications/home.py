"""What a patient says that they take, as a FHIR MedicationStatement. Pure."""

from __future__ import annotations

from typing import Any

from data_contracts.api.reconciliation import RecordHomeMedication
from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.kernel.fhir_json import without_empty
from ehr_core.medications.products import RXNORM, Lookup

Resource = dict[str, Any]

HOME_IDENTIFIER = "https://almoner.dev/fhir/NamingSystem/home-medication-request"


def build_home_medication(
    told: RecordHomeMedication, *, patient_id: str, asserted_on: str, recorder: Resource, lookup: Lookup
) -> Resource:
    """Raises InvalidResource for a code that names nothing that we know."""
    if told.rxcui and not lookup.ingredients(told.rxcui):
        raise InvalidResource(
            [
                Issue(
                    "rxcui",
                    "is not on the list. Choose from the search, or write it as words.",
                    "code-invalid",
                )
            ]
        )
    found = lookup.product(told.rxcui)
    name = found.name if found else told.name.strip()
    coding = [{"system": RXNORM, "code": told.rxcui, "display": name}] if told.rxcui else []
    return without_empty(
        {
            "resourceType": "MedicationStatement",
            "identifier": [{"system": HOME_IDENTIFIER, "value": told.request_id}],
            "status": "active",
            "medicationCodeableConcept": {"coding": coding, "text": name},
            "subject": {"reference": f"Patient/{patient_id}"},
            "effectivePeriod": {"start": told.since.isoformat()} if told.since else None,
            "dateAsserted": asserted_on,
            "informationSource": {
                "display": f"{told.told_by}, written down by {recorder.get('display', 'staff')}"
            },
            "dosage": [{"text": told.how.strip()}] if told.how and told.how.strip() else [],
        }
    )
