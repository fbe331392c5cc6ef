"""Our facts of US Core are those of HL7's definitions, and records that others and we wrote keep them.

HL7's definitions and Synthea's records lie in the shared test data; ALMONER_US_CORE_EXAMPLES names a folder of the
guide's own examples, fetched by hand.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import date

import pytest

from ehr_core.kernel.errors import InvalidResource
from ehr_core.population.panel import generate
from ehr_core.store.guides.contents import contents_of
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.guides.package import Package, read_package
from ehr_core.store.guides.shipped import US_CORE, shipped
from ehr_core.store.resource_types import RESOURCE_TYPES
from ehr_core.store.validation import peek_type, validate
from tests.lib.published_examples import (
    CONTRADICT_R4,
    US_CORE_EXAMPLES,
    goes_out_as_it_came,
    us_core_examples,
)
from tests.lib.shared_data import shared_data

SNOMED = "http://snomed.info/sct"
Resources = Iterator[tuple[str, bytes]]


def type_of(url: str) -> str | None:
    found = SHIPPED.profiles.get(url)
    return found["type"] if found else None


@pytest.fixture(scope="module")
def package() -> Package:
    return read_package(shared_data("us-core"))


@pytest.fixture(scope="module")
def guides(package: Package) -> Guides:
    """US Core as imported, over what is shipped."""
    held = shipped()
    found = {
        "profile": dict(held.profiles),
        "value_set": dict(held.value_sets),
        "code_system": dict(held.code_systems),
    }
    for part in contents_of(package, type_of).parts:
        found[part.kind][part.url] = part.facts
    return Guides(1, found["profile"], found["value_set"], found["code_system"])


def without_our_own_words(facts: dict) -> dict:
    rules = {key: rule["severity"] for key, rule in facts["rules"].items()}
    return {name: facts[name] for name in ("url", "version", "type", "base", "elements")} | {"rules": rules}


def test_the_shipped_facts_are_those_of_the_definitions(package: Package):
    parts = [part for part in contents_of(package, type_of).parts if part.kind == "profile"]
    assert len(parts) == 59
    for part in parts:
        assert without_our_own_words(SHIPPED.profiles[part.url]) == without_our_own_words(part.facts), (
            part.url
        )


def test_the_shipped_value_sets_know_what_the_definitions_list(package: Package):
    for part in contents_of(package, type_of).parts:
        if part.kind != "value_set":
            continue
        own = SHIPPED.codes(part.url)
        for include in part.facts["include"]:
            for code, _ in include.get("codes", ()):
                told = own.has(include["system"], code)
                assert told is (None if include["system"] == SNOMED else True), (part.url, code)


@pytest.mark.long
def test_our_rules_judge_as_those_of_the_definitions(guides: Guides):
    """The expressions are our own: of whole resources, and of each without one element, they say what HL7's say."""
    differing, broken = [], set()
    for type_name, body in maimed([*generated(2), *synthea(1)]):
        for url in SHIPPED.profiles_of(type_name):
            if url.startswith(US_CORE):
                ours, theirs = (rules_broken(each, url, type_name, body) for each in (SHIPPED, guides))
                broken |= {key for _, key, _ in ours}
                if ours != theirs:
                    differing.append((url, ours ^ theirs))
    assert differing == []
    assert len(broken) > 12


def maimed(resources: list[tuple[str, bytes]]) -> Resources:
    for type_name, body in resources:
        whole = json.loads(body)
        yield type_name, body
        for name in whole.keys() - {"resourceType"}:
            yield type_name, json.dumps({key: value for key, value in whole.items() if key != name}).encode()


def rules_broken(guides: Guides, url: str, type_name: str, body: bytes) -> set[tuple[str, str, str]]:
    issues = guides.check_against(type_name, body, [guides.profile(url)])
    return {
        (each.expression, each.message.partition(":")[0], each.severity)
        for each in issues
        if each.code == "invariant"
    }


def generated(patients: int) -> Resources:
    for type_name, line in generate(patients, seed=7, as_of=date(2026, 11, 20), time_zone="America/New_York"):
        yield type_name, line if isinstance(line, bytes) else line.encode()


def synthea(patients: int) -> Resources:
    for path in sorted(shared_data("synthea-r4").glob("*.json.gz"))[:patients]:
        for entry in json.loads(gzip.decompress(path.read_bytes()))["entry"]:
            yield entry["resource"]["resourceType"], json.dumps(entry["resource"]).encode()


def complaints(guides: Guides, resources: Resources) -> list[str]:
    return [
        f"{issue.expression}: {issue.message}"
        for type_name, body in resources
        if type_name in RESOURCE_TYPES
        for issue in guides.check(type_name, validate(type_name, body), body)
        if issue.severity == "error"
    ]


def test_the_generated_population_keeps_every_profile_that_it_claims(guides: Guides):
    assert complaints(SHIPPED, generated(24)) == complaints(guides, generated(12)) == []


def test_no_record_of_synthea_is_refused(guides: Guides):
    assert complaints(guides, synthea(80)) == []


@pytest.mark.skipif(
    not US_CORE_EXAMPLES, reason="ALMONER_US_CORE_EXAMPLES names no folder of US Core's examples"
)
def test_every_valid_example_of_the_guide_is_accepted_and_goes_out_as_it_came(guides: Guides):
    """By what it claims and by the profile that the guide names for it, with the package and by what is shipped."""
    refused, changed, read, by_profile = set(), [], 0, 0
    for name, body, profile in us_core_examples():
        type_name = peek_type(body)
        if type_name not in RESOURCE_TYPES:
            continue
        read += 1
        asked = profile if profile in SHIPPED.profiles else None
        by_profile += asked is not None
        if any(complaints_of_one(held, type_name, body, asked) for held in (SHIPPED, guides)):
            refused.add(name)
        if not goes_out_as_it_came(body):
            changed.append(name)
    assert refused == CONTRADICT_R4.keys()
    assert changed == []
    assert (read > 170, by_profile > 150) == (True, True)


def complaints_of_one(guides: Guides, type_name: str, body: bytes, profile: str | None) -> bool:
    try:
        guides.require(type_name, validate(type_name, body), body)
    except InvalidResource:
        return True
    found = guides.check_against(type_name, body, [guides.profile(profile)]) if profile else []
    return any(issue.severity == "error" for issue in found)
