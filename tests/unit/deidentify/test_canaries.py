"""Canaries planted in every element that may hold words must not come out; a weakened profile shows that they would."""

from __future__ import annotations

import copy
import json
from datetime import date

import pytest

from pipelines.deidentify import Deidentifier, RandomSurrogates, derive_key, load_profile, parse_profile
from pipelines.deidentify.profile import _tables
from tests.unit.deidentify.planted import CANARY, PHRASE, stuffed

KEY = derive_key("5a" * 32, "test-1")
AS_OF = date(2026, 11, 22)
TYPES = sorted(load_profile("limited").resource_types)


def deidentifier(name: str) -> Deidentifier:
    codes = KEY if name == "limited" else RandomSurrogates("test-2")
    return Deidentifier(load_profile(name), codes, as_of=AS_OF)


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
@pytest.mark.parametrize("resource_type", TYPES)
def test_no_word_planted_in_any_element_comes_out(resource_type, profile):
    scrubber = deidentifier(profile)
    out = scrubber.scrub(resource_type, json.dumps(stuffed(resource_type)).encode())
    assert out is not None, scrubber.report.quarantined
    assert CANARY.encode() not in out
    assert b"Harbour" not in out
    assert b"0134" not in out
    assert sum(scrubber.report.dropped.values()) > 0


ANA = {
    "resourceType": "Patient",
    "id": "mrn-4711",
    "identifier": [{"system": "https://almoner.dev/fhir/NamingSystem/mrn", "value": "MRN-4711"}],
    "name": [{"family": "Quillfeather", "given": ["Ana"]}],
    "telecom": [
        {"system": "phone", "value": "555-0134"},
        {"system": "email", "value": "ana@quillfeather.example"},
    ],
    "birthDate": "1932-05-17",
    "address": [{"line": ["14 Harbour Row"], "city": "Rutland", "state": "VT", "postalCode": "05901"}],
    "extension": [{"url": "https://example.org/nickname", "valueString": "Annie"}],
    "_birthDate": {"extension": [{"url": "https://example.org/hour", "valueTime": "04:15:00"}]},
    "contained": [{"resourceType": "Organization", "id": "employer", "name": "Quillfeather Shipping"}],
    "text": {"status": "generated", "div": "<div>Ana Quillfeather</div>"},
}
ALWAYS_GONE = [
    "mrn-4711",
    "MRN-4711",
    "Quillfeather",
    "Ana",
    "555-0134",
    "quillfeather",
    "Harbour",
    "Annie",
    "04:15",
]
GONE_IN_SAFE_HARBOR = [*ALWAYS_GONE, "1932", "05-17", "05901", "059", "Rutland"]


@pytest.mark.parametrize(
    ("profile", "canaries"), [("limited", ALWAYS_GONE), ("safe_harbor", GONE_IN_SAFE_HARBOR)]
)
def test_nothing_of_a_94_year_old_from_a_small_town_comes_out(profile, canaries):
    out = deidentifier(profile).scrub("Patient", json.dumps(ANA).encode()).decode()
    assert [canary for canary in canaries if canary in out] == []


def weakened(profile: str, change) -> Deidentifier:
    tables = copy.deepcopy(_tables(profile))
    change(tables)
    return Deidentifier(parse_profile(tables), KEY, as_of=AS_OF)


def keep_displays(tables):
    tables["datatype"]["coding"]["place"] = ["display"]


def keep_notes(tables):
    tables["Condition"]["place"] = ["onsetString"]


def keep_birth_dates(tables):
    tables["treatment"]["birth_date"] = "fhir_date"


def keep_zip_codes(tables):
    tables["treatment"]["zip"] = "zip5"


@pytest.mark.parametrize(
    ("profile", "change", "resource", "canary"),
    [
        (
            "limited",
            keep_displays,
            {"resourceType": "Flag", "id": "f", "code": {"coding": [{"display": CANARY}]}},
            CANARY,
        ),
        ("limited", keep_notes, {"resourceType": "Condition", "id": "c", "onsetString": CANARY}, CANARY),
        ("safe_harbor", keep_birth_dates, ANA, "1932-05-17"),
        ("safe_harbor", keep_zip_codes, ANA, "05901"),
    ],
)
def test_a_weakened_profile_lets_the_canary_out(profile, change, resource, canary):
    """The positive control: if these did not fail under a weak profile, the tests above would prove nothing."""
    line = json.dumps(resource).encode()
    strong = Deidentifier(load_profile(profile), KEY, as_of=AS_OF).scrub(resource["resourceType"], line)
    weak = weakened(profile, change).scrub(resource["resourceType"], line)
    assert canary.encode() not in strong
    assert canary.encode() in weak


def test_a_phrase_is_no_place_name_so_the_planting_is_harder_than_it_need_be():
    assert any(character.isdigit() for character in PHRASE)
