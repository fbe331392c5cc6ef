"""What the structural check takes and refuses, with the path it names."""

from __future__ import annotations

import json
import time

import pytest

from ehr_core.kernel.errors import BadRequest, InvalidResource
from ehr_core.store.explain import explain
from ehr_core.store.validation import NotJson, ResourceTooLarge, validate

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o-1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
    "subject": {"reference": "Patient/p-1"},
    "effectiveDateTime": "2024-02-29T10:30:00-05:00",
    "valueQuantity": {"value": 7.1, "unit": "%"},
}
PATIENT = {"resourceType": "Patient", "id": "p-1", "birthDate": "1980-05-01"}


def observation(**changes: object) -> bytes:
    return json.dumps({**OBSERVATION, **changes}).encode()


def patient(**changes: object) -> bytes:
    return json.dumps({**PATIENT, **changes}).encode()


def found(type_name: str, body: bytes) -> dict[str, str]:
    """The issues, by expression. The fast check and the exact one must both refuse."""
    with pytest.raises(InvalidResource) as refused:
        validate(type_name, body)
    assert explain(type_name, body), "the exact check takes what the fast one refuses"
    return {issue.expression: issue.message for issue in refused.value.issues}


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        (observation(status=7), "Observation.status"),
        (observation(status="bogus"), "Observation.status"),
        (observation(status=""), "Observation.status"),
        (observation(status=None), "Observation.status"),
        (observation(code=[]), "Observation.code"),
        (observation(code={}), "Observation.code"),
        (observation(category=[]), "Observation.category"),
        (observation(category={"text": "lab"}), "Observation.category"),
        (observation(nonsense=1), "Observation.nonsense"),
        (observation(valueString="7.1"), "Observation.value[x]"),
        (observation(effectivePeriod={"start": "2024"}), "Observation.effective[x]"),
        (observation(effectiveDateTime="2024-02-30"), "Observation.effectiveDateTime"),
        (observation(effectiveDateTime="2023-02-29T10:00:00Z"), "Observation.effectiveDateTime"),
        (observation(effectiveDateTime="2024-04-31"), "Observation.effectiveDateTime"),
        (observation(effectiveDateTime="2024-13-01"), "Observation.effectiveDateTime"),
        (observation(effectiveDateTime="yesterday"), "Observation.effectiveDateTime"),
        (observation(effectiveDateTime="2024-02-28T10:00:00"), "Observation.effectiveDateTime"),
        (observation(effectiveDateTime="0000"), "Observation.effectiveDateTime"),
        (observation(valueQuantity={"value": "7.1"}), "Observation.valueQuantity.value"),
        (observation(valueQuantity={"value": True}), "Observation.valueQuantity.value"),
        (observation(valueQuantity={"value": 1, "comparator": "~"}), "Observation.valueQuantity.comparator"),
        (
            observation(component=[{"code": {"text": "a"}, "valueQuantity": {"value": "x"}}]),
            "Observation.component[0].valueQuantity.value",
        ),
        (
            observation(component=[{"code": {"text": "a"}}, {"valueInteger": 1}]),
            "Observation.component[1].code",
        ),
        (observation(subject={"reference": 5}), "Observation.subject.reference"),
        (observation(id="a b"), "Observation.id"),
        (observation(id="x" * 65), "Observation.id"),
        (observation(note=[{"text": "x" * 1_048_577}]), "Observation.note[0].text"),
        (observation(extension=[{"url": "http://e"}]), "Observation.extension[0]"),
        (observation(extension=[{"valueString": "x"}]), "Observation.extension[0].url"),
        (
            observation(
                extension=[
                    {"url": "u", "valueString": "x", "extension": [{"url": "v", "valueCode": "y"}]}
                ]
            ),
            "Observation.extension[0]",
        ),
        (patient(extension=[{"url": "u", "valueString": "x", "valueCode": "y"}]), "Patient.extension[0].value[x]"),
        (observation(contained=[{"resourceType": "Patient", "gender": "m"}]), "Observation.contained[0].gender"),
        (observation(contained=[{"id": "x"}]), "Observation.contained[0].resourceType"),
        (observation(valueQuantity={"value": 1, "value ": 2}), "Observation.valueQuantity.value"),
        (patient(gender="F"), "Patient.gender"),
        (patient(multipleBirthInteger=1.5), "Patient.multipleBirthInteger"),
        (patient(multipleBirthInteger=1, multipleBirthBoolean=True), "Patient.multipleBirth[x]"),
        (patient(name=[{"given": ["Ana", None]}]), "Patient.name[0].given[1]"),
        (patient(name=[{}]), "Patient.name[0]"),
        (patient(name="Ana"), "Patient.name"),
        (patient(link=[{"type": "replaced-by"}]), "Patient.link[0].other"),
        (patient(telecom=[{"system": "phone", "value": "a\u0000b"}]), "Patient.telecom[0].value"),
        (patient(resourceType="Person"), "Patient.resourceType"),
        (b'{"resourceType":"Patient","active":true,"active":false}', "Patient.active"),
        (b'{"resourceType":"Patient","name":[{"family":"A","family":"A"}]}', "Patient.name[0].family"),
        (b'{"resourceType":"Patient", "active" : true , "active" : false}', "Patient.active"),
        (b'{"resourceType":"Patient","name":[{"use":"\\u0022:","text":"A","text":"B"}]}', "Patient.name[0].text"),
        (b"[]", "Patient"),
        (b"7", "Patient"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_path(body: bytes, expression: str) -> None:
    kind = "Patient" if b'"Observation"' not in body else "Observation"

    assert expression in found(kind, body)


@pytest.mark.parametrize(
    "body",
    [
        observation(effectiveDateTime="2024"),
        observation(effectiveDateTime="2024-02-29"),
        observation(effectiveDateTime="2000-02-29T23:59:60.123456789+14:00"),
        observation(status=None).replace(b'"status": null', b'"_status": {"extension": [{"url":"u","valueCode":"x"}]}'),
        observation(valueQuantity={"value": 100, "comparator": "<"}),
        observation(note=[{"text": "said \"value\": {} and [] and null at 2024-02-30"}]),
        observation(note=[{"text": "ünïcode \u2028 \U0001f600"}]),
        observation(contained=[{"resourceType": "Patient", "id": "c", "gender": "female"}]),
        observation(contained=[{"resourceType": "Substance", "code": {"text": "x"}}]),
        observation(text={"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}),
        json.dumps(OBSERVATION, indent=2).encode(),
        patient(_birthDate={"extension": [{"url": "u", "valueDateTime": "1980-05-01T10:00:00Z"}]}),
        patient(name=[{"given": ["Ana", None], "_given": [None, {"extension": [{"url": "u", "valueCode": "x"}]}]}]),
        patient(extension=[{"url": "u", "extension": [{"url": "v", "valueCoding": {"code": "x"}}]}]),
        patient(deceasedDateTime="2020"),
        b'{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"}}',
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":12345678901234567890123456789.0123456789}}',
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.0e2}}',
    ],
)  # fmt: skip
def test_what_is_good_is_taken(body: bytes) -> None:
    kind = json.loads(body)["resourceType"]

    validate(kind, body)

    assert explain(kind, body) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"resourceType":"Patient"}x', b"\xff\xfe", b'{"a":"\xff"}', b'{"a":NaN}', b'{"a":"\\ud800"}']
)  # fmt: skip
def test_what_is_not_json_is_said_without_repeating_it(body: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        validate("Patient", body)
    assert isinstance(refused.value, NotJson | InvalidResource)
    assert "ud800" not in refused.value.message


def test_every_issue_is_named_and_no_value_is_repeated() -> None:
    body = observation(status="SECRET", valueQuantity={"value": "SECRET"}, SECRET_=1)

    issues = found("Observation", body)

    assert {"Observation.status", "Observation.valueQuantity.value"} <= set(issues)
    assert "SECRET" not in " ".join(issues.values())


def test_deep_nesting_is_refused_and_not_fatal() -> None:
    deep = b'{"resourceType":"Patient","extension":' + b'[{"url":"u","extension":' * 50_000
    with pytest.raises(BadRequest):
        validate("Patient", deep + b"[]" + b"}]" * 50_000 + b"}")


def test_a_resource_beyond_the_limit_is_too_large() -> None:
    with pytest.raises(ResourceTooLarge):
        validate("Patient", b" " * (16 * 1024 * 1024 + 1))


def test_a_large_attachment_passes() -> None:
    body = {"resourceType": "Binary", "contentType": "application/pdf", "data": "QUJD" * 700_000}
    validate("Binary", json.dumps(body).encode())


def test_a_long_text_is_refused_quickly() -> None:
    started = time.perf_counter()
    found("Patient", patient(name=[{"family": "x" * 3_000_000}]))
    assert time.perf_counter() - started < 2
