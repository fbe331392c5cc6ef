"""What profiles ask for beyond R4: US Core as it is shipped, and every kind of demand a package can make."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ehr_core.kernel.errors import InvalidResource, Issue
from ehr_core.store.guides.guides import SHIPPED, Guides
from ehr_core.store.guides.reading import profile_facts
from ehr_core.store.guides.value_sets import code_system_facts, value_set_facts
from ehr_core.store.validation import validate
from tests.lib.guide_files import CANONICAL, code_system, profile, rule, value_set

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
OMB = "urn:oid:2.16.840.1.113883.6.238"
ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
VITAL = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    ]
}


def race(*parts: dict) -> dict:
    return {"url": f"{US_CORE}us-core-race", "extension": list(parts)}


TEXT = {"url": "text", "valueString": "White"}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "meta": {"profile": [f"{US_CORE}us-core-patient"]},
    "extension": [race({"url": "ombCategory", "valueCoding": {"system": OMB, "code": "2106-3"}}, TEXT)],
    "identifier": [{"system": "http://hospital", "value": "1"}],
    "name": [{"family": "Rivera"}],
    "gender": "female",
}


def pressure(code: str, value: int = 120, unit: str = "mm[Hg]") -> dict:
    quantity = {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": unit}
    return {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": quantity}


PRESSURE: dict[str, Any] = {
    "resourceType": "Observation",
    "meta": {"profile": [f"{US_CORE}us-core-blood-pressure"]},
    "status": "final",
    "category": [VITAL],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2026-02-01",
    "component": [pressure("8480-6"), pressure("8462-4", 80)],
}


def told(body: dict, guides: Guides = SHIPPED) -> list[Issue]:
    encoded = json.dumps(body).encode()
    return guides.check(body["resourceType"], validate(body["resourceType"], encoded), encoded)


def but(body: dict, **changes: Any) -> dict:
    """The same with other elements; None takes one out."""
    made = copy.deepcopy(body) | changes
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize("body", [PATIENT, PRESSURE], ids=["a patient", "a blood pressure"])
def test_a_resource_that_keeps_its_profile_is_told_nothing(body):
    assert told(body) == []


NO_NAME = but(PATIENT, name=[{"extension": [ABSENT]}])
UNKNOWN = {"code": pressure("8462-4")["code"], "dataAbsentReason": {"text": "cuff too small"}}
HALF = but(PRESSURE, component=[pressure("8480-6"), UNKNOWN])


@pytest.mark.parametrize(
    ("body", "expression", "said"),
    [
        (but(PATIENT, gender=None), "Patient.gender", "is required by the profile us-core-patient: add it"),
        (but(PATIENT, identifier=None), "Patient.identifier", "is required"),
        (but(PATIENT, identifier=[{"value": "1"}]), "Patient.identifier[0].system", "is required"),
        (but(PATIENT, name=[{"text": "Ana"}]), "Patient.name[0]", "needs a family or given name"),
        (
            but(PATIENT, extension=[race(TEXT), race(TEXT)]),
            "Patient.extension",
            f"has the extension {US_CORE}us-core-race 2 times; the profile us-core-patient allows 1",
        ),
        (
            but(
                PATIENT,
                extension=[race({"url": "ombCategory", "valueCoding": {"system": OMB, "code": "x"}}, TEXT)],
            ),
            "Patient.extension[0].extension[0].valueCoding",
            "has no code of the value set 'OMB Race Categories' that the profile us-core-race requires",
        ),
        (
            but(
                PATIENT,
                extension=[race({"url": "ombCategory", "valueCoding": {"system": OMB, "code": "2106-3"}})],
            ),
            "Patient.extension[0].extension",
            "lacks the item 'text'",
        ),
        (
            but(PATIENT, extension=[race({"url": "text", "valueBoolean": True})]),
            "Patient.extension[0].extension[0].valueBoolean",
            "must be a string",
        ),
        (
            but(PRESSURE, code={"coding": [{"system": "http://loinc.org", "code": "1-8"}]}),
            "Observation.code",
            "must hold http://loinc.org|85354-9",
        ),
        (
            but(PRESSURE, component=[pressure("8480-6"), pressure("8867-4", unit="/min")]),
            "Observation.component",
            "lacks the item 'diastolic' with the code http://loinc.org|8462-4",
        ),
        (
            but(PRESSURE, component=[pressure("8480-6"), pressure("8462-4", unit="kPa")]),
            "Observation.component[1].valueQuantity.code",
            "must be exactly mm[Hg]",
        ),
        (but(PRESSURE, category=[{"text": "vitals"}]), "Observation.category", "lacks the item 'VSCat'"),
        (
            but(PRESSURE, effectiveDateTime="2026-02"),
            "Observation.effectiveDateTime",
            "must be given to the day",
        ),
        (
            but(PRESSURE, effectiveDateTime=None, effectiveInstant="2026-02-01T10:00:00Z"),
            "Observation.effectiveInstant",
            "must be a Period or dateTime",
        ),
        (but(PRESSURE, subject={"reference": "Group/1"}), "Observation.subject", "must be to a Patient"),
        (but(PRESSURE, subject=None), "Observation.subject", "is required"),
        (
            but(PRESSURE, meta={"profile": [f"{US_CORE}us-core-patient"]}),
            "Observation.meta.profile",
            "names us-core-patient, a profile of Patient",
        ),
    ],
)
def test_a_broken_claim_names_the_element_and_what_to_do(body, expression, said):
    issues = [issue for issue in told(body) if issue.severity == "error"]
    assert [issue.expression for issue in issues] == [expression]
    assert said in issues[0].message
    encoded = json.dumps(body).encode()
    resource = validate(body["resourceType"], encoded)
    with pytest.raises(InvalidResource, match="profile"):
        SHIPPED.require(body["resourceType"], resource, encoded)


def test_what_is_known_to_be_absent_is_there():
    assert told(NO_NAME) == []
    assert told(HALF) == []


def test_a_preferred_code_is_a_warning_and_refuses_nothing():
    body = but(
        PATIENT, identifier=[PATIENT["identifier"][0] | {"type": {"coding": [{"system": "x", "code": "y"}]}}]
    )
    assert [(issue.severity, issue.expression) for issue in told(body)] == [
        ("warning", "Patient.identifier[0].type")
    ]
    words = but(PATIENT, identifier=[PATIENT["identifier"][0] | {"type": {"text": "a word"}}])
    assert told(words) == []


def test_a_profile_or_version_that_is_not_held_is_not_guessed_at():
    for url in ("http://example.org/unknown", f"{US_CORE}us-core-patient|3.1.1"):
        assert told({"resourceType": "Patient", "meta": {"profile": [url]}}) == []
    assert told({"resourceType": "Patient", "meta": {"profile": [f"{US_CORE}us-core-patient|6.1.0"]}})


def test_a_required_profile_is_asked_of_who_claims_none():
    guides = Guides(1, required={"Patient": (f"{US_CORE}us-core-patient",)})
    assert "Patient.gender" in [issue.expression for issue in told({"resourceType": "Patient"}, guides)]
    assert told({"resourceType": "Patient"}) == []


def with_profile(*definitions: dict, sets: tuple = (), systems: tuple = ()) -> Guides:
    made = {each["url"]: profile_facts(each, lambda url: None) for each in definitions}
    return Guides(
        1,
        dict(SHIPPED.profiles) | made,
        {each["url"]: value_set_facts(each) for each in sets},
        {each["url"]: code_system_facts(each) for each in systems},
        required={definitions[0]["type"]: (definitions[0]["url"],)},
    )


def goal(**more: Any) -> dict:
    return {
        "resourceType": "Goal",
        "lifecycleStatus": "active",
        "description": {"text": "Walk"},
        "subject": {"reference": "Patient/1"},
        **more,
    }


def sliced(by: str, *slices: dict, rules: str = "open", path: str = "Goal.note") -> Guides:
    kind, _, inner = by.partition(":")
    slicing = {"discriminator": [{"type": kind, "path": inner}], "rules": rules}
    return with_profile(profile("Goal", {"path": path, "id": path, "slicing": slicing}, *slices))


def slice_of(name: str, path: str = "Goal.note", low: int = 0, **more: Any) -> dict:
    return {"path": path, "id": f"{path}:{name}", "sliceName": name, "min": low, **more}


def test_a_slice_is_told_by_its_value():
    guides = sliced(
        "value:authorString",
        slice_of("mine", low=1),
        {"path": "Goal.note.authorString", "id": "Goal.note:mine.authorString", "fixedString": "me"},
    )
    assert (
        told(goal(note=[{"text": "x", "authorString": "you"}, {"text": "y", "authorString": "me"}]), guides)
        == []
    )
    assert (
        "lacks the item 'mine'" in told(goal(note=[{"text": "x", "authorString": "you"}]), guides)[0].message
    )
    assert "lacks the item 'mine'" in told(goal(), guides)[0].message


def test_a_slice_is_told_by_the_type_of_its_choice():
    guides = sliced(
        "type:$this",
        slice_of("startDate", "Goal.start[x]", type=[{"code": "date"}]),
        path="Goal.start[x]",
        rules="closed",
    )
    assert told(goal(startDate="2026-01-01"), guides) == []
    refused = told(goal(startCodeableConcept={"text": "soon"}), guides)
    assert [issue.expression for issue in refused] == ["Goal.startCodeableConcept"]


def test_a_slice_is_told_by_whether_something_exists():
    guides = sliced(
        "exists:time",
        slice_of("dated", max="1"),
        {"path": "Goal.note.time", "id": "Goal.note:dated.time", "min": 1},
    )
    undated, dated = {"text": "x"}, {"text": "x", "time": "2026-01-01"}
    assert told(goal(note=[undated, undated, dated]), guides) == []
    assert "has the item 'dated' 2 times" in told(goal(note=[dated, dated]), guides)[0].message


def test_a_slice_is_told_by_the_type_that_a_reference_leads_to():
    target = {"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Condition"]}
    guides = sliced(
        "type:$this.resolve()".replace("$this.", ""),
        slice_of("condition", "Goal.addresses", low=1, type=[target]),
        path="Goal.addresses",
    )
    assert told(goal(addresses=[{"reference": "Condition/1"}]), guides) == []
    assert told(goal(addresses=[{"reference": "Observation/1"}]), guides)


def test_a_slice_is_told_by_a_profile_that_it_keeps():
    short = profile("Annotation", {"path": "Annotation.time", "min": 1}, name="dated", kind="complex-type")
    slicing = {"discriminator": [{"type": "profile", "path": "$this"}], "rules": "open"}
    guides = with_profile(
        profile(
            "Goal",
            {"path": "Goal.note", "id": "Goal.note", "slicing": slicing},
            slice_of("dated", low=1, type=[{"code": "Annotation", "profile": [short["url"]]}]),
        ),
        short,
    )
    assert told(goal(note=[{"text": "x", "time": "2026-01-01"}]), guides) == []
    assert "lacks the item 'dated'" in told(goal(note=[{"text": "x"}]), guides)[0].message


def test_closed_slices_let_nothing_else_in():
    guides = sliced("value:text", slice_of("hello"), {
        "path": "Goal.note.text", "id": "Goal.note:hello.text", "fixedMarkdown": "hello"}, rules="closed")  # fmt: skip
    assert told(goal(note=[{"text": "hello"}]), guides) == []
    assert "none of the items" in told(goal(note=[{"text": "hello"}, {"text": "x"}]), guides)[0].message


def test_a_profile_on_a_profile_asks_for_both():
    low = profile("Goal", {"path": "Goal.note", "min": 1}, name="low")
    high = profile("Goal", {"path": "Goal.category", "min": 1}, name="high", baseDefinition=low["url"])
    missing = [issue.expression for issue in told(goal(), with_profile(high, low))]
    assert sorted(missing) == ["Goal.category", "Goal.note"]


def test_profiles_that_stand_on_each_other_in_a_ring_come_to_an_end():
    one = profile("Goal", name="one", baseDefinition=f"{CANONICAL}/StructureDefinition/two")
    two = profile("Goal", name="two", baseDefinition=f"{CANONICAL}/StructureDefinition/one")
    guides = with_profile(one, two)
    assert told(goal(), guides) == []
    assert guides.profile(one["url"]).unchecked


def test_rules_warn_or_refuse_as_they_say():
    guides = with_profile(
        profile("Goal", {"path": "Goal", "constraint": [
            rule("ex-1", "note.exists()"), rule("ex-2", "category.exists()", "warning"),
            rule("ex-3", "subject.resolve().active")]}))  # fmt: skip
    assert [(i.severity, i.code, i.message) for i in told(goal(), guides)] == [
        ("error", "invariant", "breaks ex-1 of the profile example: must keep it"),
        ("warning", "invariant", "breaks ex-2 of the profile example: must keep it"),
    ]


def test_a_rule_that_takes_too_long_is_a_warning_and_the_others_are_asked():
    slow = rule(
        "ex-1", "note.where(%resource.note.where(%resource.note.exists(text = 'q')).exists()).exists()"
    )
    guides = with_profile(
        profile("Goal", {"path": "Goal", "constraint": [slow]}, {"path": "Goal.category", "min": 1})
    )
    issues = told(goal(note=[{"text": str(n)} for n in range(300)]), guides)
    assert [(issue.severity, issue.code) for issue in issues] == [
        ("warning", "too-costly"),
        ("error", "required"),
    ]


COLOURS = value_set("colours", {"system": f"{CANONICAL}/CodeSystem/colours"})
COLOUR = code_system("colours", {"code": "red"}, {"code": "blue", "concept": [{"code": "navy"}]})
DARK = value_set("dark", {"system": f"{CANONICAL}/CodeSystem/colours",
                          "filter": [{"property": "concept", "op": "is-a", "value": "blue"}]})  # fmt: skip
NOT_DARK = value_set("not-dark", {"valueSet": [COLOURS["url"]]})
NOT_DARK["compose"]["exclude"] = [{"valueSet": [DARK["url"]]}]
LOINC = value_set("loinc", {"system": "http://loinc.org"})


@pytest.mark.parametrize(
    ("wanted", "code", "accepted"),
    [
        (COLOURS, "red", True), (COLOURS, "green", False), (DARK, "navy", True), (DARK, "red", False),
        (NOT_DARK, "red", True), (NOT_DARK, "navy", False), (LOINC, "red", False),
    ],
)  # fmt: skip
def test_a_required_value_set_is_asked_as_far_as_it_is_held(wanted, code, accepted):
    bound = {"path": "Goal.category", "binding": {"strength": "required", "valueSet": wanted["url"]}}
    guides = with_profile(profile("Goal", bound), sets=(COLOURS, DARK, NOT_DARK, LOINC), systems=(COLOUR,))
    coding = {"system": f"{CANONICAL}/CodeSystem/colours", "code": code}
    assert (told(goal(category=[{"coding": [coding]}]), guides) == []) == accepted
    assert told(goal(category=[{"text": "red"}]), guides)[0].code == "code-invalid"


def test_a_code_of_a_system_that_is_not_held_is_let_through():
    bound = {"path": "Goal.category", "binding": {"strength": "required", "valueSet": LOINC["url"]}}
    guides = with_profile(profile("Goal", bound), sets=(LOINC,))
    assert told(goal(category=[{"coding": [{"system": "http://loinc.org", "code": "1-8"}]}]), guides) == []


def test_value_sets_that_include_each_other_come_to_an_end():
    one = value_set("one", {"valueSet": [f"{CANONICAL}/ValueSet/two"]})
    two = value_set("two", {"valueSet": [f"{CANONICAL}/ValueSet/one"]})
    guides = with_profile(profile("Goal"), sets=(one, two))
    assert guides.codes(one["url"]).has("s", "c") is None


def test_fixed_and_pattern_mean_all_and_at_least():
    exact = with_profile(profile("Goal", {"path": "Goal.category", "fixedCodeableConcept": {"text": "x"}}))
    least = with_profile(profile("Goal", {"path": "Goal.category", "patternCodeableConcept": {"text": "x"}}))
    more = goal(category=[{"text": "x", "coding": [{"code": "c"}]}])
    assert [bool(told(goal(category=[{"text": "x"}]), guides)) for guides in (exact, least)] == [False, False]
    assert [bool(told(more, guides)) for guides in (exact, least)] == [True, False]


def test_an_element_without_a_place_and_one_too_often_are_told():
    guides = with_profile(
        profile("Goal", {"path": "Goal.note", "max": "0"}, {"path": "Goal.category", "max": "1"})
    )
    issues = told(goal(note=[{"text": "x"}], category=[{"text": "a"}, {"text": "b"}]), guides)
    assert [(issue.expression, issue.message.split(";")[0]) for issue in issues] == [
        ("Goal.note", "has no place in the profile example: leave it out"),
        ("Goal.category", "stands 2 times"),
    ]


def test_a_finding_repeats_nothing_that_the_resource_says():
    body = but(PATIENT, name=[{"text": "Secret"}], gender=None, identifier=[{"value": "999-99-9999"}])
    assert not any("Secret" in issue.message or "999" in issue.message for issue in told(body))
