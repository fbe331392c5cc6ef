"""A report (DiagnosticReport) as a result: whether it says anything, what in words, and of which kind it is. Pure.

A report that only groups its observations is no result of its own: those stand in the chart by themselves. A clinical
note that travels as a report (its category is a document type of LOINC, such as 'History and physical note') is none.
"""

from __future__ import annotations

from typing import Any, Literal

from data_contracts.code_systems import LOINC
from ehr_core.kernel.fhir_json import codings, words

Resource = dict[str, Any]

OWN_WORDS = ("conclusion", "conclusionCode", "presentedForm")

LOINC_SERVICE = "LP"
"""How LOINC's codes of diagnostic services begin (LP29684-5, Radiology): a category of a report, not of a note."""

IMAGING_SERVICES = frozenset(
    {"RAD", "IMG", "RX", "RUS", "CT", "NMR", "NMS", "OUS", "CUS", "VUS", "XRC", "LP29684-5"}
)
LABORATORY_SERVICES = frozenset(
    {"LAB", "CH", "HM", "BG", "BLB", "CG", "CP", "GE", "IMM", "MB", "MCB", "MYC", "SP", "SR", "TX", "VR"}
    | {"OSL", "PAT", "LP7839-6"}
)
"""HL7 v2 table 0074 and the categories of US Core's report profiles."""


def is_report(resource: Resource) -> bool:
    return resource.get("resourceType") == "DiagnosticReport"


def is_result(resource: Resource) -> bool:
    """True of every observation, and of a report that says something of its own, or stands for results without any."""
    if not is_report(resource):
        return True
    says_something = any(resource.get(element) for element in OWN_WORDS) or not resource.get("result")
    return says_something and not _is_note(resource)


def _is_note(report: Resource) -> bool:
    return any(
        system == LOINC.uri and not code.startswith(LOINC_SERVICE)
        for concept in report.get("category") or ()
        for system, code in codings(concept)
    )


def report_category(report: Resource) -> Literal["laboratory", "imaging", "other"]:
    services = {code for concept in report.get("category") or () for _, code in codings(concept)}
    if services & IMAGING_SERVICES:
        return "imaging"
    return "laboratory" if services & LABORATORY_SERVICES else "other"


def report_words(report: Resource) -> str:
    """The conclusion as written, then the coded ones; else that there is none here, never that all is well."""
    coded = [words(concept) for concept in report.get("conclusionCode") or ()]
    written = (report.get("conclusion") or "").strip()
    told = [written, *(said for said in coded if said and said.lower() not in written.lower())]
    said = "; ".join(part for part in told if part)
    if said:
        return said
    return "see the attached report" if report.get("presentedForm") else "no conclusion recorded"
