"""The profiles name real FHIR elements, keep every element that turns a meaning round, and list every stored type."""

from __future__ import annotations

import io
import json
import re
import tarfile

import pytest
from fhir.resources.R4B import get_fhir_model_class

from ehr_core.kernel.errors import BadRequest
from ehr_core.kernel.fhir_definitions import definition
from ehr_core.store.resource_types import RESOURCE_TYPES
from pipelines.deidentify import load_profile, parse_profile
from pipelines.deidentify.profile import _tables
from tests.lib.shared_data import shared_data

LIMITED = load_profile("limited")
SPECIAL = ("dropped", "again")


def check(table, model, path):
    """Fails on a name that the model does not have, or has with another cardinality. Dropped names need only exist."""
    fields = {(field.alias or name): str(field.annotation) for name, field in model.model_fields.items()}
    dropped = [name for names in table.get("dropped", {}).values() for name in names]
    parts = {
        name: content for name, content in table.items() if isinstance(content, dict) and name not in SPECIAL
    }
    kept_names = [name for content in table.values() if isinstance(content, list) for name in content]
    for name in (*kept_names, *parts, *table.get("again", {})):
        annotation = fields.get(name.removesuffix("[]"))
        assert annotation is not None, f"{path}.{name} is no element of FHIR R4"
        repeats = bool(re.search(r"\b[Ll]ist\[", annotation))
        assert name.endswith("[]") == repeats, f"{path}.{name} repeats in FHIR: {repeats}"
    assert set(dropped) <= set(fields), f"{path} drops what FHIR does not have"
    for name, content in parts.items():
        inner = re.search(r"abc\.(\w+?)Type\b", fields[name.removesuffix("[]")])[1]
        check(content, get_fhir_model_class(inner), f"{path}.{name}")


@pytest.mark.parametrize("resource_type", sorted(LIMITED.resource_types))
def test_every_listed_element_is_one_of_fhir_and_repeats_as_fhir_says(resource_type):
    check(LIMITED.resources[resource_type], get_fhir_model_class(resource_type), resource_type)


def test_every_stored_type_is_listed():
    """A type that were not would be dropped whole, and a new measure of it would need a new export."""
    assert set(RESOURCE_TYPES) <= LIMITED.resource_types


def test_the_words_of_code_elements_are_those_that_fhir_lists_and_the_store_takes():
    """A word that the store takes and de-identification dropped would change an answer."""
    for resource_type in LIMITED.resource_types:
        for name, codes in coded_elements(LIMITED.resources[resource_type], resource_type):
            assert set(codes) <= set(LIMITED.words[name]), (resource_type, name)


def coded_elements(table, definition_name):
    """Each kept `code` element below a table: its name and the words that FHIR R4 lists for it."""
    elements = definition(definition_name).elements
    for group, content in table.items():
        if group in SPECIAL:
            continue
        if isinstance(content, dict):
            yield from coded_elements(content, elements[group.removesuffix("[]")].type)
        elif group == "code":
            yield from (
                (name.removesuffix("[]"), elements[name.removesuffix("[]")].codes) for name in content
            )


def kept(table):
    names = set()
    for group, content in table.items():
        if group in SPECIAL:
            continue
        names |= (
            {group.removesuffix("[]")}
            if isinstance(content, dict)
            else {name.removesuffix("[]") for name in content}
        )
    return names


def us_core_definitions():
    archived = io.BytesIO(shared_data("us-core", "us-core-6.1.0-definitions.tgz").read_bytes())
    with tarfile.open(fileobj=archived) as archive:
        for member in archive:
            if "StructureDefinition-" in member.name:
                definition = json.load(archive.extractfile(member))
                if definition["kind"] == "resource":
                    yield definition


ACCEPTED = {"contained", "implicitRules", "modifierExtension", "text", "language", "id", "extension", "meta"}


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
def test_every_us_core_type_is_listed_and_keeps_the_elements_that_turn_its_meaning_round(profile):
    listed = load_profile(profile)
    for profiled in us_core_definitions():
        resource_type = profiled["type"]
        assert resource_type in listed.resource_types
        for element in profiled["snapshot"]["element"]:
            parts = element["path"].split(".")
            if element.get("isModifier") and len(parts) == 2 and parts[1] not in ACCEPTED:
                stem = parts[1].removesuffix("[x]")
                names = kept(listed.resources[resource_type])
                assert any(name.startswith(stem) for name in names), (
                    f"{element['path']} is a modifier and is not kept"
                )


def test_safe_harbor_keeps_no_element_that_limited_does_not():
    safe_harbor = load_profile("safe_harbor")
    for resource_type, table in safe_harbor.resources.items():
        assert kept(table) <= kept(LIMITED.resources[resource_type])
    assert set(safe_harbor.extensions) <= set(LIMITED.extensions)


def test_an_unknown_profile_is_refused_in_a_sentence():
    with pytest.raises(BadRequest, match="no de-identification profile 'open'"):
        load_profile("open")


def test_a_group_without_a_treatment_is_refused():
    tables = _tables("limited")
    tables["Observation"]["as_is"] = ["note"]
    with pytest.raises(BadRequest, match="no treatment is given for 'as_is'"):
        parse_profile(tables)


def test_a_code_element_without_listed_words_is_refused():
    tables = _tables("limited")
    tables["Observation"]["code"].append("mood")
    with pytest.raises(BadRequest, match="no words are listed for \\['mood'\\]"):
        parse_profile(tables)


def test_a_reason_to_drop_that_nobody_knows_is_refused():
    tables = _tables("limited")
    tables["Observation"]["dropped"]["whim"] = ["note"]
    with pytest.raises(BadRequest, match="no such reason to drop"):
        parse_profile(tables)
