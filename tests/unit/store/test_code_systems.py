"""Which system a plain code has: every one that is searched is known, and nothing else is named."""

from __future__ import annotations

from collections.abc import Iterator

from ehr_core.kernel.fhir_definitions import Element, definition
from ehr_core.store.code_systems import CODE_SYSTEMS_OF, systems_of
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_facts import facts_of

OPEN = {"DocumentReference.content.attachment.language"}
"""Not bound by a required value set."""


def element(path: str) -> Element | None:
    owner, *steps = path.split(".")
    found = None
    for step in steps:
        found = definition(owner).elements.get(step)
        if found is None or found.primitive:
            break
        owner = found.type
    return found


def searched() -> Iterator[str]:
    for name, row in RESOURCE_TYPES.items():
        yield from ([f"{name}.{row.status}"] if row.status else [])
        for fact in facts_of(name).values():
            yield from (f"{name}.{path}" for path in fact.paths if fact.kind == "token")
    yield "Patient.gender"


def test_every_plain_code_that_is_searched_has_its_systems():
    codes = {path for path in searched() if (found := element(path)) and found.type == "code"}
    assert len(codes) > 50
    assert codes - OPEN == set(CODE_SYSTEMS_OF)


def test_a_parameter_of_several_elements_has_the_systems_of_all_or_none():
    assert systems_of("MedicationRequest", ("intent", "status")) == {
        "http://hl7.org/fhir/CodeSystem/medicationrequest-intent",
        "http://hl7.org/fhir/CodeSystem/medicationrequest-status",
    }
    assert systems_of("MedicationRequest", ("intent", "category")) == frozenset()
