"""Canaries planted in every element must not come out; a weakened profile shows that they would."""

from __future__ import annotations

import copy
import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from data_contracts import valuesets
from data_contracts.code_systems import code_system
from pipelines.deidentify import Deidentifier, RandomSurrogates, derive_key, load_profile, parse_profile
from pipelines.deidentify.codes import fitting
from pipelines.deidentify.profile import _tables
from tests.unit.deidentify.planted import CANARIES, UCUM, stuffed

KEY = derive_key("5a" * 32, "test-1")
AS_OF = date(2026, 11, 22)
TYPES = sorted(load_profile("limited").resource_types)
IN_EVERY_RUN = {
    "Patient",
    "Observation",
    "Condition",
    "DocumentReference",
    "QuestionnaireResponse",
    "Coverage",
}
EACH_TYPE = [name if name in IN_EVERY_RUN else pytest.param(name, marks=pytest.mark.long) for name in TYPES]
CANARY = "Quillfeather"
VALUE_SETS = Path(valuesets.__file__).parent
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def deidentifier(name: str) -> Deidentifier:
    codes = KEY if name == "limited" else RandomSurrogates("test-2")
    return Deidentifier(load_profile(name), codes, as_of=AS_OF)


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
@pytest.mark.parametrize("resource_type", EACH_TYPE)
def test_no_canary_planted_in_any_element_comes_out(resource_type, profile):
    """Whatever is typed in a code, a unit, a link id, a number or the name of a system: none of it passes."""
    scrubber = deidentifier(profile)
    for canary in CANARIES:
        out = scrubber.scrub(resource_type, stuffed(resource_type, canary))
        assert out is not None, (canary.name, scrubber.report.quarantined[-1])
        seen = out.decode().lower()
        assert [needle for needle in canary.needles if needle in seen] == [], canary.name
    assert sum(scrubber.report.dropped.values()) > 0


IN_PLACE_OF_A_CODE = [
    "Quillfeather",
    "QUILLFEATHER",
    "john.smith",
    "Smith-Jones",
    "ana",
    "ANA",
    "617-555-0134",
    "6175550134",
    "16175550134",
    "555-0134",
    "123-45-6789",
    "987654321",
    "MRN-4711",
    "MRN4711",
    "https://facebook.example/john.smith",
]


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
def test_no_listed_system_has_a_code_that_looks_like_a_person_s(profile):
    for system, rule in load_profile(profile).code_systems.items():
        fits = fitting(rule)
        assert [code for code in IN_PLACE_OF_A_CODE if fits(code)] == [], system


def coded(system: str | None, code: str) -> dict:
    coding = {"system": system, "code": code} if system else {"code": code}
    return {"resourceType": "Flag", "id": "f", "code": {"coding": [coding]}}


@pytest.mark.parametrize("profile", ["limited", "safe_harbor"])
@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("http://hl7.org/fhir/sid/us-ssn", "123-45-6789"),
        ("http://hl7.org/fhir/sid/us-npi", "1234567893"),
        ("https://www.cms.gov/anything", "4711"),
        ("http://terminology.hl7.org/CodeSystem/unlisted", "active"),
        ("urn:oid:2.16.840.1.113883.6.999", "4711"),
        ("https://clinic.example.org/codes", "A1C"),
        (None, "A1C"),
    ],
)
def test_a_coding_of_a_system_that_is_not_listed_goes_whole(profile, system, code):
    scrubber = deidentifier(profile)
    assert "code" not in json.loads(scrubber.scrub("Flag", json.dumps(coded(system, code)).encode()))


def test_a_site_s_own_codes_pass_once_they_are_listed_and_never_into_safe_harbor():
    listed = {"https://clinic.example.org/orders": {"shape": "ORD[0-9]{3}"}}
    limited = load_profile("limited")
    site = replace(limited, code_systems={**limited.code_systems, **listed})
    line = json.dumps(coded("https://clinic.example.org/orders", "ORD123")).encode()
    kept = Deidentifier(site, KEY, as_of=AS_OF).scrub("Flag", line)
    assert json.loads(kept)["code"]["coding"][0]["code"] == "ORD123"
    assert "code" not in json.loads(deidentifier("safe_harbor").scrub("Flag", kept))
    typed = json.dumps(coded("https://clinic.example.org/orders", "Quillfeather")).encode()
    assert CANARY.encode() not in Deidentifier(site, KEY, as_of=AS_OF).scrub("Flag", typed)


@pytest.mark.parametrize("folder", [".", "snomed"])
def test_every_code_that_a_definition_asks_for_passes(folder):
    """A code of our own value sets that were dropped would change an answer."""
    systems = {uri: fitting(rule) for uri, rule in load_profile("safe_harbor").code_systems.items()}
    files = list((VALUE_SETS / folder).glob("*.csv"))
    assert files
    for path in files:
        for row in csv.DictReader(path.open(encoding="utf-8")):
            if not row["code"].endswith("*"):
                assert systems[code_system(row["system"]).uri](row["code"]), (path.name, row["code"])


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ({"system": ACT_CODE, "code": "PSY"}, {"system": ACT_CODE, "code": "PSY"}),
        ({"system": ACT_CODE, "code": "NEWLABEL"}, {"system": CONFIDENTIALITY, "code": "R"}),
    ],
)
def test_a_sensitivity_label_that_is_not_listed_becomes_restricted(label, kept):
    """To lose a label would show more, not less."""
    line = {"resourceType": "Flag", "id": "f", "meta": {"security": [label]}}
    out = json.loads(deidentifier("limited").scrub("Flag", json.dumps(line).encode()))
    assert out["meta"]["security"] == [kept]


AGES = [
    ("Observation", {"valueInteger": 94}),
    ("Observation", {"valueQuantity": {"value": 94}}),
    ("Observation", {"valueQuantity": {"value": 94, "unit": "years of age"}}),
    ("Observation", {"valueQuantity": {"value": 94, "unit": "1", "code": "1"}}),
    ("Observation", {"valueQuantity": {"value": 1128, "code": "mo"}}),
    ("Observation", {"valueRange": {"low": {"value": 94}, "high": {"value": 94}}}),
    ("Observation", {"component": [{"code": {"coding": [{"code": "x"}]}, "valueInteger": 94}]}),
    ("Condition", {"abatementAge": {"value": 1200}}),
    ("Condition", {"abatementAge": {"value": 94, "unit": "Jahre"}}),
    ("Condition", {"onsetAge": {"value": 94, "code": "a"}}),
    ("Condition", {"onsetRange": {"low": {"value": 94, "code": "a"}}}),
    ("FamilyMemberHistory", {"ageAge": {"value": 94}}),
    ("Goal", {"target": [{"detailInteger": 94}]}),
]


@pytest.mark.parametrize(("written", "shown"), [("2019-05-17", "2019"), ("4711", None), ("1932-05-17", None)])
def test_a_date_shows_its_year_and_only_one_that_can_be_one(written, shown):
    line = json.dumps({"resourceType": "Condition", "id": "c", "onsetDateTime": written}).encode()
    assert json.loads(deidentifier("safe_harbor").scrub("Condition", line)).get("onsetDateTime") == shown


@pytest.mark.parametrize(("resource_type", "elements"), AGES)
def test_an_age_over_89_comes_out_of_no_number(resource_type, elements):
    line = json.dumps({"resourceType": resource_type, "id": "a", **elements}).encode()
    out = json.loads(deidentifier("safe_harbor").scrub(resource_type, line), parse_int=int)
    assert "94" not in json.dumps({**out, "id": ""})
    assert "1200" not in json.dumps({**out, "id": ""})
    assert "1128" not in json.dumps({**out, "id": ""})


@pytest.mark.parametrize(
    ("resource_type", "elements"),
    [
        ("Observation", {"valueInteger": 27}),
        ("Observation", {"valueQuantity": {"value": 128, "code": "mm[Hg]", "system": UCUM}}),
        ("Observation", {"valueQuantity": {"value": 7.1, "unit": "%"}}),
        ("Condition", {"onsetAge": {"value": 44, "code": "a", "system": UCUM}}),
        ("MedicationRequest", {"dispenseRequest": {"numberOfRepeatsAllowed": 3}}),
    ],
)
def test_a_number_that_tells_no_age_stays(resource_type, elements):
    line = json.dumps({"resourceType": resource_type, "id": "a", **elements}).encode()
    out = json.loads(deidentifier("safe_harbor").scrub(resource_type, line))
    assert {name: out.get(name) for name in elements} == elements


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
    tables["treatment"]["published"] = "place_name"


def keep_notes(tables):
    tables["Condition"]["place"] = ["onsetString"]


def keep_any_code(tables):
    tables["treatment"]["code"] = "token"


def keep_any_link_id(tables):
    tables["treatment"]["link_id"] = "token"


def keep_any_number(tables):
    tables["treatment"]["number"] = "number"


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
            {
                "resourceType": "Flag",
                "id": "f",
                "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": CANARY}]},
            },
            CANARY,
        ),
        ("limited", keep_notes, {"resourceType": "Condition", "id": "c", "onsetString": CANARY}, CANARY),
        ("limited", keep_any_code, {"resourceType": "Flag", "id": "f", "status": CANARY}, CANARY),
        (
            "limited",
            keep_any_link_id,
            {"resourceType": "QuestionnaireResponse", "id": "q", "item": [{"linkId": CANARY}]},
            CANARY,
        ),
        (
            "limited",
            keep_any_number,
            {"resourceType": "Observation", "id": "o", "valueInteger": 6175550134},
            "6175550134",
        ),
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
