"""What front desk and billing read of each type: the words of field_sets.toml against every type that is kept."""

from __future__ import annotations

import json

import pytest

from ehr_core.access.actor import Actor
from ehr_core.access.field_sets import field_sets, fields_of, fields_of_roles
from ehr_core.access.roles import STAFF_ROLES, permissions_by_role
from ehr_core.kernel.fhir_definitions import definition
from ehr_core.store.minimum import minimum
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.search_parameters import Search, known_parameters
from ehr_core.store.tables import current_table
from ehr_core.store.visible import NOBODY, Sight

NARROWED = sorted(field_sets())
ALWAYS = {"resourceType", "id", "meta"}


def everything(type_name: str) -> dict:
    """A resource with each element that the type has, an extension inside every one, and labels."""
    body: dict = {
        name: {"extension": [{"url": "u"}], "_x": {}, "kept": 1} for name in definition(type_name).elements
    }
    meta = {"versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z", "security": [{"code": "HIV"}]}
    return body | {"resourceType": type_name, "id": "x", "meta": meta, "_birthDate": {"extension": []}}


def group(type_name: str, name: str) -> str:
    element = definition(type_name).elements.get(name)
    return (element.choice if element else None) or name


@pytest.mark.parametrize(
    ("role", "type_name"), [(role, name) for role in NARROWED for name in field_sets()[role]]
)
def test_a_narrowed_role_gets_the_listed_elements_and_nothing_else(role, type_name):
    fields = fields_of_roles((role,))
    cut = json.loads(
        minimum(type_name, json.dumps(everything(type_name)).encode(), fields[type_name].elements)
    )
    assert {group(type_name, name) for name in cut.keys() - ALWAYS} == fields[type_name].elements
    assert cut["meta"] == {
        "versionId": "3", "lastUpdated": "2026-01-01T00:00:00Z",
        "tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}],
    }  # fmt: skip
    assert '"extension"' not in json.dumps(cut)
    assert '"_x"' not in json.dumps(cut)


@pytest.mark.parametrize("role", NARROWED)
def test_every_word_of_the_file_is_an_element_or_a_search_parameter_that_there_is(role):
    for type_name, fields in field_sets()[role].items():
        known = {group(type_name, name) for name in definition(type_name).elements}
        assert fields.elements <= known, (type_name, fields.elements - known)
        search = Search(Sight(NOBODY), "UTC")
        parameters = set(known_parameters(RESOURCE_TYPES[type_name], current_table(type_name), search))
        assert fields.searches <= parameters, (type_name, fields.searches - parameters)


def test_numbers_keep_their_digits():
    body = (
        b'{"resourceType":"Coverage","id":"c","order":1,"costToBeneficiary":[{"valueMoney":{"value":7.10}}]}'
    )
    assert b"7.10" in minimum("Coverage", body, {"costToBeneficiary"})


@pytest.mark.parametrize(
    ("roles", "narrowed"),
    [
        (("front_desk",), True),
        (("biller",), True),
        (("front_desk", "biller"), True),
        (("front_desk", "admin"), True),
        (("front_desk", "clinician"), False),
        (("clinician",), False),
    ],
)
def test_a_role_that_reads_whole_resources_is_not_narrowed_by_another(roles, narrowed):
    actor = Actor("a", "user", "A", roles, frozenset())
    assert (fields_of(actor) is not None) is narrowed


def test_two_narrowed_roles_read_the_fields_of_both():
    both = fields_of_roles(("biller", "front_desk"))["Encounter"].elements
    assert {"diagnosis", "appointment"} <= both


def test_a_role_without_fhir_reads_no_type():
    for role in STAFF_ROLES:
        if "fhir.read" not in permissions_by_role()[role]:
            assert fields_of_roles((role,)) == {}
