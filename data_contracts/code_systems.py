"""The code systems that value sets may use, as types: a wrong system or an impossible code fails early."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ehr_core.kernel.errors import BadRequest

OWN = "https://almoner.dev/fhir"


@dataclass(frozen=True)
class CodeSystem:
    """One system: `name` is what our files write, `uri` what FHIR writes, `pattern` the shape of its codes.

    `prefixes` tells whether `E11*` may stand for every code that begins with E11 (hierarchical codes only).
    """

    name: str
    uri: str
    title: str
    pattern: str
    prefixes: bool = False

    def checked(self, code: str) -> str:
        """The code itself; raises BadRequest when it cannot be a code of this system."""
        if not re.fullmatch(self.pattern, code):
            raise BadRequest(f"'{code}' is not a {self.title} code. Check the system written beside it.")
        return code


LOINC = CodeSystem("loinc", "http://loinc.org", "LOINC", r"(\d{1,6}|LA\d{1,6})-\d")
ICD_10_CM = CodeSystem(
    "icd-10-cm",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD-10-CM",
    r"[A-Z][0-9A][0-9A-Z]?(\.[0-9A-Z]{1,4})?",
    prefixes=True,
)
ICD_10_PCS = CodeSystem(
    "icd-10-pcs",
    "http://www.cms.gov/Medicare/Coding/ICD10",
    "ICD-10-PCS",
    r"[0-9A-HJ-NP-Z]{3,7}",
    prefixes=True,
)
HCPCS = CodeSystem(
    "hcpcs", "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "HCPCS Level II", r"[A-V]\d{4}"
)
CVX = CodeSystem("cvx", "http://hl7.org/fhir/sid/cvx", "CVX", r"\d{2,3}")
RXNORM = CodeSystem("rxnorm", "http://www.nlm.nih.gov/research/umls/rxnorm", "RxNorm", r"\d{1,8}")
SNOMED_CT = CodeSystem("snomed", "http://snomed.info/sct", "SNOMED CT", r"\d{6,18}")
INTERPRETATION = CodeSystem(
    "interpretation",
    "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    "HL7 observation interpretation",
    r"[A-Z<>+*-]{1,4}",
)
DISCHARGE = CodeSystem(
    "discharge",
    "http://terminology.hl7.org/CodeSystem/discharge-disposition",
    "HL7 discharge disposition",
    r"[a-z0-9-]{1,16}",
)
ORGAN = CodeSystem("organ", f"{OWN}/CodeSystem/organ", "Almoner organ inventory", r"[a-z-]{1,24}")
PANEL_STATUS = CodeSystem(
    "panel-status", f"{OWN}/CodeSystem/panel-status", "Almoner panel status", r"[a-z-]{1,32}"
)
ORDERABLE = CodeSystem(
    "orderable", f"{OWN}/CodeSystem/orderable", "Almoner order catalogue", r"[a-z0-9-]{1,64}"
)

CODE_SYSTEMS: dict[str, CodeSystem] = {
    system.name: system
    for system in (
        LOINC,
        ICD_10_CM,
        ICD_10_PCS,
        HCPCS,
        CVX,
        RXNORM,
        SNOMED_CT,
        INTERPRETATION,
        DISCHARGE,
        ORGAN,
        PANEL_STATUS,
        ORDERABLE,
    )
}


def code_system(name: str) -> CodeSystem:
    """The system of that short name; raises BadRequest naming those there are."""
    if name not in CODE_SYSTEMS:
        raise BadRequest(f"There is no code system '{name}'. Known: {', '.join(sorted(CODE_SYSTEMS))}.")
    return CODE_SYSTEMS[name]
