"""The facts of one patient for decision support, built from the stored record in one statement."""

from __future__ import annotations

from ehr_core.workflows.patient_facts.build import build_facts
from ehr_core.workflows.patient_facts.taken import medication_of, taken

__all__ = ["build_facts", "medication_of", "taken"]
