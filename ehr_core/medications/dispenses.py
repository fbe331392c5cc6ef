"""What a pharmacy gave out, as it was told to somebody here: a FHIR MedicationDispense. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from data_contracts.api.medications import RecordDispense
from ehr_core.kernel.errors import Conflict, InvalidResource, Issue
from ehr_core.kernel.fhir_json import without_empty

Resource = dict[str, Any]


def build_dispense(
    told: RecordDispense,
    *,
    prescription_id: str,
    request: Resource,
    written_on: date | None,
    recorded_by: Resource,
    today: date,
) -> Resource:
    """Days are the site's. Raises Conflict for what was never sent, InvalidResource for a day that cannot be."""
    if request.get("status") in ("draft", "cancelled", "entered-in-error"):
        raise Conflict("This prescription was never given to a pharmacy, so nothing can have been given out.")
    if told.on > today:
        raise InvalidResource(
            [Issue("on", "is in the future. Give the day on which it was handed over.", "invariant")]
        )
    if written_on and told.on < written_on:
        raise InvalidResource([Issue("on", "is before the prescription was written.", "invariant")])
    unit = ((request.get("dispenseRequest") or {}).get("quantity") or {}).get("unit")
    return without_empty(
        {
            "resourceType": "MedicationDispense",
            "status": "completed",
            "medicationCodeableConcept": request.get("medicationCodeableConcept"),
            "medicationReference": request.get("medicationReference"),
            "subject": request.get("subject"),
            "performer": [{"actor": recorded_by}],
            "authorizingPrescription": [{"reference": f"MedicationRequest/{prescription_id}"}],
            "quantity": {"value": told.quantity, "unit": unit} if told.quantity else None,
            "whenHandedOver": told.on.isoformat(),
            "note": [{"text": f"Told by {told.told_by}"}],
        }
    )
