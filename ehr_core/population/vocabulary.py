"""Code systems and small coded elements that every fact is written with."""

from __future__ import annotations

from typing import Any

from data_contracts import code_systems

LOINC = code_systems.LOINC.uri
ICD10CM = code_systems.ICD_10_CM.uri
ICD10PCS = code_systems.ICD_10_PCS.uri
HCPCS = code_systems.HCPCS.uri
RXNORM = code_systems.RXNORM.uri
CVX = code_systems.CVX.uri
SNOMED = code_systems.SNOMED_CT.uri
INTERPRETATION = code_systems.INTERPRETATION.uri
DISCHARGE = code_systems.DISCHARGE.uri
ORGAN = code_systems.ORGAN.uri
PANEL_STATUS = code_systems.PANEL_STATUS.uri
UCUM = "http://unitsofmeasure.org"
SOPT = "https://nahdo.org/sopt"
NUCC = "http://nucc.org/provider-taxonomy"
NPI = "http://hl7.org/fhir/sid/us-npi"
RACE_AND_ETHNICITY = "urn:oid:2.16.840.1.113883.6.238"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
FHIR_EXTENSION = "http://hl7.org/fhir/StructureDefinition"

OURS = "https://almoner.dev/fhir"
MRN = f"{OURS}/NamingSystem/mrn"
MEMBER_NUMBER = f"{OURS}/NamingSystem/member-number"
OUTREACH_CHANNEL = f"{OURS}/CodeSystem/outreach-channel"
ABSENT_OR_UNKNOWN = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
VISIT_TYPE = f"{OURS}/CodeSystem/visit-type"


def coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    made = {"system": system, "code": code}
    if display:
        made["display"] = display
    return made


def concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def status_concept(name: str, code: str) -> dict[str, Any]:
    """A HL7 terminology code without words, such as a clinical status."""
    return {"coding": [{"system": f"{TERMINOLOGY}/{name}", "code": code}]}


def category(name: str, code: str) -> list[dict[str, Any]]:
    return [status_concept(name, code)]


def profile(name: str) -> dict[str, list[str]]:
    """`meta` that claims a US Core profile."""
    return {"profile": [f"{US_CORE}/{name}"]}


def labelled(meta: dict[str, Any], label: str) -> dict[str, Any]:
    """The same `meta`, marked restricted with a sensitivity label of ActCode (HIV, PSY, SUD, ETH, SEX)."""
    return {**meta, "security": [coding(CONFIDENTIALITY, "R"), coding(ACT_CODE, label)]}
