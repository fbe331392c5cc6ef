"""What a resource's codes say about its sensitivity, where nobody has labelled it. Pure.

Most laboratories send an HIV or a pregnancy test without a label. The value sets are small on purpose and miss what is
told in words or in a sender's own codes: they stand in until a site's policy says more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from data_contracts.sensitivity import ORDINARY_LABELS, short_label
from data_contracts.valuesets import value_set
from ehr_core.kernel.fhir_json import codings

SENSITIVITY = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

LABEL_OF_SET = {
    "sensitive_hiv": "HIV",
    "sensitive_reproductive": "SEX",
    "sensitive_substance_use": "SUD",
    "sensitive_mental_health": "PSY",
}
"""Value set by its ActCode label: those that the four categories would be labelled with."""

TELLING_ELEMENTS = ("code", "valueCodeableConcept", "vaccineCode", "medicationCodeableConcept")
TELLING_LISTS = ("reasonCode", "conclusionCode")


def derived_labels(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(system, code) of each label that the resource's own codes call for."""
    found = set(_codings(resource))
    for label, (exact, prefixes) in _sensitive().items():
        if found & exact or any(
            system == of and code.startswith(start) for system, code in found for of, start in prefixes
        ):
            yield SENSITIVITY, label


def restricting_tokens(security: Iterable[str]) -> list[str]:
    """Of `system|code` labels, those that restrict, by their short names, sorted."""
    pairs = (token.rpartition("|")[::2] for token in security)
    return sorted({short_label(*pair) for pair in pairs if pair not in ORDINARY_LABELS})


def labels_of_tokens(tokens: Iterable[str]) -> list[str] | None:
    """The labels that `system|code` tokens call for, sorted; None for none."""
    exact, prefixes = _sensitive_tokens()
    found = set()
    for token in tokens:
        if token in exact:
            found |= exact[token]
        if token.startswith(tuple(prefixes)):
            found |= {label for start, label in prefixes.items() if token.startswith(start)}
    return sorted(found) or None


@cache
def _sensitive_tokens() -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    """The same by token: labels of an exact one, and the label of each beginning."""
    exact: dict[str, frozenset[str]] = {}
    prefixes = {}
    for label, (codes, starts) in _sensitive().items():
        for system, code in codes:
            token = f"{system}|{code}"
            exact[token] = exact.get(token, frozenset()) | {label}
        prefixes |= {f"{system}|{start}": label for system, start in starts}
    return exact, prefixes


def _codings(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """`code` is a concept, several (PractitionerRole) or bare codings (Questionnaire)."""
    for holder in (resource, *(resource.get("component") or ())):
        for element in TELLING_ELEMENTS:
            value = holder.get(element)
            for concept in value if isinstance(value, list) else (value,):
                yield from codings(
                    concept if concept is None or "coding" in concept else {"coding": [concept]}
                )
    for element in TELLING_LISTS:
        for concept in resource.get(element) or ():
            yield from codings(concept)


@cache
def _sensitive() -> dict[str, tuple[frozenset[tuple[str, str]], tuple[tuple[str, str], ...]]]:
    """By label: the exact (system, code) pairs, and the pairs that stand for every code that begins so."""
    found = {}
    for name, label in LABEL_OF_SET.items():
        listed = value_set(name).codes
        exact = frozenset((code.system.uri, code.code) for code in listed if not code.is_prefix)
        found[label] = exact, tuple((code.system.uri, code.code) for code in listed if code.is_prefix)
    return found
