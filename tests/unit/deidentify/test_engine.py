"""Numbers keep their digits, references stay joined, bad lines are held back, and every line is accounted for."""

from __future__ import annotations

import json
from datetime import date

import pytest

from ehr_core.kernel.errors import BadRequest
from pipelines.deidentify import Deidentifier, RandomSurrogates, derive_key, load_profile

KEY = derive_key("5a" * 32, "test-1")


@pytest.fixture
def scrubber() -> Deidentifier:
    return Deidentifier(load_profile("limited"), KEY, own_bases=["https://ehr.example.org/fhir"])


def observation(**elements) -> bytes:
    return json.dumps({"resourceType": "Observation", "id": "o1", "status": "final", **elements}).encode()


@pytest.mark.parametrize(
    "digits",
    ["1.50", "0.000010", "1.0e2", "-0.0", "12345678901234567890.12345678901234567", "7", "-3", "1E5"],
)
def test_a_number_comes_out_digit_for_digit(scrubber, digits):
    line = observation(valueQuantity={"value": "DIGITS", "code": "mg"}).replace(b'"DIGITS"', digits.encode())
    assert f'"value":{digits},'.encode() in scrubber.scrub("Observation", line)


@pytest.mark.parametrize(
    ("coding", "kept"),
    [
        ({"code": "LA31771-1", "display": "Full Body"}, {"code": "LA31771-1", "display": "Full Body"}),
        ({"code": "LA31771-1", "display": "full body"}, {"code": "LA31771-1"}),
        ({"code": "LA31771-1", "display": "Full Body of Ana"}, {"code": "LA31771-1"}),
        ({"code": "not LOINC's", "display": "Full Body"}, {}),
    ],
)
def test_the_words_of_a_code_pass_only_as_a_measure_publishes_them(coding, kept):
    loinc = {"system": "http://loinc.org"}
    line = observation(valueCodeableConcept={"coding": [loinc | coding]})
    scrub = Deidentifier(load_profile("limited"), KEY, published=frozenset({"Full Body"})).scrub
    assert json.loads(scrub("Observation", line))["valueCodeableConcept"]["coding"] == [loinc | kept]
    harbor = Deidentifier(
        load_profile("safe_harbor"),
        RandomSurrogates("zone"),
        published=frozenset({"Full Body"}),
        as_of=date(2026, 1, 1),
    )
    assert b"Full" not in harbor.scrub("Observation", line)


@pytest.mark.parametrize("value", ['{"a":"b"}', '"7.1"', "[7.1]", "true", "null", '[{"a":1}]'])
def test_anything_but_a_number_in_place_of_a_number_is_quarantined(scrubber, value):
    line = observation(valueQuantity={"value": "DIGITS"}).replace(b'"DIGITS"', value.encode())
    assert scrubber.scrub("Observation", line) is None
    assert [(held.reason, held.path) for held in scrubber.report.quarantined] == [
        ("wrong_type", "Observation.valueQuantity.value")
    ]


@pytest.mark.parametrize("numbers", ["[1,2]", "[ 1 , 2 ]", "[-1]"])
def test_a_list_of_numbers_passes(scrubber, numbers):
    claim = {"resourceType": "Claim", "id": "c", "item": [{"sequence": 1, "diagnosisSequence": "LIST"}]}
    line = json.dumps(claim).replace('"LIST"', numbers).encode()
    assert f'"diagnosisSequence":{numbers}'.encode() in scrubber.scrub("Claim", line)


@pytest.mark.parametrize("numbers", ['[1,"two"]', '[{"a":1}]', "[[1]]", '"1"'])
def test_a_list_that_holds_something_else_is_quarantined(scrubber, numbers):
    claim = {"resourceType": "Claim", "id": "c", "item": [{"sequence": 1, "diagnosisSequence": "LIST"}]}
    assert scrubber.scrub("Claim", json.dumps(claim).replace('"LIST"', numbers).encode()) is None


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "Patient/p1/_history/7",
        "https://ehr.example.org/fhir/Patient/p1",
        "https://ehr.example.org/fhir/Patient/p1/_history/7",
        "urn:uuid:p1",
    ],
)
def test_every_form_of_a_reference_points_at_the_same_patient(scrubber, reference):
    patient = json.loads(scrubber.scrub("Patient", b'{"resourceType":"Patient","id":"p1"}'))
    out = json.loads(scrubber.scrub("Observation", observation(subject={"reference": reference})))
    assert out["subject"]["reference"] == f"Patient/{patient['id']}"
    assert patient["id"] == KEY.pseudonym("Patient", "p1")


@pytest.mark.parametrize(
    "reference",
    [
        "https://elsewhere.org/fhir/Patient/p1",
        "Patient?identifier=1",
        "p1",
        "",
        "javascript:alert(1)",
        "Quillfeather/p1",
    ],
)
def test_a_reference_that_cannot_be_rewritten_is_dropped_and_counted(scrubber, reference):
    out = json.loads(scrubber.scrub("Observation", observation(subject={"reference": reference})))
    assert "subject" not in out
    assert scrubber.report.dropped["Observation.subject.reference (foreign)"] == 1


MALFORMED = [
    b"not json",
    b'{"resourceType":"Observation","id":"o1"',
    b'{"resourceType":"Observation","id":"o1","status":"\xff\xfe"}',
    b"[]",
    b'"Observation"',
    b"null",
    b'{"id":"o1"}',
    b'{"resourceType":"Patient","id":"o1"}',
    b'{"resourceType":"Observation","id":7}',
    b'{"resourceType":"Observation","id":""}',
    b'{"resourceType":"Observation"}',
    b'{"resourceType":"Observation","id":"o1","component":{"code":{}}}',
    b'{"resourceType":"Observation","id":"o1","extension":"x"}',
    b'{"resourceType":"Observation","id":"o1","contained":[{"resourceType":{}}]}',
    b'{"resourceType":"Observation","id":"o1","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
]


@pytest.mark.parametrize("line", MALFORMED)
def test_a_bad_line_is_held_back_and_the_next_one_passes(scrubber, line):
    good = observation(valueBoolean=True)
    assert len(list(scrubber.scrub_lines("Observation", [line, good]))) == 1
    count = scrubber.report.of("Observation")
    assert (count.lines_in, count.lines_out, count.quarantined) == (2, 1, 1)
    assert scrubber.report.quarantined[0].line_number == 1


def test_the_report_never_quotes_what_it_stumbled_on(scrubber):
    for line in (
        *MALFORMED,
        observation(status="Quillfeather"),
        observation(effectiveDateTime={"Quillfeather": 1}),
    ):
        scrubber.scrub("Observation", line)
    scrubber.scrub("Observation", observation(Quillfeather=1, **{"Quill feather": 2}))
    assert "Quill feather" not in scrubber.report.as_contract().model_dump_json()


def test_a_type_that_is_not_listed_is_dropped_and_counted(scrubber):
    assert list(scrubber.scrub_lines("Substance", [b'{"resourceType":"Substance","id":"s"}', b" \n"])) == []
    assert scrubber.report.of("Substance").unlisted == 1
    assert scrubber.report.is_balanced


def test_dropped_paths_are_counted_every_time_also_when_remembered(scrubber):
    concept = {"coding": [{"system": "http://loinc.org", "code": "4548-4", "display": "A1c"}], "text": "A1c"}
    lines = [observation(code=concept, note=[{"text": "hello"}])] * 5
    assert len(list(scrubber.scrub_lines("Observation", lines))) == 5
    assert scrubber.report.dropped["Observation.code.text"] == 5
    assert scrubber.report.dropped["Observation.code.coding.display"] == 5
    assert scrubber.report.dropped["Observation.note"] == 5


def test_elements_that_nobody_listed_are_counted_by_path(scrubber):
    component = {"code": {"coding": [{"code": "8480-6"}]}, "mood": "calm"}
    scrubber.scrub("Observation", observation(component=[component, component], nickname="x"))
    assert scrubber.report.dropped["Observation.component.mood (unlisted)"] == 2
    assert scrubber.report.dropped["Observation.nickname (unlisted)"] == 1


def test_a_quarantined_line_adds_nothing_to_the_dropped_paths(scrubber):
    scrubber.scrub("Observation", observation(note=[{"text": "x"}], status={}))
    assert scrubber.report.dropped == {}


def test_a_list_of_references_loses_only_the_one_to_a_type_that_nobody_knows(scrubber):
    performers = [{"reference": "Quillfeather/1"}, {"reference": "Practitioner/d1"}]
    out = json.loads(scrubber.scrub("Observation", observation(performer=performers)))
    assert out["performer"] == [{"reference": f"Practitioner/{KEY.pseudonym('Practitioner', 'd1')}"}]


def test_a_name_where_an_element_s_name_should_be_is_not_repeated(scrubber):
    scrubber.scrub("Observation", observation(**{"MRN4711": 1, "Quillfeather": 2}))
    assert scrubber.report.dropped["Observation.? (unlisted)"] == 2


def test_a_string_of_a_megabyte_passes_through_the_drop(scrubber):
    out = scrubber.scrub("Observation", observation(code={"text": "x" * 1_000_000}, valueBoolean=False))
    assert len(out) < 200


def test_another_key_gives_other_codes_and_the_same_key_the_same():
    other = derive_key("5a" * 32, "test-2")
    again = derive_key("5a" * 32, "test-1")
    assert KEY.pseudonym("Patient", "p1") == again.pseudonym("Patient", "p1")
    assert KEY.pseudonym("Patient", "p1") != other.pseudonym("Patient", "p1")
    assert KEY.pseudonym("Patient", "p1") != KEY.pseudonym("Practitioner", "p1")
    assert "5a" not in repr(KEY)


@pytest.mark.parametrize(
    ("master", "key_id"), [("zz", "k"), ("00", "k"), ("00" * 32, ""), ("00" * 32, "a b")]
)
def test_a_key_that_is_no_key_is_refused(master, key_id):
    with pytest.raises(BadRequest):
        derive_key(master, key_id)


def test_random_surrogates_are_kept_per_resource_and_say_nothing_about_it():
    known = {}
    first, second = RandomSurrogates("s1", known), RandomSurrogates("s1", known)
    assert first.pseudonym("Patient", "p1") == second.pseudonym("Patient", "p1")
    assert RandomSurrogates("s1").pseudonym("Patient", "p1") != first.pseudonym("Patient", "p1")


def test_safe_harbor_needs_a_day_to_count_ages_by():
    with pytest.raises(BadRequest, match="as of which day"):
        Deidentifier(load_profile("safe_harbor"), RandomSurrogates("s1"))
