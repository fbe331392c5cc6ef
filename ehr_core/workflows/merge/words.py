"""Kinds of resources as the front desk calls them. Pure."""

from __future__ import annotations

import re

KIND_WORDS = {
    "AllergyIntolerance": "Allergies",
    "Appointment": "Appointments",
    "Binary": "Files",
    "CarePlan": "Care plans",
    "CareTeam": "Care teams",
    "Condition": "Problems and diagnoses",
    "Consent": "Consents",
    "Coverage": "Coverages",
    "DiagnosticReport": "Reports",
    "DocumentReference": "Documents",
    "Encounter": "Visits",
    "FamilyMemberHistory": "Family history",
    "Flag": "Flags",
    "Goal": "Goals",
    "Immunization": "Vaccinations",
    "MedicationRequest": "Prescriptions",
    "MedicationStatement": "Medicines taken",
    "Observation": "Results and vital signs",
    "Procedure": "Procedures",
    "QuestionnaireResponse": "Filled forms",
    "RelatedPerson": "Proxies and carers",
    "ServiceRequest": "Orders",
    "Task": "Tasks",
}


def kind_words(resource_type: str) -> str:
    """'Observation' as 'Results and vital signs'; an unlisted type by its own name, in words."""
    own = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource_type)
    return KIND_WORDS.get(resource_type, own.capitalize())
