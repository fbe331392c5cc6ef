"""The facts of patients for decision support, built from the stored record in one statement."""

from __future__ import annotations

from ehr_core.workflows.patient_facts.build import PatientFacts, build_facts, build_facts_of_all
from ehr_core.workflows.patient_facts.taken import medication_of, medication_of_order, taken

__all__ = [
    "PatientFacts",
    "build_facts",
    "build_facts_of_all",
    "medication_of",
    "medication_of_order",
    "taken",
]
