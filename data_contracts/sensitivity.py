"""Labels of `meta.security`: those that restrict nobody. Every other one keeps an item from patients and proxies."""

from __future__ import annotations

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OWN_SENSITIVITY = "https://almoner.dev/fhir/CodeSystem/sensitivity"

ADOLESCENT_CONFIDENTIAL = (OWN_SENSITIVITY, "adolescent-confidential")
"""Our own label for what a young person told in confidence."""

ORDINARY_LABELS = frozenset(
    {
        (CONFIDENTIALITY, "U"),
        (CONFIDENTIALITY, "L"),
        (CONFIDENTIALITY, "M"),
        (CONFIDENTIALITY, "N"),
        ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST"),
        ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED"),
    }
)
"""Labels that restrict nobody: ordinary confidentiality and below, test data, and 'this is a part'."""


def short_label(system: str, code: str) -> str:
    """A label as policies name it: the code alone where its system is one that we know, else `system|code`."""
    return code if code and system in (CONFIDENTIALITY, ACT_CODE, OWN_SENSITIVITY) else f"{system}|{code}"
