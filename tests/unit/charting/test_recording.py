"""What may be recorded: tables of good and bad input, and the resources that come of it."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from data_contracts.api.chart import RecordOutsideResult, RecordResult, RecordVitals
from data_contracts.code_systems import CVX, HCPCS, LOINC
from data_contracts.valuesets import value_sets
from ehr_core.charting import documents, outside, results, retractions, timing, vital_signs
from ehr_core.charting.recordable import recordables
from ehr_core.charting.reviews import review_of, with_review
from ehr_core.kernel.errors import BadRequest, InvalidResource
from ehr_core.kernel.fhir_json import codings, encode
from ehr_core.store.validation import validate

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
DOCTOR = {"reference": "Practitioner/okafor", "display": "Dr Okafor"}
ISSUED = "2026-11-22T14:30:00+00:00"


def build(**given):
    result = RecordResult(at=NOW, **given)
    return results.build_result(result, patient_id="ana", performer=DOCTOR, issued=ISSUED)


def field_refused(refusal) -> str:
    (issue,) = refusal.value.issues
    assert issue.message.endswith(".")
    return issue.expression


@pytest.mark.parametrize("digits", ["7.1", "7.10", "10.2", "7", "5.000"])
def test_a_result_keeps_the_digits_that_were_entered(digits):
    resource = build(code="4548-4", value=digits, unit="%")
    assert f'"value":{digits},'.encode() in encode(resource)
    validate("Observation", encode(resource))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"code": "4548-4", "value": "7.1", "unit": "mg/dL"}, "unit"),
        ({"code": "4548-4", "value": "7.1"}, "unit"),
        ({"code": "4548-4", "value": "71", "unit": "%"}, "value"),
        ({"code": "4548-4", "value": "1.99", "unit": "%"}, "value"),
        ({"code": "4548-4", "value": "7.1", "unit": "mmol/mol"}, "value"),
        ({"code": "4548-4", "value": "7.1234567", "unit": "%"}, "value"),
        ({"code": "4548-4", "value": "-7.1", "unit": "%"}, "value"),
        ({"code": "4548-4"}, "value"),
        ({"code": "4548-4", "unit": "%"}, "value"),
        ({"code": "4548-4", "value_code": "LA18978-9"}, "value_code"),
        ({"code": "4548-4", "value": "7.1", "unit": "%", "value_code": "LA18978-9"}, "value"),
        ({"code": "72166-2"}, "value"),
        ({"code": "72166-2", "value": "1", "unit": "%"}, "value"),
        ({"code": "72166-2", "value_code": "LA0000-0"}, "value_code"),
        ({"code": "44261-6", "value": "9.5", "unit": "{score}"}, "value"),
        ({"code": "44261-6", "value": "28", "unit": "{score}"}, "value"),
        ({"code": "24606-6"}, "value"),
        ({"code": "0000-0", "value": "1", "unit": "%"}, "code"),
        ({"code": "G0121"}, "code"),
    ],
)
def test_a_result_that_cannot_be_true_is_refused_with_its_field_and_the_fix(given, field):
    with pytest.raises(InvalidResource) as refusal:
        build(**given)
    assert field_refused(refusal) == field


def test_the_refusal_of_a_unit_names_the_units_there_are():
    with pytest.raises(InvalidResource, match="'%' or 'mmol/mol'"):
        build(code="4548-4", value="7.1", unit="mmol/l")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"code": "4548-4", "value": "5.6", "unit": "%"}, "N"),
        ({"code": "4548-4", "value": "5.7", "unit": "%"}, "H"),
        ({"code": "98979-8", "value": "59", "unit": "mL/min/{1.73_m2}"}, "L"),
        ({"code": "2345-7", "value": "140", "unit": "mg/dL"}, None),
    ],
)
def test_a_result_is_flagged_by_the_usual_range_where_there_is_one(given, code):
    found = [each for concept in build(**given).get("interpretation", ()) for _, each in codings(concept)]
    assert found == ([code] if code else [])


def test_a_smoking_status_is_recorded_as_its_answer():
    resource = build(code="72166-2", value_code="LA18978-9")
    assert resource["valueCodeableConcept"]["text"] == "Never smoker"
    assert resource["category"][0]["coding"][0]["code"] == "social-history"
    validate("Observation", encode(resource))


def vitals(**given):
    return RecordVitals(at=NOW, **given)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "vitals"),
        ({"systolic_mmhg": 128}, "diastolic_mmhg"),
        ({"diastolic_mmhg": 76}, "systolic_mmhg"),
        ({"systolic_mmhg": 90, "diastolic_mmhg": 90}, "diastolic_mmhg"),
        ({"systolic_mmhg": 76, "diastolic_mmhg": 128}, "diastolic_mmhg"),
        ({"weight_kg": "70.1234567"}, "weight_kg"),
    ],
)
def test_vital_signs_that_contradict_themselves_are_refused(given, field):
    with pytest.raises(InvalidResource) as refusal:
        vital_signs.check_vitals(vitals(**given))
    assert field_refused(refusal) == field


@pytest.mark.parametrize(
    "given",
    [
        {"temperature_celsius": "98.6"},
        {"heart_rate_per_minute": 0},
        {"height_cm": "1.75"},
        {"weight_kg": "NaN"},
    ],
)
def test_vital_signs_outside_what_a_living_person_has_are_refused_by_the_contract(given):
    with pytest.raises(ValidationError):
        vitals(**given)


def test_vital_signs_are_one_observation_each_and_the_pressure_a_pair():
    given = vitals(
        systolic_mmhg="128", diastolic_mmhg="76", weight_kg="70.50", oxygen_saturation_percent="98"
    )
    vital_signs.check_vitals(given)
    built = vital_signs.build_vitals(given, patient_id="ana", performer=DOCTOR, issued=ISSUED)
    codes = [next(code for _, code in codings(resource["code"])) for resource in built]
    assert codes == ["85354-9", "59408-5", "29463-7"]
    assert [str(part["valueQuantity"]["value"]) for part in built[0]["component"]] == ["128", "76"]
    assert b'"value":70.50,' in encode(built[2])
    for resource in built:
        validate("Observation", encode(resource))


@pytest.mark.parametrize(
    ("at", "fine"),
    [
        (NOW, True),
        (NOW + timedelta(minutes=4), True),
        (NOW + timedelta(minutes=6), False),
        (datetime(1972, 3, 14, 5, 0, tzinfo=UTC), True),
        (datetime(1972, 3, 14, 4, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 22, 9, 0), False),
        (datetime(1, 1, 1, tzinfo=UTC), False),
    ],
)
def test_a_moment_lies_between_birth_at_the_site_and_now_and_has_an_offset(at, fine):
    def check():
        timing.check_moment(at, now=NOW, time_zone="America/New_York", born=date(1972, 3, 14))

    if fine:
        check()
        return
    with pytest.raises(InvalidResource) as refusal:
        check()
    assert field_refused(refusal) == "at"


@pytest.mark.parametrize(
    ("on", "fine"),
    [
        (date(2026, 11, 22), True),
        (date(2026, 11, 23), False),
        (date(1972, 3, 14), True),
        (date(1972, 3, 13), False),
    ],
)
def test_a_day_lies_between_birth_and_today(on, fine):
    if fine:
        timing.check_day(on, today=date(2026, 11, 22), born=date(1972, 3, 14))
        timing.check_day(on, today=date(2026, 11, 22), born=None)
        return
    with pytest.raises(InvalidResource) as refusal:
        timing.check_day(on, today=date(2026, 11, 22), born=date(1972, 3, 14))
    assert field_refused(refusal) == "on"


def elsewhere(code="24606-6", kind="result", system=LOINC.uri, **given):
    return RecordOutsideResult(
        code_system=system, code=code, kind=kind, on=date(2026, 5, 2), source="Elm Hospital", **given
    )


def build_outside(record):
    resource = outside.build_outside(record, outside.item_of(record), patient_id="ana", recorded_at=ISSUED)
    validate(resource["resourceType"], encode(resource))
    return resource


@pytest.mark.parametrize(
    ("given", "interpretation", "value"),
    [
        ({}, None, None),
        ({"finding": "normal"}, "N", None),
        ({"finding": "abnormal"}, "A", None),
        ({"code": "29771-3", "finding": "abnormal"}, "POS", "Positive"),
        ({"code": "29771-3", "finding": "normal"}, "NEG", "Negative"),
        ({"code": "29771-3", "value_code": "LA6576-8"}, "POS", "Positive"),
        ({"code": "29771-3"}, None, None),
        ({"code": "10524-7", "finding": "abnormal"}, "A", None),
        ({"code": "59420-0", "finding": "abnormal"}, "POS", "Positive"),
    ],
)
def test_an_outside_finding_is_coded_so_that_an_abnormal_one_opens_a_follow_up(given, interpretation, value):
    resource = build_outside(elsewhere(**given))
    found = [code for concept in resource.get("interpretation", ()) for _, code in codings(concept)]
    assert found == ([interpretation] if interpretation else [])
    assert (resource.get("valueCodeableConcept") or {}).get("text") == value
    assert resource["performer"] == [{"display": "Elm Hospital"}]
    assert resource["effectiveDateTime"] == "2026-05-02"


def test_an_abnormal_outside_finding_is_in_the_value_sets_that_open_follow_up():
    for code, opens in (
        ("24606-6", "breast_abnormal"),
        ("10524-7", "cervical_abnormal"),
        ("29771-3", "positive_result"),
    ):
        resource = build_outside(elsewhere(code, finding="abnormal"))
        tokens = {
            f"{system}|{found}"
            for concept in resource["interpretation"]
            for system, found in codings(concept)
        }
        assert tokens & value_sets()[opens].tokens, code


def test_an_outside_procedure_and_vaccination_say_whose_record_it_is():
    colonoscopy = build_outside(elsewhere("G0121", "procedure", HCPCS.uri, finding="abnormal"))
    assert (colonoscopy["status"], colonoscopy["note"]) == (
        "completed",
        [{"text": "Outcome as stated: abnormal."}],
    )
    vaccine = build_outside(elsewhere("216", "immunization", CVX.uri))
    assert (vaccine["primarySource"], vaccine["reportOrigin"]) == (False, {"text": "Elm Hospital"})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"code": "4548-4"}, "value"),
        ({"code": "4548-4", "value": "7.1", "unit": "mg/dL"}, "unit"),
        ({"code": "0000-0"}, "code"),
        ({"code": "24606-6", "kind": "procedure"}, "code"),
        ({"code": "24606-6", "system": "https://elsewhere.example"}, "code"),
        ({"code": "G0121", "kind": "procedure", "system": HCPCS.uri, "value": "1"}, "value"),
        ({"code": "216", "kind": "immunization", "system": CVX.uri, "finding": "abnormal"}, "finding"),
        ({"code": "29771-3", "finding": "normal", "value_code": "LA6576-8"}, "finding"),
    ],
)
def test_an_outside_record_that_contradicts_itself_is_refused(given, field):
    with pytest.raises(InvalidResource) as refusal:
        build_outside(elsewhere(**given))
    assert field_refused(refusal) == field


PDF = b"%PDF-1.7 minimal"


def attached(content=PDF, **given):
    given = {"document_type": "application/pdf", "document_name": "letter.pdf"} | given
    return elsewhere(document_base64=base64.b64encode(content).decode(), **given)


def test_a_document_becomes_a_binary_and_an_entry_that_finds_it():
    document = documents.read_document(attached())
    binary = documents.build_binary(document, patient_id="ana")
    entry = documents.build_document_reference(
        document,
        binary_id="b1",
        patient_id="ana",
        about="Mammogram",
        on=date(2026, 5, 2),
        source="Elm",
        written_at=ISSUED,
    )
    validate("Binary", encode(binary))
    validate("DocumentReference", encode(entry))
    assert base64.b64decode(binary["data"]) == PDF
    assert entry["content"][0]["attachment"]["url"] == "Binary/b1"
    assert documents.read_document(elsewhere()) is None


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (elsewhere(document_base64="not base64!"), "document_base64"),
        (elsewhere(document_name="letter.pdf"), "document_base64"),
        (attached(b""), "document_base64"),
        (attached(b"MZ program"), "document_type"),
        (attached(document_type="image/png"), "document_type"),
        (attached(document_type="text/html"), "document_type"),
        (attached(document_type=None), "document_type"),
    ],
)
def test_a_document_that_is_not_what_it_says_is_refused(record, field):
    with pytest.raises(InvalidResource) as refusal:
        documents.read_document(record)
    assert field_refused(refusal) == field


def correct(observation, value="7.9", unit="%"):
    return results.corrected(observation, value=Decimal(value), unit=unit, issued=ISSUED)


def test_a_correction_keeps_what_was_right_and_must_be_reviewed_again():
    first = with_review(
        {"id": "o1", **build(code="4548-4", value="10.2", unit="%", note="fasting")},
        at=NOW,
        by=DOCTOR,
        comment=None,
    )
    second = correct(first, "5.50")
    assert (second["status"], second["id"], second["note"]) == ("corrected", "o1", [{"text": "fasting"}])
    assert str(second["valueQuantity"]["value"]) == "5.50"
    assert [code for concept in second["interpretation"] for _, code in codings(concept)] == ["N"]
    assert review_of(first) is not None
    assert review_of(second) is None
    assert first["status"] == "final"
    validate("Observation", encode(second))


def test_a_correction_of_the_unit_takes_the_range_of_the_new_unit():
    second = correct(build(code="4548-4", value="7.1", unit="%"), "54", "mmol/mol")
    assert second["referenceRange"][0]["high"]["value"] == Decimal(38)
    assert second["valueQuantity"]["code"] == "mmol/mol"


def test_a_laboratorys_own_range_survives_a_correction():
    first = build(code="4548-4", value="7.1", unit="%")
    first["referenceRange"] = [{"high": {"value": Decimal("6.0"), "code": "%"}}]
    second = correct(first, "5.9")
    assert second["referenceRange"] == first["referenceRange"]
    assert [code for concept in second["interpretation"] for _, code in codings(concept)] == ["N"]


@pytest.mark.parametrize(
    ("change", "value", "unit", "error"),
    [
        ({}, "79", "%", InvalidResource),
        ({}, "7.9", "mg/dL", InvalidResource),
        ({"valueQuantity": {"value": 5, "comparator": "<"}}, "7.9", "%", BadRequest),
        ({"component": [{}]}, "7.9", "%", BadRequest),
        ({"status": "preliminary"}, "7.9", "%", BadRequest),
        ({"status": "cancelled"}, "7.9", "%", BadRequest),
        ({"code": {"coding": [{"system": LOINC.uri, "code": "2951-2"}]}}, "140", "mmol/L", InvalidResource),
    ],
)
def test_what_cannot_be_corrected_says_what_to_do_instead(change, value, unit, error):
    with pytest.raises(error):
        correct({**build(code="4548-4", value="7.1", unit="%"), **change}, value, unit)


def test_a_test_that_is_not_on_the_list_is_corrected_in_its_own_unit():
    sodium = {
        **build(code="4548-4", value="7.1", unit="%"),
        "code": {"coding": [{"system": LOINC.uri, "code": "2951-2"}]},
        "valueQuantity": {"value": Decimal(14), "unit": "mmol/L", "code": "mmol/L"},
        "referenceRange": [{"low": {"value": Decimal(135), "code": "mmol/L"}}],
    }
    second = correct(sodium, "140", "mmol/L")
    assert second["valueQuantity"]["value"] == Decimal(140)
    assert [code for concept in second["interpretation"] for _, code in codings(concept)] == ["N"]


def test_a_retracted_result_stays_and_can_be_set_right_but_not_retracted_twice():
    first = build(code="4548-4", value="7.1", unit="%")
    gone = retractions.retracted(first)
    assert (gone["status"], gone["valueQuantity"]) == ("entered-in-error", first["valueQuantity"])
    assert correct(gone)["status"] == "corrected"
    with pytest.raises(BadRequest, match="already"):
        retractions.retracted(gone)


def test_every_recordable_item_is_evidence_for_what_it_says():
    """Codes that close or open a gap stand in one of our value sets; the bare ones say that they are for none."""
    known = {token for found in value_sets().values() for token in found.tokens}
    for item in recordables():
        assert (f"{item.system.uri}|{item.code}" in known) == bool(item.evidence_for), item.name


def test_every_unit_has_bounds_around_its_usual_range():
    for item in recordables():
        for unit in item.units:
            inner = [bound for bound in (unit.reference_low, unit.reference_high) if bound is not None]
            assert unit.low < unit.high, item.name
            assert all(unit.low <= bound <= unit.high for bound in inner), item.name
